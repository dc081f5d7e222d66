"""Applications of somebody else's with the portal in them, under a prefix, in front of the stand-ins."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import portal.backchannel
from portal import Portal
from portal.testing import HOME, Person
from providers.sandbox import RunningSandbox, create_sandbox, running_sandbox, settings
from tests.embedding.library import make_library, manage_logins, protect, reader_of

PREFIXES = ("/people", "/shop/people", "/one", "")
Settings = Callable[[], dict[str, Any]]


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[RunningSandbox]:
    """With the redirect URIs of every prefix that these tests use."""
    registered = [f"{HOME}{prefix}/login/{name}/authorized" for prefix in PREFIXES for name in settings("")]
    with running_sandbox(create_sandbox(redirect_uris=registered)) as running:
        yield running


@pytest.fixture(scope="package", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """The portal makes one a process; here it would be one a test, and each loads all the world's CAs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.backchannel, "_tls_context", cache(portal.backchannel._tls_context))
        yield


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What an application says itself is all there is."""
    monkeypatch.chdir(tmp_path)
    for name in ("PORTAL_CONFIG", "PORTAL_STORE", "PORTAL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def portal_settings(stand_ins: RunningSandbox, tmp_path: Path) -> Settings:
    """Makes what goes into `app.config["PORTAL"]`: keys and a database of its own each time."""

    def make() -> dict[str, Any]:
        return {
            "base_url": HOME,
            "store": f"sqlite:///{tmp_path}/{secrets.token_hex(4)}.db",
            "secret_key": secrets.token_urlsafe(32),
            "token_keys": secrets.token_urlsafe(32),
            "title": "Library card",
            "providers": stand_ins.settings,
        }

    return make


@pytest.fixture
def library(portal_settings: Settings) -> Iterator[Flask]:
    """The library with the portal in it: one import, one line."""
    app = make_library(PORTAL=portal_settings())
    protect(app)
    manage_logins(app)
    Portal(app, url_prefix="/people", on_user=reader_of)
    yield app
    app.extensions["portal"].store.close()


@pytest.fixture
def app(library: Flask) -> Flask:
    return library


@pytest.fixture
def person(app: Flask) -> Person:
    return Person(app)
