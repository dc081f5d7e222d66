"""What is deployed to App Engine: its files say what the code says, and the very entry point starts and serves."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from flask import Flask

from portal.config import Config, ConfigError, load_config
from portal.config.settings import SECRETS
from portal.models import Session
from portal.views.page import STATIC
from tests.config.secret_manager import running_secret_manager
from tests.config.setups import PRODUCTION, SECRET_KEY, TOKEN_KEY

ROOT = Path(__file__).parents[1]
ON_APP_ENGINE = {"GAE_ENV": "standard", "GAE_SERVICE": "default", "GOOGLE_CLOUD_PROJECT": "my-project"}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


APP = read("app.yaml")
GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))


# What the files say.


def test_the_runtime_is_one_that_the_portal_runs_on() -> None:
    assert int(re.fullmatch(r"python3(\d+)", APP["runtime"])[1]) >= 12  # type: ignore[index]


def test_the_entry_point_is_the_gunicorn_that_is_pinned() -> None:
    assert APP["entrypoint"] == 'gunicorn -b :$PORT "portal:create_app()"'
    assert re.search(r"^gunicorn==\S+ \\\n +--hash=sha256:", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


def test_every_address_is_https_only_and_the_portal_has_all_that_is_no_file() -> None:
    assert {handler["secure"] for handler in APP["handlers"]} == {"always"}
    assert APP["handlers"][-1] == {"url": "/.*", "script": "auto", "secure": "always"}


def test_static_files_are_the_portal_s_own_at_the_same_address_with_the_same_headers(app: Flask) -> None:
    (static,) = (handler for handler in APP["handlers"] if "static_dir" in handler)
    assert ROOT / static["static_dir"] == STATIC
    (rule,) = app.url_map.iter_rules("portal.static")
    assert rule.rule == f"{static['url']}/<path:filename>"
    ours = app.test_client().get(f"{static['url']}/portal.css", base_url="http://localhost:8000", buffered=True)
    assert static["http_headers"] == {name: ours.headers[name] for name in ("Cache-Control", "X-Content-Type-Options")}
    assert f"max-age={24 * 3600 * int(static['expiration'].removesuffix('d'))}" in ours.headers["Cache-Control"]


def test_an_instance_is_given_as_many_requests_as_it_has_threads_and_their_number_ends_somewhere() -> None:
    assert APP["automatic_scaling"]["max_concurrent_requests"] == GUNICORN["threads"]
    assert 1 <= APP["automatic_scaling"]["max_instances"] <= 20
    assert APP["inbound_services"] == ["warmup"]


def test_cron_asks_for_what_there_is(app: Flask) -> None:
    (job,) = read("cron.yaml")["cron"]
    assert job["schedule"] == "every 15 minutes"
    assert app.url_map.bind("localhost").match(job["url"], method="GET") == ("portal.tick", {})


def test_no_query_needs_an_index_of_its_own() -> None:
    assert read("index.yaml") == {"indexes": []}


def load_example(folder: Path, variables: dict[str, str]) -> Config:
    with running_secret_manager() as manager:
        secrets = {"secret-key": SECRET_KEY, "token-keys": TOKEN_KEY, "github-client-secret": "s-1"}
        manager.secrets |= {f"my-project/portal-{name}/1": secret for name, secret in secrets.items()}
        return load_config(environ=variables | ON_APP_ENGINE, cwd=folder, open_session=manager.open_session)


def test_the_example_settings_are_good_once_they_are_filled_in(tmp_path: Path) -> None:
    filled_in = {"PROJECT": "my-project", "YOUR_GITHUB_CLIENT_ID": "id-1"}
    variables = {
        name: re.sub("|".join(filled_in), lambda found: filled_in[found[0]], value)
        for name, value in APP["env_variables"].items()
    }
    config = load_example(tmp_path, variables)
    assert config.app_engine
    assert not config.development
    assert config.store == "datastore://my-project"
    assert config.providers["github"].client_secret.plain == "s-1"


def test_the_example_settings_are_refused_until_then(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_example(tmp_path, APP["env_variables"])
    assert {problem.setting for problem in caught.value.problems} == {
        "store", "secret_key", "token_keys", "providers.github.client_id", "providers.github.client_secret",
    }  # fmt: skip


def test_no_secret_is_written_where_everybody_may_read_it() -> None:
    """T82."""
    secrets = {name: value for name, value in APP["env_variables"].items() if name.lower().endswith(tuple(SECRETS))}
    assert len(secrets) == 3
    assert all(value.startswith("sm://") for value in secrets.values())


def test_the_page_for_the_admin_names_what_there_is() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (policy,) = re.findall(r"ttls update (\w+) --collection-group=(\w+) ", page)
    assert policy == ("expires", Session.KIND)
    assert "expires" in Session.__dataclass_fields__
    created = set(re.findall(r"gcloud secrets create (portal-[a-z-]+)", page))
    assert created == set(re.findall(r"sm://PROJECT/([a-z-]+)/1", (ROOT / "app.yaml").read_text(encoding="utf-8")))
    for address in ("/healthz", "/readyz", "/login/github/authorized"):
        assert address in page


# What is sent there.


def ignored(path: Path) -> bool:
    """Whether .gcloudignore keeps a file or folder here, by the part of gitignore's rules that it uses."""
    lines = (ROOT / ".gcloudignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    return any(fnmatch(str(path) if "/" in pattern else path.name, pattern) for pattern in patterns)


def upload(folder: Path) -> None:
    """Copy what `gcloud app deploy` would send."""

    def kept_here(at: str, names: list[str]) -> list[str]:
        return [name for name in names if ignored((Path(at) / name).relative_to(ROOT))]

    shutil.copytree(ROOT, folder, ignore=kept_here)


def test_what_may_hold_a_secret_is_not_sent_nor_is_what_nobody_runs_there(tmp_path: Path) -> None:
    upload(tmp_path / "app")
    sent = {entry.name for entry in (tmp_path / "app").iterdir()}
    assert sent == {
        "LICENSE", "app.yaml", "cron.yaml", "gunicorn.conf.py", "index.yaml", "manage.py", "portal", "providers",
        "requirements.txt", "templates",
    }  # fmt: skip
    assert not (tmp_path / "app" / "providers" / "sandbox").exists()
    for secret in ("portal.toml", "instance", ".env", ".env.production", "token.key", "account.pem", "portal.db-wal"):
        assert ignored(Path(secret)), secret


# It starts.


@dataclass(frozen=True, slots=True)
class Instance:
    """The entry point at work, in what was sent."""

    port: int
    folder: Path
    log: Path

    def gets(self, path: str, *, host: str = "10.0.0.3:8080", **headers: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(
                f"http://127.0.0.1:{self.port}{path}",
                headers={"Host": host} | headers,
                allow_redirects=False,
                timeout=10,
            )


@contextmanager
def running(command: str, folder: Path, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command line, run by a shell as App Engine runs the entry point."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=folder,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
            | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def instance(shared_emulator_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("app-engine")
    upload(folder / "app")
    started = Instance(free_port(), folder / "app", folder / "log")
    settings = PRODUCTION | ON_APP_ENGINE | {
        "PORT": str(started.port),
        "HOME": str(folder / "nobody"),
        "DATASTORE_EMULATOR_HOST": shared_emulator_host,
        "PORTAL_STORE": "datastore://demo?namespace=app-engine",
        "GITHUB_OAUTH_CLIENT_ID": "id-1",
        "GITHUB_OAUTH_CLIENT_SECRET": "s-1",
    }  # fmt: skip
    with running(APP["entrypoint"], started.folder, started.log, **settings) as process:
        ends = time.monotonic() + 20
        while True:
            try:
                assert started.gets("/healthz").status_code == 200
                break
            except requests.ConnectionError:
                assert process.poll() is None, started.log.read_text()
                assert time.monotonic() < ends, started.log.read_text()
                time.sleep(0.05)
        yield started


def test_the_entry_point_warms_up_and_is_ready(instance: Instance) -> None:
    assert (instance.gets("/_ah/warmup").status_code, instance.gets("/_ah/warmup").text) == (200, "ok\n")
    assert (instance.gets("/readyz").status_code, instance.gets("/readyz").text) == (200, "ready\n")


def test_it_serves_people_under_its_own_name_only(instance: Instance) -> None:
    page = instance.gets("/login", host="p.example")
    assert page.status_code == 200
    assert "Continue with GitHub" in page.text
    assert page.headers["Strict-Transport-Security"]
    assert instance.gets("/login", host="my-project.ew.r.appspot.com").status_code == 400


def test_cron_s_tick_reaches_the_store(instance: Instance) -> None:
    cron = {"X-Appengine-Cron": "true"}
    assert instance.gets("/_tasks/tick", host="my-project.ew.r.appspot.com", **cron).status_code == 200
    assert instance.gets("/_tasks/tick", host="p.example").status_code == 404


def test_the_access_log_goes_to_the_output_without_queries(instance: Instance) -> None:
    """T19."""
    instance.gets("/login/github/authorized?code=a-code&state=a-state", host="p.example")
    ends = time.monotonic() + 5
    while "/login/github/authorized" not in instance.log.read_text() and time.monotonic() < ends:
        time.sleep(0.05)
    entries = [json.loads(line) for line in instance.log.read_text().splitlines()]  # as Cloud Logging reads them
    assert any('"GET /login/github/authorized HTTP/1.1" 400' in entry["message"] for entry in entries)
    assert "a-code" not in instance.log.read_text()


def test_nothing_is_written_to_its_disk(instance: Instance) -> None:
    """App Engine's is read-only."""
    instance.gets("/login", host="p.example")
    sent = {path for path in instance.folder.rglob("*") if path.is_file()}
    assert not {path.name for path in sent} & {"instance", "secret.key", "portal.db", "gunicorn.ctl"}
    assert all(path.stat().st_mtime < instance.log.stat().st_ctime for path in sent)
    assert not (instance.folder.parent / "nobody").exists()


# What must not be inherited (T97).


@pytest.mark.parametrize("how", ["--preload", "--preload -w 2"])
def test_a_preloaded_portal_does_not_start(tmp_path: Path, how: str) -> None:
    command = f'gunicorn {how} -b 127.0.0.1:{free_port()} "portal:create_app()"'
    with running(command, ROOT, tmp_path / "log", PORTAL_STORE=f"sqlite:///{tmp_path}/portal.db") as process:
        assert process.wait(20) == 1
    told = (tmp_path / "log").read_text()
    assert "The portal can't be preloaded" in told
    assert "without --preload" in told
    assert "Listening" not in told
    assert "Traceback" not in told


def test_a_setting_that_would_preload_is_off() -> None:
    assert GUNICORN["preload_app"] is False
