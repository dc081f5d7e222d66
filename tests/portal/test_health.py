"""What machines ask is answered in constant words, whatever name they come by, and costs next to nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from portal import create_app
from portal.canary import CANARY, WatchedStore
from portal.config import Config, load_config
from portal.crypto import TokenCipher
from portal.errors import StoreError
from portal.models import Canary, Key
from portal.readiness import CHECK_EVERY, Readiness
from portal.storage import Insert, Store, open_store
from tests.config.setups import PRODUCTION

PROBES = ["/healthz", "/readyz", "/_ah/warmup"]


class Counted:
    """A store that counts its checks, and fails or waits in them if told to. It gives out nothing but the canary."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.checks = 0
        self.down = False
        self.going_on = Event()
        self.going_on.set()

    def check(self) -> None:
        self.checks += 1
        self.going_on.wait(5)
        if self.down:
            raise StoreError("out of reach at db.internal:5432")
        self._store.check()

    def look_up(self, key: Key[Canary]) -> tuple[Canary | None]:
        assert key == CANARY
        return self._store.look_up(key)

    def commit(self, insert: Insert) -> None:
        assert insert.record.key == CANARY
        self._store.commit(insert)

    def __getattr__(self, name: str) -> Any:
        if name in {"list_at", "scan", "transact"}:
            raise AssertionError(f"a probe used {name}")
        return getattr(self._store, name)


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(open_store(f"sqlite:///{tmp_path}/portal.db"))


@pytest.fixture
def app(config: Config, counted: Counted) -> Flask:
    return create_app(config, store=counted)  # type: ignore[arg-type]


@pytest.fixture
def production(tmp_path: Path) -> Flask:
    """Another portal: with keys of its own, on a store of its own."""
    store = Counted(open_store(f"sqlite:///{tmp_path}/production.db"))
    return create_app(load_config(environ=PRODUCTION, cwd=tmp_path), store=store)  # type: ignore[arg-type]


def ask(app: Flask, path: str, *, host: str = "10.8.0.7:8080", method: str = "GET", **how: Any) -> TestResponse:
    return app.test_client().open(path, method=method, base_url=f"http://{host}", **how)


def test_health_asks_nobody(app: Flask, counted: Counted) -> None:
    counted.down = True
    answer = ask(app, "/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert counted.checks == 0


def test_readiness_asks_the_store_for_real(app: Flask, counted: Counted) -> None:
    answer = ask(app, "/readyz")
    assert (answer.status_code, answer.text) == (200, "ready\n")
    assert counted.checks == 1


def test_a_store_out_of_reach_is_a_503_that_says_no_more_than_that(
    app: Flask, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    counted.down = True
    answer = ask(app, "/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")
    assert "db.internal" not in f"{answer.headers}"
    assert "not ready: StoreError out of reach at db.internal:5432" in caplog.text


def test_a_database_file_that_is_gone_bad_is_not_ready(config: Config, tmp_path: Path) -> None:
    (tmp_path / "portal.db").write_bytes(b"not a database " * 400)
    app = create_app(config)
    assert ask(app, "/readyz").status_code == 503
    app.extensions["portal"].store.close()


def test_keys_that_do_not_open_what_they_sealed_are_not_ready(counted: Counted) -> None:
    class Broken(TokenCipher):
        def seal(self, plain: bytes, *owner: str) -> bytes:
            return super().seal(plain, *owner)[:-1] + b"?"

    key = b"0123456789abcdef" * 2
    for cipher, well in ((Broken([key]), False), (TokenCipher([key]), True)):
        assert Readiness(WatchedStore(counted, cipher), cipher).is_ready() is well  # type: ignore[arg-type]


def test_the_store_hears_of_it_once_a_second_at_most(counted: Counted) -> None:
    """T103: what a stranger's probes cost is bounded."""
    now = 1000.0
    cipher = TokenCipher([bytes(32)])
    readiness = Readiness(WatchedStore(counted, cipher), cipher, clock=lambda: now)  # type: ignore[arg-type]
    assert all(readiness.is_ready() for _ in range(100))
    assert counted.checks == 1
    counted.down = True
    now += CHECK_EVERY - 0.01
    assert readiness.is_ready()
    now += 0.02
    assert not any(readiness.is_ready() for _ in range(100))
    assert counted.checks == 2
    counted.down = False
    now += CHECK_EVERY
    assert readiness.is_ready()


def test_many_at_once_are_one_look_up(app: Flask, counted: Counted) -> None:
    counted.going_on.clear()
    answers: list[int] = []
    started = Barrier(9)

    def probe() -> None:
        started.wait()
        answers.append(ask(app, "/readyz").status_code)

    threads = [Thread(target=probe) for _ in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    counted.going_on.set()
    for thread in threads:
        thread.join(5)
    assert answers == [200] * 8
    assert counted.checks == 1


def test_a_warm_up_loads_what_the_first_person_would_wait_for(app: Flask, counted: Counted) -> None:
    cache = app.jinja_env.cache
    assert cache is not None
    before = len(cache)
    answer = ask(app, "/_ah/warmup")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert counted.checks == 1
    names = {template.name for template in cache.values()}
    assert len(cache) > before
    assert {"portal/login.html", "portal/account.html", "portal/error.html"} <= names


def test_a_second_warm_up_does_nothing(app: Flask, counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(app, "/_ah/warmup")
    monkeypatch.setattr("portal.readiness.CHECK_EVERY", 0)
    monkeypatch.setattr(app.jinja_env, "list_templates", lambda **_: pytest.fail("templates were loaded again"))
    for _ in range(20):
        again = ask(app, "/_ah/warmup")
        assert (again.status_code, again.text, dict(again.headers)) == (200, first.text, dict(first.headers))
    assert counted.checks == 1


def test_a_warm_up_says_the_same_when_nothing_works(app: Flask, counted: Counted) -> None:
    counted.down = True
    answer = ask(app, "/_ah/warmup")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_probe_sets_no_cookie_and_is_kept_nowhere(app: Flask, path: str, method: str) -> None:
    cookies = {"portal_session": f"{'u' * 22}.{'s' * 43}", "portal_form": "x.y.z"}
    answer = ask(app, path, method=method, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())})
    assert answer.status_code == 200
    assert answer.headers.getlist("Set-Cookie") == []
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (answer.text == "") == (method == "HEAD")


@pytest.mark.parametrize("path", PROBES)
def test_the_words_are_constant_and_tell_no_version(app: Flask, production: Flask, path: str) -> None:
    words = {ask(each, path).text for each in (app, production)}
    assert words in ({"ok\n"}, {"ready\n"})


HOSTS = ["10.8.0.7:8080", "evil.example", "[::1]", "[fe80::1]:80", "localhost", "p.example", "PORTAL.appspot.com"]


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("host", HOSTS)
def test_a_probe_is_answered_whatever_name_it_came_by(production: Flask, path: str, host: str) -> None:
    assert ask(production, path, host=host).status_code == 200


@pytest.mark.parametrize("header", ["", "a b", "[a:.]", "x/y", "\xe9", "a:99999", "[::1", "@"])
@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_a_host_that_is_none_is_no_crash(production: Flask, path: str, header: str) -> None:
    environ = EnvironBuilder(path).get_environ() | {"HTTP_HOST": header}  # Flask's test client itself would crash
    _, status, _ = run_wsgi_app(production, environ)
    assert status == ("400 BAD REQUEST" if path == "/" else "200 OK")


@pytest.mark.parametrize(
    "host", ["10.8.0.7", "evil.example", "p.example.evil.example", "evil.example:443", "localhost"]
)
@pytest.mark.parametrize("path", ["/", "/login", "/account", "/nowhere", "/healthz/", "/readyz/x", "/portal-static/x"])
def test_nothing_else_is(production: Flask, path: str, host: str) -> None:
    """T28."""
    answer = ask(production, path, host=host)
    assert answer.status_code == 400
    assert answer.text.startswith("There is no site of this name here. (")  # and the number of the log's line


@pytest.mark.parametrize("host", ["p.example", "P.EXAMPLE", "p.example:443"])
def test_the_portal_s_own_name_is_its_own_however_written(production: Flask, host: str) -> None:
    assert ask(production, "/nowhere", host=host).status_code == 404


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_in_development_every_loopback_name_is(app: Flask, host: str) -> None:
    assert ask(app, "/nowhere", host=host, method="HEAD").status_code == 404


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_is_read_only(app: Flask, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "TRACE"):
        assert ask(app, path, method=method, host="localhost:8000").status_code == 405


def test_probes_leave_no_trace_in_the_portal_s_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "portal")
    for path in PROBES:
        ask(app, path)
    assert [record for record in caplog.records if record.name == "portal"] == []
