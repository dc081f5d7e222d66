"""`manage.py check` asks the portal as a browser would, and says what stands in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.wrappers import Response

import portal.backchannel
from portal import create_app
from portal.certificate import make_certificate
from portal.config import load_config
from portal.setup.findings import Finding, Level
from portal.setup.outside import check_outside
from providers.sandbox import running_sandbox
from tests.setup import front, goldens
from tests.setup.conftest import Run, Toml, write

Portal = Callable[[], Flask]
KEYS = {"PORTAL_SECRET_KEY": "sUp0qHqUp8wZ3s4cEuCw2iH9lTnXo5dK7vRrQbYgMfA"}
KEYS |= {"PORTAL_TOKEN_KEYS": "Zr8tV1nM0pQe5yL7cHk2wXa9dSj4uBfG6iTo3RzNqEA"}


def as_it_is(app: Any) -> Any:
    return app


CASES: dict[str, Callable[[Any], Any]] = {
    "answers": as_it_is,
    "502": lambda _: Response("Bad Gateway", 502),
    "another-site": lambda _: Response("<h1>Welcome to nginx!</h1>", mimetype="text/html"),
    "circle": lambda _: Response(status=301, headers={"Location": "/healthz"}),
    "elsewhere": lambda _: Response(status=301, headers={"Location": "https://www.example.com/healthz"}),
    "no-cookies": front.without_cookies,
    "deaf": front.deaf_to_cookies,
    "other-redirect-uri": front.rewriting_redirect_uris,
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.full) if case in ("circle", "elsewhere") else case for case in CASES]
)
def test_what_stands_before_the_portal_is_found(case: str, run: Run, toml: Toml, folder: Path) -> None:
    with front.serving() as served:
        base = f"http://localhost:{served.port}"
        with running_sandbox(redirect_base=base) as sandbox:
            write(folder, toml("google", top=f'base_url = "{base}"\n', base=sandbox.base))
            app = create_app(load_config(environ={}, cwd=folder))
            served.app = CASES[case](app)
            result = run("check")
            app.extensions["portal"].store.close()
    assert (result.exit_code == 0) is (case == "answers"), result.output
    assert ("it is this portal" in result.output) is (case in {"answers", "deaf", "other-redirect-uri"})
    names = {str(folder): "HERE", sandbox.base: "http://SANDBOX", base: "http://localhost:8000"}
    goldens.matches(f"outside-{case}", result.output, names)


def test_a_portal_that_runs_with_another_key_is_not_taken_for_this_one(run: Run, toml: Toml, folder: Path) -> None:
    """The negative control of "it is this portal": all else is the same."""
    with front.serving() as served:
        write(folder, toml("google", top=f'base_url = "http://localhost:{served.port}"\n'))
        served.app = create_app(load_config(environ=KEYS, cwd=folder))
        assert "another portal answers" in run("check").output


def test_nobody_there_is_no_failure_on_ones_own_machine(run: Run, toml: Toml, folder: Path) -> None:
    write(folder, toml("acme", top='base_url = "http://localhost:9"\n'))
    assert "– nobody serves http://localhost:9 " in run("check").output


@contextmanager
def https(patch: pytest.MonkeyPatch, folder: Path, *, trusted: bool = True) -> Iterator[tuple[front.Front, Flask]]:
    """A portal in production, on https://localhost and a port, with a provider that is never asked."""
    certificate = make_certificate()
    (folder / "localhost.pem").write_bytes(certificate.pem)
    if trusted:
        patch.setenv("SSL_CERT_FILE", str(folder / "localhost.pem"))
    patch.setattr(portal.backchannel, "_tls_context", portal.backchannel._tls_context.__wrapped__)
    with front.serving(certificate.server_context()) as served:
        credentials = {"GITHUB_OAUTH_CLIENT_ID": "an-id", "GITHUB_OAUTH_CLIENT_SECRET": "a-client-secret"}
        environ = {"PORTAL_BASE_URL": f"https://localhost:{served.port}", **KEYS, **credentials}
        served.app = create_app(load_config(environ=environ, cwd=folder))
        yield served, served.app


def look(app: Flask) -> list[Finding]:
    return check_outside(app, app.extensions["portal"].backchannel.session())


def test_in_production_the_cookie_must_come_as_it_was_sent(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with https(monkeypatch, folder) as (served, app):
        assert {finding.level for finding in look(app)} == {Level.GOOD}
        served.app = front.with_cookies_of_its_own(app)
        (wrong,) = [finding.says for finding in look(app) if finding.level is Level.PROBLEM]
        assert wrong.startswith("the cookie __Host-portal_form was changed on its way")


def test_a_certificate_that_nobody_vouches_for_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with https(monkeypatch, folder, trusted=False) as (_, app):
        (finding,) = look(app)
        assert "its certificate is not accepted" in finding.says
