"""A folder of its own with a configuration in it, the sandbox beside it, and `manage.py` in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import manage
import portal.backchannel
import portal.setup.check
from providers import _discovery, _keys
from providers.sandbox import Issuer, RunningSandbox, create_sandbox, running_sandbox
from providers.sandbox.clients import issuer_settings, settings
from tests.person import HOME

Run = Callable[..., Result]
Toml = Callable[..., str]


@pytest.fixture(scope="package", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """One for all tests: each loads all the world's CAs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.backchannel, "_tls_context", cache(portal.backchannel._tls_context))
        yield


@pytest.fixture(scope="package")
def stand_ins() -> Iterator[RunningSandbox]:
    """The three, and a plain issuer, for all tests here."""
    with running_sandbox(create_sandbox(redirect_base=HOME, issuers=[Issuer(name="acme")])) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with no setting in the environment, and nothing remembered of any issuer."""
    for name in list(os.environ):
        if name.startswith(("PORTAL_", "GITHUB_OAUTH", "GOOGLE_OAUTH", "FACEBOOK_OAUTH", "GAE_", "K_SERVICE")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)  # which an application before us may have set
    monkeypatch.setattr(portal.setup.check, "today", lambda: date(2026, 11, 21))
    empty = tmp_path / "here"
    empty.mkdir()
    monkeypatch.chdir(empty)
    _discovery.discovery.forget()
    _keys.key_sets.forget()
    return empty


@pytest.fixture
def run(folder: Path) -> Run:
    """Runs a command of `manage.py`."""

    def run(*arguments: str, answers: str = "") -> Result:
        result = CliRunner().invoke(manage.main, arguments, input=answers)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def toml(stand_ins: RunningSandbox) -> Toml:
    """The text of a portal.toml for the sandbox: `names` of its providers, with some settings changed."""

    def toml(*names: str, top: str = "", base: str = stand_ins.base, **changes: dict[str, Any]) -> str:
        known = settings(base) | {"acme": issuer_settings(base, "acme")}
        text = top
        for name in names:
            text += f"\n[providers.{name}]\n"
            text += "".join(f'{key} = "{value}"\n' for key, value in (known[name] | changes.get(name, {})).items())
        return text

    return toml


def write(folder: Path, text: str | bytes, *, mode: int = 0o600) -> Path:
    """A portal.toml in the folder."""
    file = folder / "portal.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return file
