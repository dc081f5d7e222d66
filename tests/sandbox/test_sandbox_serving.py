"""How the sandbox is served: from a thread, from the command line, and what it lets tests see of itself."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
import requests
from sandbox_application import AUTHORIZE, Application

from providers.sandbox import create_sandbox, running_sandbox, settings
from providers.sandbox.__main__ import main

DISCOVERY = "/google/.well-known/openid-configuration"


def test_connections_are_kept_alive(application: Application) -> None:
    url = urlsplit(application.sandbox.base)
    line = http.client.HTTPConnection(url.hostname or "", url.port)
    line.request("GET", DISCOVERY)
    line.getresponse().read()
    first = line.sock
    assert first is not None
    line.request("POST", "/google/token", body="grant_type=none", headers={"Content-Type": "text/plain"})
    line.getresponse().read()
    line.request("GET", DISCOVERY)
    assert line.getresponse().read()
    assert line.sock is first
    line.close()


def test_the_journal_has_method_path_and_status_but_no_query() -> None:
    with running_sandbox() as sandbox, requests.Session() as client:
        application = Application(sandbox, "github", client)
        application.knows({"name": "Someone"})
        assert sandbox.requests == [
            ("GET", "/github/login/oauth/authorize", 303),
            ("POST", "/github/login/oauth/access_token", 200),
            ("GET", "/github/api/user", 200),
        ]
        assert sandbox.counts["GET /github/api/user"] == 1

        told = client.get(f"{sandbox.base}/_sandbox/requests").json()
        assert told["requests"][0] == {"method": "GET", "path": AUTHORIZE["github"], "status": 303}
        assert told["counts"] == sandbox.counts


@pytest.mark.parametrize("over_http", [True, False])
def test_a_reset_forgets_requests_codes_and_tokens(over_http: bool) -> None:
    with running_sandbox() as sandbox, requests.Session() as client:
        application = Application(sandbox, "google", client)
        token, code = application.signs_in()["access_token"], application.gets_code()
        if over_http:
            assert client.post(f"{sandbox.base}/_sandbox/reset").status_code == 204
        else:
            sandbox.reset()
        assert sandbox.requests == []
        assert application.reads_profile(token).status_code == 401
        assert "error" in application.redeems(code).json()


def test_it_ends_at_once_even_with_a_hanging_answer_under_way() -> None:
    with requests.Session() as client:
        with running_sandbox() as sandbox:
            application = Application(sandbox, "github", client)
            token = application.signs_in({"name": "x", "trouble": "hang"})["access_token"]
            line = _connect(sandbox.base)
            line.sendall(_ask(sandbox.base, token, "Expect: 100-continue"))
            assert line.recv(4096).startswith(b"HTTP/1.1 100")  # so the request has been taken up
            start = time.monotonic()
        with line:
            assert time.monotonic() - start < 10
            assert line.recv(4096) == b""


def test_static_files_are_there_and_foreign_paths_are_not(application: Application) -> None:
    get = application.http.get
    assert get(f"{application.sandbox.base}/_sandbox/static/sandbox.css").status_code == 200
    assert get(f"{application.sandbox.base}/_sandbox/static/person.svg").status_code == 200
    assert get(f"{application.sandbox.base}/elsewhere").status_code == 404


def test_the_settings_name_addresses_of_this_sandbox() -> None:
    told = settings("http://127.0.0.1:8001")
    assert told["google"].keys() == {"issuer", "client_id", "client_secret"}
    assert told["github"]["api_url"] == "http://127.0.0.1:8001/github/api"
    assert told["facebook"]["api_url"] == "http://127.0.0.1:8001/facebook/v25.0"
    assert told["facebook"]["client_id"].isdigit()


@pytest.mark.parametrize(
    "base", ["https://localhost:8000", "http://portal.example", "https://portal.example", "localhost:8000", ""]
)
def test_a_portal_that_is_not_plain_http_on_this_machine_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="for development"):
        create_sandbox(redirect_base=base)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--host", "0.0.0.0"], "loopback"),
        (["--host", "192.168.1.5"], "loopback"),
        (["--host", "portal.example"], "loopback"),
        (["--redirect-base", "https://localhost:8000"], "for development"),
        (["--port", "70000"], "65535"),
    ],
)
def test_what_must_not_be_served_is_refused_in_one_sentence(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert word in said
    assert len(said.splitlines()) == 1


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    said = capsys.readouterr().err
    assert "in use" in said
    assert len(said.splitlines()) == 1


def test_the_command_serves_with_gunicorn_keeps_connections_drips_headers_and_ends_on_request() -> None:
    command = [sys.executable, "-m", "providers.sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()}
    ) as server:
        try:
            assert server.stdout is not None
            base = next(word for word in server.stdout.readline().split() if word.startswith("http://"))
            with requests.Session() as client:
                client.trust_env = False
                _sign_in_and_drip(base, client)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0


def _sign_in_and_drip(base: str, client: requests.Session) -> None:
    class Outside:
        """The part of a running sandbox that a client of another process has."""

    outside = Outside()
    outside.base, outside.settings = base, settings(base)  # type: ignore[attr-defined]
    application = Application(outside, "github", client)  # type: ignore[arg-type]
    assert application.knows({"name": "Zoë"})["name"] == "Zoë"
    assert client.get(f"{base}/_sandbox/requests").headers["Connection"] == "keep-alive"
    assert client.get(f"{base}/_sandbox/requests").json()["counts"]["GET /github/api/user"] == 1
    token = application.signs_in({"name": "x", "trouble": "drip_headers"})["access_token"]
    with _connect(base) as line:
        line.sendall(_ask(base, token))
        assert b"HTTP/1".startswith(line.recv(4096) + line.recv(4096))


def _connect(base: str) -> socket.socket:
    url = urlsplit(base)
    return socket.create_connection((url.hostname or "", url.port or 0), timeout=5)


def _ask(base: str, token: str, *headers: str) -> bytes:
    host = f"Host: {urlsplit(base).netloc}"
    lines = ["GET /github/api/user HTTP/1.1", host, "User-Agent: test", f"Authorization: token {token}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()
