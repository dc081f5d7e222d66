"""Tab, Enter and Space are enough: each stop in its order, none left out, and the one that has the focus is visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.visitor import LOOKS, Look, Visitor

pytestmark = pytest.mark.full  # every stop of many pages

FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"
LIST_STOPS = f"""() => [...document.querySelectorAll({FOCUSABLE!r})].filter(element =>
    element.tabIndex >= 0 && element.checkVisibility()).map(element => element.outerHTML)"""
FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect()
    return {
        html: element.outerHTML,
        name: (element.labels?.[0] ?? element).innerText,
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        on_screen: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
    }
}"""


def _focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FOCUSED)
    return found


def _problems(page: Page) -> list[str]:
    """Walks a page that was just opened from its first stop to its last."""
    problems = []
    for stop in page.evaluate(LIST_STOPS):
        page.keyboard.press("Tab")
        focused = _focused(page)
        if focused["html"] != stop:
            return [*problems, f"{stop} was expected, {focused['html'][:200]} has the focus"]
        problems += [f"{stop}: not {what}" for what in ("outlined", "on_screen") if not focused[what]]
    page.keyboard.press("Tab")
    if _focused(page)["html"].startswith("<body") or len(page.evaluate(LIST_STOPS)) == 0:
        return problems
    first = page.evaluate(LIST_STOPS)[0]
    return problems if _focused(page)["html"] == first else [*problems, "the last stop is not the last"]


class Keys:
    """Uses the visitor's page without a pointer."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page

    def walks_the_page(self) -> None:
        assert _problems(self.page) == []

    def goes_to(self, name: str) -> None:
        """Tab, until what is called so has the focus."""
        seen = []
        for _ in range(40):
            self.page.keyboard.press("Tab")
            seen.append(" ".join(_focused(self.page)["name"].split()))
            if seen[-1].startswith(name):
                return
        raise AssertionError(f"no way to {name!r} by keyboard: {seen}")

    def presses(self, name: str, key: str = "Enter") -> None:
        self.goes_to(name)
        self.page.keyboard.press(key)

    def is_themselves(self) -> None:
        """At the stand-in: writes name and id, and Enter."""
        self.visitor.page.wait_for_url("**/*client_id=*")
        for label, text in (("Name", self.visitor.name), ("Id", self.visitor.subject)):
            self.goes_to(label)
            self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")


def test_signing_in_adding_and_removing_without_a_pointer(visitor: Visitor) -> None:
    keys = Keys(visitor)
    visitor.opens("/login?next=/account")
    keys.walks_the_page()
    visitor.opens("/login?next=/account")
    keys.presses("Continue with Google")
    keys.is_themselves()
    visitor.reads(visitor.name)
    keys.walks_the_page()

    keys.presses("Add GitHub", "Space")
    keys.is_themselves()
    visitor.reads("Add GitHub?")
    keys.walks_the_page()
    keys.presses("Add it", "Space")
    visitor.is_told("GitHub was added.")

    keys.presses("Remove")  # opens what belongs to Google, the one that is listed first
    visitor.photographs("keyboard-open")
    keys.presses("Sign out on all other devices", "Space")
    assert not visitor.page.get_by_label("Sign out on all other devices").first.is_checked()
    keys.presses("Remove Google")
    visitor.is_told("Google was removed.")
    keys.presses("Sign out")
    visitor.is_told("You are signed out here.")


def test_no_stop_of_a_page_is_left_out(visitor: Visitor) -> None:
    for path in ("/", "/login/google", "/nowhere", "/login/github/authorized?code=x&state=y"):
        visitor.opens(path)
        Keys(visitor).walks_the_page()


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ("document.styleSheets[0].insertRule(':focus-visible { outline: none !important }', 0)", "not outlined"),
        ("document.querySelector('form button').tabIndex = 5", "has the focus"),
        ("document.querySelector('form button').style.marginLeft = '-900px'", "not on_screen"),
    ],
    ids=["no-outline", "another-order", "off-the-screen"],
)
def test_a_page_that_is_hard_to_use_would_be_noticed(
    visit: Callable[[Look], Visitor], change: str, noticed: str
) -> None:
    visitor = visit(LOOKS[0])
    visitor.opens("/login")
    visitor.page.evaluate(change)
    assert any(noticed in problem for problem in _problems(visitor.page))
