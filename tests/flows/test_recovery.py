"""Losing a provider is not losing the account: the advice to add a second way in, and the admin's one-use link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from portal.errors import Outcome
from portal.models import Event, OAuth, Pending, User
from portal.pending import RECOVERY_LIFETIME
from portal.storage import Store, Update
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

People = Callable[[], Person]
CODE = "recovery-code-0123456789-0123456789-0123456"
LINK = f"/recover?code={CODE}"


@pytest.fixture
def lost(app: Flask, people: People) -> str:
    """The user whose Google account is lost, and for whom a link was made."""
    ada = people()
    ada.signs_in_with("google")
    assert ada.user_id
    assert app.extensions["portal"].accounts.membership.make_recovery(ada.user_id, CODE)
    return ada.user_id


def recovers(person: Person, provider: str = "github", as_: str = "ada") -> str:
    """Opens the link and chooses; gives the callback."""
    person.opens(LINK)
    assert person.sees.heading == "A new way into your account"
    return person.consents(person.posts(f"/recover/{provider}").location, as_)


def whats(store: Store) -> list[str]:
    return [event.what for event in store.scan(Event, limit=100)]


# The link.


@pytest.mark.parametrize("provider", ["github", "facebook"])
def test_the_link_adds_a_new_way_in_and_signs_in(person: Person, lost: str, store: Store, provider: str) -> None:
    assert person.ends_on(recovers(person, provider)) == "/account"
    assert person.user_id == lost
    assert {(oauth.entry, oauth.user_id) for oauth in store.scan(OAuth)} == {("google", lost), (provider, lost)}
    assert sorted(whats(store)) == ["linked", "recovery-link-made", "signed-up"]
    person.signs_out()
    person.signs_in_with(provider)
    assert person.user_id == lost


def test_it_works_once(person: Person, people: People, lost: str, rows: Rows, store: Store) -> None:
    second = people()
    callback = recovers(second, "github", "grace")
    assert person.ends_on(recovers(person)) == "/account"
    before = rows()
    second.returns(callback)
    assert_stops(second, Outcome.LINK_SPENT)
    second.opens(LINK)
    assert_stops(second, Outcome.LINK_SPENT)
    assert (rows(), second.user_id) == (before, None)
    assert store.scan(Pending) == []


def test_it_works_for_a_quarter_of_an_hour(person: Person, lost: str, wait: Wait, rows: Rows) -> None:
    wait(RECOVERY_LIFETIME - timedelta(seconds=30))
    callback = recovers(person)
    person.opens(LINK)
    form = person.sees.form("/recover/github")
    wait(timedelta(seconds=30))
    before = rows()
    person.returns(callback)
    assert_stops(person, Outcome.LINK_SPENT)
    person.submits(form)
    assert_stops(person, Outcome.LINK_SPENT)
    person.opens(LINK)
    assert_stops(person, Outcome.LINK_SPENT)
    assert (rows(), person.user_id) == (before, None)


@pytest.mark.parametrize("code", ["", "wrong", CODE[:-1], CODE + "x", CODE.upper(), "ä" * 50, "x" * 5000, "%00"])
def test_a_wrong_code_opens_nothing(person: Person, lost: str, code: str) -> None:
    assert person.opens(f"/recover?code={code}").status_code == 404
    assert_stops(person, Outcome.LINK_SPENT)
    person.opens(LINK)
    person.posts("/recover/github", code=code)
    assert_stops(person, Outcome.LINK_SPENT)
    assert len(person.flows) == 0


def test_no_other_secret_is_a_recovery_link(person: Person, people: People, lost: str) -> None:
    """What waits for an answer is kept in the same place."""
    other = people()
    other.comes_with("facebook")
    person.opens(f"/recover?code={other.cookies['portal_waiting']}")
    assert_stops(person, Outcome.LINK_SPENT)
    person.keeps("portal_waiting", CODE)
    person.opens("/welcome")
    assert_stops(person, Outcome.WAITED_TOO_LONG)


def test_nothing_happens_by_reading_the_page(person: Person, lost: str, rows: Rows) -> None:
    """A mail scanner follows links."""
    before = rows()
    for _ in range(3):
        person.opens(LINK)
    assert person.opens("/recover/github").status_code == 405
    assert rows() == before
    person.opens(LINK)
    person.posts("/recover/github", csrf_token="")
    assert_stops(person, Outcome.FORM_EXPIRED)
    assert person.ends_on(recovers(person)) == "/account"


def test_a_press_of_another_site_s_is_refused(person: Person, lost: str) -> None:
    person.opens(LINK)
    fields = person.sees.form("/recover/github").fields
    person.sends("/recover/github", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert_stops(person, Outcome.CROSS_SITE)


def test_who_is_signed_in_as_somebody_else_is_not_switched(person: Person, lost: str, rows: Rows) -> None:
    person.signs_in_with("facebook", "grace")
    user_id, before = person.user_id, rows()
    person.returns(recovers(person))
    page = assert_stops(person, Outcome.SIGNED_IN_AS_ANOTHER, "github")
    assert (rows(), person.user_id) == (before, user_id)
    person.submits(page.form("/logout"))
    assert person.ends_on(recovers(person)) == "/account", "and the link still works"
    assert person.user_id == lost


def test_an_identity_of_another_account_is_not_taken_from_it(
    person: Person, people: People, lost: str, rows: Rows
) -> None:
    people().signs_in_with("github", "grace")
    before = rows()
    person.returns(recovers(person, "github", "grace"))
    assert_stops(person, Outcome.ANOTHERS, "github")
    assert (rows(), person.user_id) == (before, None)


@pytest.mark.parametrize("change", [{"epoch": 1}, {"status": "suspended"}])
@pytest.mark.parametrize("before_the_callback", [True, False])
def test_a_change_of_the_account_ends_it(
    person: Person, lost: str, store: Store, change: dict[str, object], before_the_callback: bool, rows: Rows
) -> None:
    callback = recovers(person) if before_the_callback else ""
    (user,) = store.scan(User)
    store.commit(Update(replace(user, **change)))  # type: ignore[arg-type]
    before = rows()
    person.returns(callback) if callback else person.opens(LINK)
    assert_stops(person, Outcome.LINK_SPENT)
    assert (rows(), person.user_id) == (before, None)


def test_who_says_no_there_may_choose_again(person: Person, lost: str) -> None:
    person.returns(recovers(person, "github", "deny"))
    assert_stops(person, Outcome.DENIED, "github")
    assert person.ends_on(recovers(person)) == "/account"


@pytest.mark.parametrize("provider", ["nobody", "facebook"])
def test_a_provider_that_is_not_on_is_not_found(person: Person, lost: str, make_app: MakeApp, provider: str) -> None:
    after = Person(make_app(PORTAL_PROVIDERS__FACEBOOK__ENABLED="false"))
    after.opens(LINK)
    assert [form.action for form in after.sees.forms] == ["/recover/google", "/recover/github"]
    after.submits(replace(after.sees.form("/recover/github"), action=f"/recover/{provider}"))
    assert_stops(after, Outcome.NOT_FOUND)


def test_the_code_is_in_no_log(person: Person, lost: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    callback = recovers(person)
    person.returns(callback)
    person.opens(LINK)
    person.opens(f"/recover?code={CODE}x")
    assert "link-spent" in caplog.text
    assert CODE not in caplog.text


def test_the_code_goes_to_no_provider(person: Person, lost: str) -> None:
    person.opens(LINK)
    assert person.page is not None
    assert person.page.headers["Referrer-Policy"] == "same-origin"
    for provider in PROVIDERS:
        person.opens(LINK)
        assert CODE not in person.posts(f"/recover/{provider}").location


def test_there_is_no_link_for_who_is_not_there(app: Flask, lost: str, store: Store) -> None:
    make = app.extensions["portal"].accounts.membership.make_recovery
    before = whats(store)
    assert make("nobody", "another") is None
    (user,) = store.scan(User)
    store.commit(Update(replace(user, status="suspended")))
    assert make(lost, "another") is None
    assert whats(store) == before


# The advice.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_second_way_in_is_advised_until_there_is_one(person: Person, provider: str) -> None:
    person.signs_in_with(provider)
    for _ in range(2):
        assert "Add a second way in" in (person.account or "")
    person.adds(next(other for other in PROVIDERS if other != provider))
    assert "Add a second way in" not in (person.account or "")
    person.unlinks({"google": "Google", "github": "GitHub", "facebook": "Facebook"}[provider])
    assert "Add a second way in" in (person.account or "")
