"""The pytest fixtures: stand-in providers, settings that point to them, people with browsers. They sign nobody in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.testing.person import HOME, Person
from providers.sandbox import RunningSandbox, create_sandbox, running_sandbox, settings


@pytest.fixture(scope="session")
def portal_prefix() -> str:
    """The portal's `url_prefix` in the application; override it where there is one."""
    return ""


@pytest.fixture(scope="session")
def portal_sandbox(portal_prefix: str) -> Iterator[RunningSandbox]:
    """Stand-ins for Google, GitHub and Facebook, over real HTTP on this machine, for all tests of this run."""
    registered = [f"{HOME}{portal_prefix}/login/{name}/authorized" for name in settings("")]
    with running_sandbox(create_sandbox(redirect_uris=registered)) as running:
        yield running


@pytest.fixture
def portal_settings(portal_sandbox: RunningSandbox, tmp_path: Path) -> dict[str, Any]:
    """What goes into `app.config["PORTAL"]`: the stand-ins, keys of this test alone, and an empty database."""
    return {
        "base_url": HOME,
        "store": f"sqlite:///{tmp_path}/portal.db",
        "secret_key": secrets.token_urlsafe(32),
        "token_keys": secrets.token_urlsafe(32),
        "providers": portal_sandbox.settings,
    }


@pytest.fixture
def person(app: Flask) -> Person:
    """Somebody with a browser of their own. `app` is the application's own fixture."""
    return Person(app)


@pytest.fixture
def people(app: Flask) -> Callable[[], Person]:
    """As many of them as one likes, each with a browser."""
    return lambda: Person(app)
