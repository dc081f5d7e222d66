"""`manage.py demo` and `run`, as a newcomer meets them: they start, say one sentence, and stop when told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=10)


def _says(process: subprocess.Popen[str], sentence: str) -> str:
    heard = ""
    ends = time.monotonic() + 20
    assert process.stdout
    while sentence not in heard:
        assert time.monotonic() < ends, heard
        line = process.stdout.readline()
        assert line, heard
        heard += line
    return heard


def test_the_demo_starts_says_where_it_is_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    port, sandbox_port = _free_port(), _free_port()
    store = f"sqlite:///{tmp_path}/demo.db"
    options = ("--port", str(port), "--sandbox-port", str(sandbox_port))
    with _started("demo", *options, PORTAL_STORE=store, GITHUB_OAUTH_CLIENT_ID="a-real-one") as demo:
        heard = _says(demo, "Ctrl-C stops everything.")
        assert f"http://localhost:{port}" in heard
        page = requests.get(f"http://localhost:{port}/login", timeout=5)
        assert re.findall(r"Continue with (\w+)", page.text) == ["Google", "GitHub", "Facebook"]
        demo.send_signal(signal.SIGINT)
        assert demo.wait(10) == 0
    for gone in (port, sandbox_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", gone)) != 0, "something was left running"


@pytest.mark.full
@pytest.mark.parametrize("command", ["demo", "run"])
def test_a_port_in_use_is_a_sentence(command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [sys.executable, "manage.py", command, "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=20
        )
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: port {port} is in use")
    assert "Traceback" not in result.stderr


def test_run_tells_all_that_is_wrong_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text(
        'base_url = "http://login.example.com"\n[providers.github]\nclient_id = "x"\n'
    )
    result = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env={**os.environ, "PORTAL_CONFIG": str(tmp_path / "portal.toml")},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for setting in ("base_url", "providers.github.client_secret", "secret_key", "token_keys"):
        assert setting in result.stderr


@pytest.mark.full
def test_without_a_provider_run_starts_and_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text("")
    port = _free_port()
    environment = {"PORTAL_CONFIG": str(tmp_path / "portal.toml"), "PORTAL_STORE": f"sqlite:///{tmp_path}/portal.db"}
    with _started("run", "--port", str(port), **environment) as portal:
        heard = _says(portal, "Listening at")
        ends = time.monotonic() + 10
        while "client_secret" not in heard and time.monotonic() < ends:
            heard += portal.stdout.readline() if portal.stdout else ""
        assert "client_id" in heard
        page = requests.get(f"http://localhost:{port}/", timeout=5)
        assert page.status_code == 503
        assert "client_id" in page.text
        assert "client_secret" in page.text
