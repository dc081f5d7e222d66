"""What all tests share: the sandbox, a portal on a fresh database, and people who use it."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from portal import create_app
from portal.config import Config, load_config
from providers.sandbox import RunningSandbox, running_sandbox
from tests.emulator import NoEmulator, find_jar, running_emulator
from tests.person import HOME, Person

STRICT = bool(os.environ.get("PORTAL_TEST_STRICT"))
FULL = bool(os.environ.get("PORTAL_TEST_FULL"))


# `make test` has a minute and a half. Of one test in many cases it takes three from all over the list; files that start
# many processes, or wait for clocks most of the time, are for `make verify`, which walks everything.
MANY = 3
IN_MANY_CASES = ("flows", "sandbox", "storage", "portal", "embedding", "setup", "admin")
FOR_VERIFY = {
    "tests/admin/test_people_commands.py",
    "tests/config/test_config_secret_manager.py",
    "tests/flows/test_avatars.py",
    "tests/flows/test_crawl.py",
    "tests/flows/test_forward_auth_proxies.py",
    "tests/flows/test_odd_people.py",
    "tests/flows/test_provider_states.py",
    "tests/flows/test_provider_trouble.py",
    "tests/flows/test_somebody_elses_provider.py",
    "tests/flows/test_tabs.py",
    "tests/flows/test_web_edge.py",
    "tests/portal/test_backchannel.py",
    "tests/portal/test_log_lines.py",
    "tests/portal/test_sweep.py",
    "tests/races/test_crowds.py",
    "tests/races/test_refresh.py",
    "tests/sandbox/test_sandbox_serving.py",
    "tests/sandbox/test_sandbox_troubles.py",
    "tests/storage/test_contract_races.py",
    "tests/storage/test_datastore.py",
    "tests/storage/test_datastore_processes.py",
    "tests/test_app_engine.py",
    "tests/test_manage_https.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as full what is for `make verify` alone."""
    cases = defaultdict(list)
    for item in items:
        file = item.nodeid.partition("::")[0]
        if file in FOR_VERIFY:
            item.add_marker(pytest.mark.full)
        elif file.split("/")[1] in IN_MANY_CASES:
            cases[item.nodeid.partition("[")[0]].append(item)
    for all_of_it in cases.values():
        some = {each * len(all_of_it) // MANY for each in range(MANY)}
        for number, item in enumerate(all_of_it):
            if len(all_of_it) > MANY and number not in some:
                item.add_marker(pytest.mark.full)


@pytest.fixture(scope="session", autouse=True)
def rules_are_compiled_once() -> Iterator[None]:
    """Let applications share Werkzeug's compiled URL builders: nearly every test makes an application."""
    compiled: dict[Any, Any] = {}
    compile_builder = Rule._compile_builder

    def remember(self: Rule, append_unknown: bool = True) -> Any:
        defaults = tuple((self.defaults or {}).items())
        key = (append_unknown, tuple(self._trace), defaults, frozenset(self.arguments))
        if key not in compiled:
            compiled[key] = compile_builder(self, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", remember)
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under PORTAL_TEST_STRICT=1 what the machine lacks is a failure: a skip proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if STRICT and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("PORTAL_TEST_STRICT: a skip is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether to run at full size, as `make verify` does."""
    return FULL


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """The three stand-ins, over real HTTP, for all tests of this run."""
    with running_sandbox(redirect_base=HOME) as running:
        yield running


@pytest.fixture
def environ(sandbox: RunningSandbox, tmp_path: Path) -> dict[str, str]:
    """The settings of a portal in front of the sandbox, as environment variables that a test may change."""
    settings = {"PORTAL_BASE_URL": HOME, "PORTAL_STORE": f"sqlite:///{tmp_path}/portal.db"}
    for name, values in sandbox.settings.items():
        settings |= {f"PORTAL_PROVIDERS__{name}__{key}".upper(): value for key, value in values.items()}
    return settings


@pytest.fixture
def config(environ: dict[str, str], tmp_path: Path) -> Config:
    """The configuration that `environ` makes."""
    return load_config(environ=environ, cwd=tmp_path)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """A portal of its own on a fresh database, in front of the sandbox."""
    app = create_app(config)
    yield app
    app.extensions["portal"].store.close()


@pytest.fixture
def person(app: Flask) -> Person:
    """Somebody with a browser of their own."""
    return Person(app)


@pytest.fixture
def people(app: Flask) -> Callable[[], Person]:
    """As many of them as one likes, each with a browser."""
    return lambda: Person(app)


@pytest.fixture(scope="session")
def shared_emulator_host() -> Iterator[str]:
    """`host:port` of a Datastore emulator: the one the environment names, else one of our own for all tests."""
    if named := os.environ.get("DATASTORE_EMULATOR_HOST"):
        yield named
        return
    try:
        with running_emulator() as emulator:
            yield emulator.host
    except NoEmulator as missing:
        pytest.skip(str(missing))


@pytest.fixture
def emulator_host(shared_emulator_host: str) -> str:
    """The emulator of this test."""
    return shared_emulator_host


@pytest.fixture(scope="module")
def crowded_emulator_host(shared_emulator_host: str) -> Iterator[str]:
    """At full size another emulator for this file alone: with thousands of rows in it, it is slow for all after us."""
    if not FULL or find_jar() is None:
        yield shared_emulator_host
        return
    with running_emulator() as emulator:
        yield emulator.host


@pytest.fixture
def datastore_url(emulator_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store on the emulator: each test has a namespace of its own."""
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", emulator_host)
    return f"datastore://demo?namespace={secrets.token_hex(8)}"
