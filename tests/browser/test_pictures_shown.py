"""A person's picture in a real browser: drawn on the page under its policy, and asked of nobody but the portal."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.full
WIDTH = "async image => { await image.decode(); return image.naturalWidth }"


def test_the_account_page_shows_the_picture_and_initials_are_drawn_as_well(visitor: Visitor) -> None:
    visitor.signs_up_with("GitHub")
    image = visitor.page.locator("main img.face")
    expect(image).to_be_visible()
    assert image.evaluate(WIDTH) == 96
    image.evaluate("image => { image.src = '/avatar/nobody' }")
    assert image.evaluate(WIDTH) == 96
    visitor.opens("/avatar/nobody")
    expect(visitor.page.locator("text")).to_have_text("?")
    assert visitor.watch.strangers == set()
