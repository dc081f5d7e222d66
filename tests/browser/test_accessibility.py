"""Every page passes axe-core's check, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.serving import Served

pytestmark = pytest.mark.full  # every page, in a browser

NOBODY = "/login/github/authorized?code=x&state=" + "a" * 43
SIGNED_OUT = ["/", "/login", "/login?next=/account", "/login/google", "/nowhere", NOBODY, "/welcome", "/recover?code=x"]
SIGNED_IN = ["/", "/account", "/account/prove", "/account/delete"]
SUBJECTS = map(str, count(1910))  # nobody is to meet somebody of an earlier test


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.full)])
def page(chromium: Browser, portal: Served, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser with JavaScript, which the checker needs; the pages have none and allow none."""
    context = chromium.new_context(
        color_scheme=request.param, viewport={"width": 320, "height": 700}, bypass_csp=True, base_url=portal.base
    )
    yield context.new_page()
    context.close()


def test_no_page_violates_a_rule(page: Page) -> None:
    _check(page, SIGNED_OUT)
    page.goto("/login?next=/account")
    _comes_as(page, "Continue with Facebook", next(SUBJECTS))
    _check(page, ["/welcome", "/welcome?next=/account"])
    page.get_by_role("button", name="Create my account").click()
    _comes_as(page, "Add Facebook", next(SUBJECTS))
    _check(page, ["/account/add", *SIGNED_IN])
    page.goto("/account/add")
    page.get_by_role("button", name="Add it").click()
    for remove in page.get_by_text("Remove", exact=True).all():
        remove.click()
    assert _violated(page) == set()
    page.get_by_role("button", name="Remove Facebook").first.click()
    assert _violated(page) == set()


def _comes_as(page: Page, button: str, subject: str) -> None:
    page.get_by_role("button", name=button).click()
    page.get_by_label("Name", exact=True).fill("Dorothy Vaughan")
    page.get_by_label("Id", exact=True).fill(subject)
    page.locator("button.main").click()


def test_the_checker_does_catch_a_bad_page(page: Page) -> None:
    page.set_content("<html><body><img src='x'><p style='color:#aaa;background:#bbb'>faint</p></body></html>")
    assert {"image-alt", "html-has-lang", "color-contrast"} <= _violated(page)


def _check(page: Page, paths: list[str]) -> None:
    for path in paths:
        page.goto(path)
        assert _violated(page) == set(), path
        scrolls = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not scrolls, f"{path} is wider than a small phone"


def _violated(page: Page) -> set[str]:
    return {violation["id"] for violation in Axe().run(page).response["violations"]}
