"""Somebody with a real browser: what they do in it, and what the browser complains of meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.apps import employer
from tests.serving import ROOT, Served

PICTURES = os.environ.get("PORTAL_TEST_PICTURES")  # a folder: each page is photographed into it
PATIENCE = 30_000  # milliseconds; a page takes a hundredth of it, where the machine is free
REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", event =>
    console.error(`securitypolicyviolation ${event.violatedDirective} ${event.blockedURI}`))"""
expect.set_options(timeout=PATIENCE)


class Watch:
    """A page, and what a person would not notice: complaints of the browser, and hosts that were asked."""

    def __init__(self, context: BrowserContext, portal: Served) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._allowed = {portal.base, portal.sandbox, employer(portal.sandbox)}
        context.on("console", lambda message: self._note(message.type, message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self.hosts.add("/".join(request.url.split("/")[:3])))
        context.add_init_script(REPORT_VIOLATIONS)  # the browser's own words say the same where JavaScript is off
        self.page = context.new_page()

    @property
    def strangers(self) -> set[str]:
        """The hosts that are neither the portal nor its provider."""
        return self.hosts - self._allowed

    def _note(self, kind: str, text: str) -> None:
        # Chromium reports a page's own 4xx status as an error; the status is what the test asks for.
        if kind in {"error", "warning"} and "the server responded with a status of" not in text:
            self.complaints.append(text)


@dataclass(frozen=True)
class Look:
    """Over what, and how, a journey is made."""

    secure: bool
    javascript: bool
    scheme: str
    width: int
    federated: bool = False

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}-{'js' if self.javascript else 'nojs'}-{self.scheme}-{self.width}"


LOOKS = [
    Look(secure=False, javascript=False, scheme="light", width=800),
    Look(secure=True, javascript=True, scheme="dark", width=320, federated=True),
]


@dataclass
class Visitor:
    """Somebody's browser in front of the portal: a page that is open, and what they are called at the providers."""

    page: Page
    portal: Served
    look: Look
    watch: Watch
    another_browser: Callable[[], Visitor]
    name: str
    subject: str

    def opens(self, path: str) -> None:
        """Types an address of the portal."""
        self.page.goto(f"{self.portal.base}{path}")

    def presses(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()

    def is_themselves(self) -> None:
        """On the stand-in's consent page: the person of this test, whom no other test meets."""
        self.page.get_by_label("Name", exact=True).fill(self.name)
        self.page.get_by_label("Id", exact=True).fill(self.subject)
        self.page.locator("button.main").click()

    def comes_with(self, provider: str) -> None:
        self.presses(f"Continue with {provider}")
        self.is_themselves()

    def signs_up_with(self, provider: str) -> None:
        """From the sign-in page to an account of their own."""
        self.opens("/login?next=/account")
        self.comes_with(provider)
        if provider == "Facebook":  # of whose people everybody is asked
            self.presses("Create my account")
        self.is_at("/account")

    def is_at(self, path: str) -> None:
        expect(self.page).to_have_url(f"{self.portal.base}{path}")

    def reads(self, heading: str) -> None:
        """The page is the one with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def is_told(self, sentence: str) -> None:
        expect(self.page.get_by_role("status")).to_contain_text(sentence)

    def recovery_link(self) -> str:
        """What the admin's command prints for their account."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self.page.context.cookies(self.portal.base)}
        user_id = next(value for name, value in cookies.items() if name.endswith("portal_session")).partition(".")[0]
        return self._link("recover", user_id)

    def invitation(self) -> str:
        """What another of the admin's commands prints."""
        return self._link("invite")

    def _link(self, *command_of_users: str) -> str:
        command = [sys.executable, "manage.py", "users", *command_of_users]
        ran = subprocess.run(
            command, cwd=ROOT, env=self.portal.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return next(word for word in ran.stdout.split() if word.startswith(self.portal.base))

    def photographs(self, name: str) -> None:
        """Keep a picture of the page where a folder for them is named, and see that it fits the screen."""
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}-{self.look}.png"), full_page=True)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(wide) <= 0, f"{name} is wider than {self.look.width} pixels"
