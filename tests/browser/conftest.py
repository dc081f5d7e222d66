"""A real browser in front of a portal served as in production, over http and over https, and who sits before it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.apps import FEDERATED
from tests.browser.certificate import fingerprint, make_certificate
from tests.browser.visitor import LOOKS, PATIENCE, Look, Visitor, Watch
from tests.serving import Certificate, Served, served

FLAGS = [
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FULL = bool(os.environ.get("PORTAL_TEST_FULL"))
STAND_INS = "tests.browser.apps:stand_ins()"
_subjects = count(5001)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def chromium(certificate: Certificate) -> Iterator[Browser]:
    """Debian's Chromium, which trusts our certificate; Playwright's own builds are not fetched."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: scripts/install-system installs Chromium")
    trust = f"--ignore-certificate-errors-spki-list={fingerprint(certificate)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, trust])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One portal over plain http for all journeys; each of them is a person of its own."""
    folder = tmp_path_factory.mktemp("http")
    with served("tests.browser.apps:portal_with_errors()", folder=folder, stand_ins=STAND_INS) as portal:
        yield portal


@pytest.fixture(scope="session")
def secure_portal(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[Served]:
    """The same over https, in production."""
    folder = tmp_path_factory.mktemp("https")
    with served("portal:create_app()", folder=folder, stand_ins=STAND_INS, certificate=certificate) as portal:
        yield portal


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[[Look], Visitor]]:
    """Makes visitors. At the end of each test: no complaint of any browser, and nobody was asked but the provider."""
    watches: list[Watch] = []
    contexts: list[BrowserContext] = []

    def make(look: Look, known_as: Visitor | None = None) -> Visitor:
        portal = request.getfixturevalue("secure_portal" if look.secure else "portal")
        context = chromium.new_context(
            color_scheme=look.scheme,  # type: ignore[arg-type]
            viewport={"width": look.width, "height": 700},
            java_script_enabled=look.javascript,
        )
        context.set_default_timeout(PATIENCE)
        if look.federated:
            context.add_cookies([{"name": FEDERATED, "value": "1", "url": portal.sandbox}])
        contexts.append(context)
        watches.append(Watch(context, portal))
        subject = known_as.subject if known_as else str(next(_subjects))
        visitor = Visitor(
            watches[-1].page, portal, look, watches[-1], lambda: make(look, visitor), "Hedy Lamarr", subject
        )
        return visitor

    yield make
    for context in contexts:
        context.close()
    for watch in watches:
        assert watch.complaints == []
        assert watch.strangers == set()


@pytest.fixture(params=LOOKS if FULL else [LOOKS[0]], ids=str)
def visitor(visit: Callable[[Look], Visitor], request: pytest.FixtureRequest) -> Visitor:
    """Somebody who comes for the first time."""
    return visit(request.param)
