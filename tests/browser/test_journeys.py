"""What people do, in a real browser, with the pages' security policy enforced.

In `make verify` each is made twice: without JavaScript over plain http on a wide light screen, and over https in
production on a small dark one, with providers that send their people on to a third host. Whatever the browser
complains of, and whoever is asked beside the provider, fails the test by itself (`visit` in conftest.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.apps import employer
from tests.browser.visitor import Visitor


@pytest.mark.parametrize(
    "provider",
    ["Google", pytest.param("GitHub", marks=pytest.mark.full), pytest.param("Facebook", marks=pytest.mark.full)],
)
def test_signing_up_signing_out_and_coming_back(visitor: Visitor, provider: str) -> None:
    page, name = visitor.page, provider.lower()
    visitor.opens("/account")
    visitor.reads("Sign in")
    visitor.photographs(f"{name}-1-sign-in")
    visitor.comes_with(provider)
    if provider == "Facebook":  # of whose people everybody is asked
        visitor.reads("New here?")
        visitor.photographs(f"{name}-1-welcome")
        visitor.presses("Create my account")
    expect(page).to_have_url(re.compile(re.escape(visitor.portal.base) + "/account#?$"))  # without Facebook's `#_=_`
    visitor.reads("Hedy Lamarr")
    visitor.photographs(f"{name}-2-account")

    visitor.presses("Sign out")
    visitor.is_told("You are signed out here.")
    expect(page.get_by_role("button", name=f"Continue with {provider} Last used")).to_be_visible()
    visitor.photographs(f"{name}-3-signed-out")

    visitor.opens("/account")
    visitor.comes_with(provider)  # and is not asked again
    visitor.reads("Hedy Lamarr")
    if visitor.look.federated:
        assert employer(visitor.portal.sandbox) in visitor.watch.hosts


def test_who_used_another_button_last_time_is_one_press_from_their_account(visitor: Visitor) -> None:
    page = visitor.page
    visitor.signs_up_with("Google")
    visitor.presses("Sign out")
    visitor.opens("/login?next=/account")
    visitor.comes_with("GitHub")
    visitor.reads("New here?")
    expect(page.get_by_role("button", name="Create my account")).to_be_visible()
    visitor.photographs("welcome")
    visitor.comes_with("Google")
    visitor.is_at("/account")
    visitor.is_told("GitHub was added.")
    expect(page.get_by_role("listitem").filter(has_text="Google").first).to_contain_text("This session")
    visitor.photographs("account-two")


@pytest.mark.full
def test_a_way_in_is_added_and_removed(visitor: Visitor) -> None:
    page = visitor.page
    visitor.signs_up_with("Google")
    expect(page.get_by_role("heading", name="Add a second way in")).to_be_visible()
    visitor.photographs("account-one")

    visitor.presses("Add GitHub")
    visitor.is_themselves()
    visitor.reads("Add GitHub?")
    visitor.photographs("confirm")
    visitor.presses("Add it")
    visitor.is_told("GitHub was added.")

    visitor.presses("Add GitHub")
    visitor.is_themselves()
    visitor.reads("You have that one already")
    page.get_by_role("link", name="Go to your account").click()

    github = page.get_by_role("listitem").filter(has=page.get_by_text("GitHub", exact=True))
    github.get_by_text("Remove", exact=True).click()
    visitor.photographs("account-remove")
    visitor.presses("Remove GitHub")
    visitor.is_told("GitHub was removed.")
    visitor.photographs("account-removed")


@pytest.mark.full
def test_a_name_is_changed_and_everything_downloaded(visitor: Visitor) -> None:
    page = visitor.page
    visitor.signs_up_with("GitHub")
    page.get_by_label("The name that is shown").fill("Hedy Lamarr Kiesler")
    visitor.presses("Save")
    visitor.reads("Hedy Lamarr Kiesler")
    visitor.is_told("Saved.")
    visitor.photographs("account-named")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    assert download.value.suggested_filename.endswith(".json")
    assert "Hedy Lamarr Kiesler" in json.dumps(json.loads(Path(download.value.path()).read_text()))


@pytest.mark.full
def test_an_account_is_deleted_after_proving_once_more_who_one_is(visitor: Visitor) -> None:
    page = visitor.page
    visitor.signs_up_with("Google")
    visitor.opens("/account/prove?next=/account/delete")  # where ten minutes later the link would lead
    visitor.reads("Is it still you?")
    visitor.photographs("prove")
    visitor.comes_with("Google")
    visitor.reads("Delete your account?")
    visitor.photographs("delete")
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Delete this account").click()
    visitor.presses("Delete it for good")
    visitor.is_told("Your account is gone")
    visitor.photographs("gone")
    visitor.opens("/account")
    visitor.reads("Sign in")


@pytest.mark.full
def test_a_recovery_link_opens_the_account_with_something_new(visitor: Visitor) -> None:
    visitor.signs_up_with("Google")
    link = visitor.recovery_link()

    elsewhere = visitor.another_browser()
    elsewhere.page.goto(link)
    elsewhere.reads("A new way into your account")
    elsewhere.photographs("recover")
    elsewhere.comes_with("GitHub")
    elsewhere.is_at("/account")
    expect(elsewhere.page.locator("main")).to_contain_text("GitHub")
    expect(elsewhere.page.locator("main")).to_contain_text("Google")
    elsewhere.page.goto(link)
    elsewhere.reads("This link doesn't work any more")
    elsewhere.photographs("link-spent")


@pytest.mark.full
def test_who_says_no_at_the_provider_starts_again(visitor: Visitor) -> None:
    visitor.opens("/login?next=/account")
    visitor.presses("Continue with GitHub")
    visitor.presses("Deny")
    visitor.reads("You are not signed in")
    visitor.photographs("denied")
    visitor.comes_with("GitHub")
    visitor.is_at("/account")


@pytest.mark.full
def test_a_form_that_has_expired_is_pressed_once_more(visitor: Visitor) -> None:
    visitor.opens("/login?next=/account")
    visitor.page.context.clear_cookies(name=re.compile("portal"))
    visitor.presses("Continue with Google")
    visitor.reads("This page was open too long")
    visitor.photographs("form-expired")
    visitor.presses("Start again with Google")
    visitor.is_themselves()
    visitor.is_at("/account")


@pytest.mark.full
def test_a_provider_that_is_down_leaves_the_others(visitor: Visitor) -> None:
    page = visitor.page
    visitor.opens("/login?next=/account")
    visitor.presses("Continue with GitHub")
    page.locator("summary").click()
    page.get_by_label("Error 500").check()
    page.get_by_label("Token").check()
    visitor.is_themselves()
    visitor.reads("GitHub does not answer")
    visitor.photographs("provider-down")
    visitor.comes_with("Google")
    visitor.is_at("/account")


@pytest.mark.full
def test_a_bookmarked_callback_is_a_page_with_a_button(visitor: Visitor) -> None:
    visitor.opens("/login/github/authorized?code=x&state=" + "a" * 43)
    visitor.reads("This sign-in did not begin here")
    visitor.photographs("flow-missing")
    visitor.presses("Start again with GitHub")
    visitor.is_themselves()
    visitor.reads("You are signed in as Hedy Lamarr")
    visitor.photographs("home-signed-in")


@pytest.mark.full
def test_an_address_that_is_not_there_leads_home(visitor: Visitor) -> None:
    visitor.opens("/nowhere")
    visitor.reads("There is no such page")
    visitor.photographs("not-found")
    visitor.page.get_by_role("link", name="Go to the front page").click()
    visitor.reads("Welcome")
    visitor.photographs("home")


@pytest.mark.full
def test_two_tabs_both_sign_in(visitor: Visitor) -> None:
    first, second = visitor.page, visitor.page.context.new_page()
    for visitor.page in (first, second):
        visitor.opens("/login?next=/account")
        visitor.presses("Continue with GitHub")
    for visitor.page in (second, first):
        visitor.is_themselves()
        visitor.is_at("/account")


@pytest.mark.full
def test_the_back_button_after_signing_in_is_no_trouble(visitor: Visitor) -> None:
    visitor.signs_up_with("GitHub")
    visitor.page.go_back()  # to the consent page
    visitor.is_themselves()  # and on: the code is good, the flow is not
    visitor.is_at("/account")
    visitor.page.go_back()
    visitor.page.go_back()
    visitor.opens("/login?next=/account")
    visitor.is_at("/account")


@pytest.mark.full
def test_a_shared_computer_keeps_nothing(visitor: Visitor) -> None:
    page = visitor.page
    visitor.opens("/login?next=/account")
    page.get_by_label("This is a shared computer").check()
    visitor.photographs("shared-sign-in")
    visitor.comes_with("Google")
    here = page.get_by_role("listitem").filter(has_text="This browser")
    expect(here).to_contain_text("Shared computer")
    visitor.photographs("shared-account")
    session = next(cookie for cookie in page.context.cookies(visitor.portal.base) if "session" in cookie["name"])
    assert session["expires"] == -1  # it ends with the browser
    visitor.presses("Sign out")
    visitor.is_told("You are signed out here.")
    expect(page.get_by_text("Last used")).to_have_count(0)
    visitor.photographs("shared-signed-out")


@pytest.mark.full
def test_a_device_is_ended_from_another(visitor: Visitor) -> None:
    visitor.signs_up_with("GitHub")
    elsewhere = visitor.another_browser()
    elsewhere.signs_up_with("GitHub")
    visitor.opens("/account")
    visitor.photographs("devices")
    visitor.page.get_by_role("button", name=re.compile("^End .*, last seen")).click()
    visitor.is_told("That device is signed out.")
    visitor.photographs("device-ended")
    elsewhere.opens("/account")
    elsewhere.reads("Sign in")
    visitor.opens("/account")
    visitor.reads(visitor.name)


@pytest.mark.full
def test_all_other_devices_are_ended_and_then_all(visitor: Visitor) -> None:
    visitor.signs_up_with("Google")
    elsewhere = visitor.another_browser()
    elsewhere.signs_up_with("Google")
    elsewhere.presses("End all others")
    elsewhere.is_told("All other devices are signed out.")
    visitor.opens("/account")
    visitor.reads("Sign in")

    visitor.comes_with("Google")
    visitor.is_at("/account")
    elsewhere.opens("/account")
    elsewhere.presses("End all, this one too")
    elsewhere.is_told("You are signed out on all devices")
    elsewhere.photographs("everywhere")
    visitor.opens("/account")
    visitor.reads("Sign in")
