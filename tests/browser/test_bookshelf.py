"""The example in a real browser: signed in, a book put on the shelf, and no rule of axe's violated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.visitor import PATIENCE, Watch
from tests.serving import Served, served

pytestmark = pytest.mark.full


@pytest.fixture
def bookshelf(tmp_path: Path) -> Iterator[Served]:
    application = "examples.bookshelf:create_app()"
    with served(application, folder=tmp_path, BOOKSHELF_SECRET_KEY="of these tests") as running:
        yield running


def test_ada_puts_a_book_on_the_shelf(bookshelf: Served, chromium: Browser) -> None:
    with chromium.new_context(viewport={"width": 320, "height": 700}) as context:
        context.set_default_timeout(PATIENCE)
        watch = Watch(context, bookshelf)
        page = watch.page
        page.goto(f"{bookshelf.base}/mine")
        page.get_by_role("button", name="Continue with GitHub").click()
        page.get_by_role("button", name="Ada Lovelace").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("My books")
        page.get_by_role("link", name="Add a book").click()
        page.get_by_label("Title").fill("Notes on the Analytical Engine")
        page.get_by_label("Author").fill("Ada Lovelace")
        check(page)
        page.get_by_role("button", name="Put it on the shelf").click()
        expect(page.get_by_role("status")).to_contain_text("is on the shelf")
        expect(page.get_by_role("link", name="Ada Lovelace")).to_be_visible()
        drawn = "async () => { await Promise.all([...document.images].map(image => image.decode())); return true }"
        assert page.evaluate(drawn)
        check(page)
        page.get_by_role("button", name="Sign out").click()
        page.goto(bookshelf.base)
        expect(page.get_by_text("Notes on the Analytical Engine")).to_be_visible()
        check(page)
    assert watch.complaints == []
    assert watch.strangers == set()


def check(page: Page) -> None:
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
