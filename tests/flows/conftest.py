"""What the tests through the front door look at behind it: the rows, the log, and what the providers were asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

import portal.backchannel
from portal import create_app
from portal.config import load_config
from portal.models import Email, Event, OAuth, Session, Token, User
from portal.storage import Store
from providers.sandbox import RunningSandbox

pytest.register_assert_rewrite("tests.flows.stops")

MakeApp = Callable[..., Flask]
Rows = Callable[[], dict[str, int]]
Wait = Callable[[timedelta], None]
KINDS = (User, OAuth, Token, Session, Email, Event)


class _CompiledOnce(BytecodeCache):
    """The templates' bytecode, kept for the next application: compiling it anew would be half of a test's time."""

    kept: dict[str, bytes] = {}  # noqa: RUF012 - shared on purpose

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="package", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """The portal makes one a process; here it would be one a test, and each loads all the world's CAs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.backchannel, "_tls_context", cache(portal.backchannel._tls_context))
        yield


@pytest.fixture
def make_app(environ: dict[str, str], tmp_path: Path) -> Iterator[MakeApp]:
    """Makes portals: of `environ` with some variables changed (None removes one), on a store of its own or `store`."""
    made = []

    def make(*, store: Store | None = None, **changes: str | None) -> Flask:
        changed = {name: value for name, value in (environ | changes).items() if value is not None}
        app = create_app(load_config(environ=changed, cwd=tmp_path), store=store)
        app.jinja_env.bytecode_cache = _CompiledOnce()
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["portal"].store.close()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A portal of its own on a fresh database, in front of the sandbox."""
    return make_app()


@pytest.fixture
def store(app: Flask) -> Store:
    """The portal's own store."""
    return app.extensions["portal"].store


@pytest.fixture
def rows(store: Store) -> Rows:
    """How many rows there are of each kind, now."""
    return lambda: count_rows(store)


def count_rows(store: Store) -> dict[str, int]:
    """Notes of refusals don't count: test_history.py does that."""
    counts = {kind.KIND: len(store.scan(kind, limit=1000)) for kind in KINDS}
    return counts | {"Event": sum(1 for event in store.scan(Event, limit=1000) if event.what != "refused")}


@pytest.fixture
def wait(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Lets time pass, for the accounts alone."""
    accounts = app.extensions["portal"].accounts
    now, passed = accounts._now, [timedelta()]
    for holder, name in ((accounts, "_now"), (accounts._records, "now")):
        monkeypatch.setattr(holder, name, lambda: now() + passed[0])

    def pass_by(time: timedelta) -> None:
        passed[0] += time

    return pass_by


@pytest.fixture
def calls(sandbox: RunningSandbox) -> Callable[[], int]:
    """How many calls the portal's server made to the providers so far; what browsers asked them doesn't count."""
    in_browsers = ("/auth", "/authorize", "/dialog/oauth")
    return lambda: sum(n for asked, n in sandbox.counts.items() if not asked.endswith(in_browsers))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The portal's log lines at WARNING and above, so far; everything at DEBUG and above is in `caplog`."""
    caplog.set_level(logging.DEBUG)
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name == "portal" and record.levelno >= logging.WARNING
    ]
