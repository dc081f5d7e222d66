"""What people do, in a real browser, with the pages' security policy enforced and JavaScript switched off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.serving import Served


def _button(page: Page, provider: str) -> None:
    page.get_by_role("button", name=f"Continue with {provider}").click()


@pytest.mark.parametrize("provider", ["Google", "GitHub", "Facebook"])
def test_two_presses_and_a_person_is_on_the_account_page(watched: Watched, portal: Served, provider: str) -> None:
    page, name = watched.page, f"{provider.lower()}-{watched.page.viewport_size['width']}"  # type: ignore[index]
    page.goto(f"{watched.base}/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    watched.photograph(f"{name}-1-sign-in")
    _button(page, provider)
    page.get_by_role("button", name="Ada Lovelace").click()
    if page.get_by_role("heading", level=1).inner_text() == "New here?":  # of Facebook's people everybody is asked
        watched.photograph(f"{name}-1-welcome")
        page.get_by_role("button", name="Create my account").click()
    expect(page).to_have_url(re.compile(re.escape(watched.base) + "/account#?$"))  # without Facebook's `#_=_`
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    watched.photograph(f"{name}-2-account")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("You are signed out here.")
    expect(page.get_by_role("button", name=f"Continue with {provider} Last used")).to_be_visible()
    watched.photograph(f"{name}-3-signed-out")

    assert watched.complaints == []
    assert watched.hosts <= {watched.base, portal.sandbox}


@pytest.mark.full
def test_who_says_no_at_the_provider_gets_all_buttons_again(watched: Watched) -> None:
    page = watched.page
    page.goto(watched.base)
    _button(page, "GitHub")
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    expect(page.get_by_role("button", name="Continue with Google")).to_be_visible()
    watched.photograph(f"denied-{page.viewport_size['width']}")  # type: ignore[index]
    assert watched.complaints == []


@pytest.mark.full
def test_two_tabs_both_sign_in(watched: Watched) -> None:
    first, second = watched.page, watched.page.context.new_page()
    for tab in (first, second):
        tab.goto(f"{watched.base}/login?next=/account")
    for tab in (first, second):
        _button(tab, "GitHub")
    for tab in (second, first):
        tab.get_by_role("button", name="Ada Lovelace").click()
        expect(tab).to_have_url(f"{watched.base}/account")


@pytest.mark.full
def test_the_back_button_after_signing_in_is_no_trouble(watched: Watched) -> None:
    page = watched.page
    page.goto(f"{watched.base}/login?next=/account")
    _button(page, "GitHub")
    page.get_by_role("button", name="Ada Lovelace").click()
    expect(page).to_have_url(f"{watched.base}/account")
    page.go_back()
    page.go_back()
    page.goto(f"{watched.base}/login?next=/account")
    expect(page).to_have_url(f"{watched.base}/account")


@pytest.mark.full
def test_the_keyboard_is_enough(watched: Watched) -> None:
    page = watched.page
    page.goto(f"{watched.base}/login?next=/account")
    page.get_by_role("button", name="Continue with Google").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Continue with GitHub")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ada Lovelace").press("Enter")
    expect(page).to_have_url(f"{watched.base}/account")


def _comes_as(page: Page, provider: str, name: str, subject: str) -> None:
    """Somebody of one's own at the provider: the portal of these tests is shared, and its people are not to meet."""
    _button(page, provider)
    _is(page, name, subject)


def _is(page: Page, name: str, subject: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Id", exact=True).fill(subject)
    page.locator("button.main").click()


def test_who_used_another_button_last_time_is_one_press_from_their_account(watched: Watched) -> None:
    page, width = watched.page, watched.page.viewport_size["width"]  # type: ignore[index]
    page.goto(f"{watched.base}/login?next=/account")
    _comes_as(page, "Google", "Hedy Lamarr", f"{width}1914")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{watched.base}/login?next=/account")
    _comes_as(page, "GitHub", "Hedy Lamarr", f"{width}1914")
    expect(page.get_by_role("heading", level=1)).to_have_text("New here?")
    expect(page.get_by_role("button", name="Create my account")).to_be_visible()
    watched.photograph(f"welcome-{width}")
    _comes_as(page, "Google", "Hedy Lamarr", f"{width}1914")
    expect(page).to_have_url(f"{watched.base}/account")
    expect(page.get_by_role("status")).to_contain_text("GitHub was added.")
    expect(page.get_by_role("listitem").filter(has_text="This session")).to_contain_text("Google")
    watched.photograph(f"account-two-{width}")
    assert watched.complaints == []


@pytest.mark.full
def test_a_way_in_is_added_and_removed_and_the_account_deleted(watched: Watched) -> None:
    page, width = watched.page, watched.page.viewport_size["width"]  # type: ignore[index]
    page.goto(f"{watched.base}/login?next=/account")
    _comes_as(page, "Google", "Mary Jackson", f"{width}1921")
    expect(page.get_by_role("heading", name="Add a second way in")).to_be_visible()
    watched.photograph(f"account-one-{width}")

    page.get_by_role("button", name="Add GitHub").click()
    _is(page, "Mary Jackson", f"{width}1921")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add GitHub?")
    watched.photograph(f"confirm-{width}")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("status")).to_contain_text("GitHub was added.")

    github = page.get_by_role("listitem").filter(has=page.get_by_text("GitHub", exact=True))
    github.get_by_text("Remove", exact=True).click()
    watched.photograph(f"account-remove-{width}")
    page.get_by_role("button", name="Remove GitHub").click()
    expect(page.get_by_role("status")).to_contain_text("GitHub was removed.")

    page.get_by_label("The name that is shown").fill("Mary W. Jackson")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mary W. Jackson")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    assert download.value.suggested_filename.endswith(".json")

    page.goto(f"{watched.base}/account/prove?next=/account/delete")
    watched.photograph(f"prove-{width}")
    _is_it_still(page, "Google", "Mary Jackson", f"{width}1921")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete your account?")
    watched.photograph(f"delete-{width}")
    page.get_by_role("button", name="Delete it for good").click()
    expect(page.get_by_role("status")).to_contain_text("Your account is gone")
    watched.photograph(f"gone-{width}")
    page.goto(f"{watched.base}/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert watched.complaints == []


def _is_it_still(page: Page, provider: str, name: str, subject: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it still you?")
    _button(page, provider)
    _is(page, name, subject)
