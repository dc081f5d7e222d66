"""A real browser in front of a portal served as in production."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.serving import Served, served

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
PICTURES = os.environ.get("PORTAL_TEST_PICTURES")  # a folder: each page is photographed into it


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; Playwright's own builds are not fetched."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: scripts/install-system installs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One portal for all journeys; each of them is a person of its own."""
    with served("portal:create_app()", folder=tmp_path_factory.mktemp("browser")) as portal:
        yield portal


class Watched:
    """A page, and what a person would not notice: complaints of the browser, and hosts that were asked."""

    def __init__(self, page: Page, portal: Served) -> None:
        self.page = page
        self.base = portal.base
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("request", lambda request: self.hosts.add("/".join(request.url.split("/")[:3])))

    def _note(self, kind: str, text: str) -> None:
        # Chromium reports a page's own 4xx status as an error; the status is what the test asks for.
        if kind in {"error", "warning"} and "the server responded with a status of" not in text:
            self.complaints.append(text)

    def photograph(self, name: str) -> None:
        """Keep a picture of the page, where a folder for them is named."""
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


@pytest.fixture(
    params=[("light", 800), ("dark", 320)] if FULL else [("dark", 320)], ids=lambda look: f"{look[0]}-{look[1]}"
)
def watched(chromium: Browser, portal: Served, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A browser of one's own without JavaScript, wide and light or narrow and dark."""
    scheme, width = request.param
    context = chromium.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 700}, java_script_enabled=False
    )
    yield Watched(context.new_page(), portal)
    context.close()
