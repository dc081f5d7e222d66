"""Every page passes axe-core's check, light and dark, and fits a small phone as well as a wide screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from portal.errors import Outcome
from portal.views import TEMPLATES
from tests.browser.visitor import Look, Visitor

pytestmark = pytest.mark.full  # every page, in a browser

WIDTHS = (1280, 800, 320)
LOOK = Look(secure=False, javascript=True, scheme="light", width=320)
PARTS = {"layout", "macros"}  # templates that are no page by themselves, as those with a leading `_`
SIGNED_OUT = {  # template, and the addresses and headings it is looked at under
    "home": [("/", "Welcome")],
    "login": [("/login", "Sign in"), ("/login?next=/account", "Sign in"), ("/login/google", "Sign in with Google")],
    "deletion": [("/deletion?code=x", "Deletion of your data")],
}
SIGNED_IN = {
    "home": [("/", "You are signed in as Hedy Lamarr")],
    "account": [("/account", "Hedy Lamarr")],
    "prove": [("/account/prove", "Is it still you?")],
    "history": [("/account/history", "What happened")],
    "delete": [("/account/delete", "Delete your account?")],
}
ON_THE_WAY = {"welcome", "confirm", "invite", "recover", "told"}  # the last test comes by them
ERRORS = {"error"}


@pytest.fixture
def hedy(visit: Callable[[Look], Visitor]) -> Visitor:
    """Somebody with a browser that the checker can be put into; of the pages' policy, other tests see to it."""
    return visit(LOOK)


def test_no_error_page_violates_a_rule(hedy: Visitor) -> None:
    for outcome in Outcome:
        hedy.opens(f"/errors/{outcome.code}")
        _check(hedy)
        if hedy.page.locator(".choice").count():  # else it says the same on the way to the account
            hedy.opens(f"/errors/{outcome.code}?account=1")
            _check(hedy)
    hedy.opens("/errors/form-expired?back=/account/prove")
    _check(hedy)


def test_no_page_violates_a_rule(hedy: Visitor) -> None:
    _check_all(hedy, SIGNED_OUT)
    hedy.opens("/login?next=/account")
    hedy.comes_with("Facebook")
    hedy.reads("New here?")
    _check(hedy)
    hedy.presses("Create my account")
    hedy.reads("Hedy Lamarr")
    hedy.presses("Add GitHub")
    hedy.is_themselves()
    hedy.reads("Add GitHub?")
    _check(hedy)
    hedy.presses("Add it")
    hedy.is_told("GitHub was added.")
    for remove in hedy.page.get_by_text("Remove", exact=True).all():
        remove.click()
    _check(hedy)
    _check_all(hedy, SIGNED_IN)
    hedy.opens("/account")
    hedy.presses("Show what GitHub tells us")
    hedy.reads("What GitHub tells us")
    _check(hedy)
    link = hedy.recovery_link()
    hedy.opens("/account")
    hedy.presses("Sign out")
    hedy.is_told("You are signed out here.")
    _check(hedy)
    hedy.page.goto(link)
    hedy.reads("A new way into your account")
    _check(hedy)
    hedy.page.goto(hedy.invitation())
    hedy.reads("You are invited")
    _check(hedy)


def test_names_of_any_length_and_direction_fit(hedy: Visitor) -> None:
    hedy.signs_up_with("GitHub")
    for name in ("W" * 190, "نجيب محفوظ " * 8, "Ærøskøbing-Ödön " * 9, ""):
        hedy.page.get_by_label("The name that is shown").fill(name)
        hedy.presses("Save")
        hedy.is_told("Saved.")
        _check(hedy)
        hedy.opens("/")
        _check(hedy)
        hedy.opens("/account")


def test_no_template_is_left_out() -> None:
    pages = {path.stem for path in (TEMPLATES / "portal").glob("*.html") if not path.stem.startswith("_")}
    assert pages - PARTS == SIGNED_OUT.keys() | SIGNED_IN.keys() | ON_THE_WAY | ERRORS


def test_the_checker_does_catch_a_bad_page(hedy: Visitor) -> None:
    hedy.page.set_content("<html><body><img src='data:,'><p style='color:#aaa;background:#bbb'>faint</p></body></html>")
    assert {"image-alt", "html-has-lang", "color-contrast"} <= _violated(hedy.page)
    hedy.page.set_content("<html><style>@media (prefers-color-scheme: dark) { p { color: #fee } }</style><p>faint</p>")
    assert "color-contrast" not in _violated(hedy.page)
    assert "color-contrast" in _violated(hedy.page, scheme="dark", runOnly=["color-contrast"])
    hedy.page.set_content("<p style='width: 400px; background: white'>wide</p>")
    assert _too_wide(hedy.page) == [320]


def _check_all(visitor: Visitor, pages: dict[str, list[tuple[str, str]]]) -> None:
    for path, heading in (page for pages_of_template in pages.values() for page in pages_of_template):
        visitor.opens(path)
        visitor.reads(heading)
        _check(visitor)


def _check(visitor: Visitor) -> None:
    page = visitor.page
    assert _violated(page) == set(), page.url
    assert _violated(page, scheme="dark", runOnly=["color-contrast"]) == set(), f"{page.url}, dark"
    assert _too_wide(page) == [], page.url


def _violated(page: Page, *, scheme: str = "light", **options: Any) -> set[str]:
    """The rules that the page violates; colours are all that differs between light and dark."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})
    return {violation["id"] for violation in found["violations"]}


def _too_wide(page: Page) -> list[int]:
    """The widths of a window that one would have to scroll sideways."""
    scrolls = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            scrolls.append(width)
    return scrolls
