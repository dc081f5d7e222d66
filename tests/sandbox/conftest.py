"""One sandbox for all tests here, and each of its three stand-ins in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from sandbox_application import Application

from providers.sandbox import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def application(sandbox: RunningSandbox, request: pytest.FixtureRequest) -> Iterator[Application]:
    with requests.Session() as http:
        http.trust_env = False
        yield Application(sandbox, request.param, http)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of an application runs with all three, unless its module says `PROVIDERS`."""
    if "application" in metafunc.fixturenames:
        names = getattr(metafunc.module, "PROVIDERS", ["google", "github", "facebook"])
        metafunc.parametrize("application", names, indirect=True)
