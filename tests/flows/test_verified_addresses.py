"""`require_verified_email`: who comes without an address that the provider verified is told how to get one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal.errors import Outcome
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import Person

STRICT = {
    "PORTAL_PROVIDERS__GOOGLE__REQUIRE_VERIFIED_EMAIL": "true",
    "PORTAL_PROVIDERS__GITHUB__REQUIRE_VERIFIED_EMAIL": "true",
}
KATE = {"name": "Kate", "email": "kate@example.com"}
UNVERIFIED = {**KATE, "verified": ""}
VERIFIED = {**KATE, "verified": "yes"}
SUBJECTS = {"google": "471100000000000000000", "github": "4711"}
STRICT_ONES = sorted(SUBJECTS)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A portal that wants verified addresses of Google and GitHub, and none of Facebook."""
    return make_app(**STRICT)


@pytest.fixture
def lenient(make_app: MakeApp, app: Flask) -> Flask:
    """The same accounts behind a portal that wants none."""
    return make_app(store=app.extensions["portal"].store)


def test_one_provider_wants_it_and_another_does_not(person: Person) -> None:
    person.signs_in_with("facebook", "ada")
    assert person.user_id


@pytest.mark.parametrize("provider", STRICT_ONES)
def test_who_has_a_verified_address_signs_in_as_ever(person: Person, provider: str) -> None:
    person.signs_in_with(provider, "own", subject=SUBJECTS[provider], **VERIFIED)
    assert person.user_id


@pytest.mark.parametrize("provider", STRICT_ONES)
def test_who_has_none_reads_how_to_get_it_and_nothing_is_kept(
    people: Callable[[], Person], lenient: Flask, rows: Rows, provider: str
) -> None:
    title = lenient.extensions["portal"].providers[provider].title
    before = rows()
    for fields in (UNVERIFIED, {"name": "Kate"}, {**VERIFIED, "trouble": "no_profile"}):
        person = people()
        person.comes_with(provider, "own", next="/account", subject=SUBJECTS[provider], **fields)
        page = assert_stops(person, Outcome.ADDRESS_UNVERIFIED, provider)
        assert person.page is not None
        assert person.page.status_code == 400
        assert f"At {title}, open" in person.page.text
        assert "kate@" not in person.page.text
        buttons = [(form.action, form.fields["next"]) for form in page.forms]
        assert buttons == [(f"/login/{provider}", "/account")] * 2, "once more, or with another account"
        assert "Use another" in page.forms[0].button
        assert (rows(), person.user_id) == (before, None)
    # The negative control: nothing else keeps this person out.
    other = Person(lenient)
    other.signs_in_with(provider, "own", subject=SUBJECTS[provider], **UNVERIFIED)
    assert other.user_id


def test_the_next_try_with_a_verified_one_leads_on(person: Person) -> None:
    person.comes_with("github", "own", next="/account", subject="4711", **UNVERIFIED)
    page = assert_stops(person, Outcome.ADDRESS_UNVERIFIED, "github")
    again = next(form for form in page.forms if "another" not in form.fields)
    callback = person.consents(person.submits(again).location, "own", subject="4711", **VERIFIED)
    assert person.ends_on(callback) == "/account"


@pytest.mark.parametrize("provider", STRICT_ONES)
def test_it_holds_for_who_has_an_account_already(lenient: Flask, person: Person, rows: Rows, provider: str) -> None:
    """From before the setting, or with an address that was changed since."""
    before = Person(lenient)
    before.signs_in_with(provider, "own", subject=SUBJECTS[provider], **UNVERIFIED)
    assert before.user_id
    kept = rows()
    person.comes_with(provider, "own", subject=SUBJECTS[provider], **UNVERIFIED)
    assert_stops(person, Outcome.ADDRESS_UNVERIFIED, provider)
    assert (rows(), person.user_id) == (kept, None)


def test_nothing_waits_to_be_linked_either(person: Person, rows: Rows) -> None:
    person.signs_in_with("facebook", "ada")
    before = rows()
    person.links("github", "own", subject="4711", **UNVERIFIED)
    page = assert_stops(person, Outcome.ADDRESS_UNVERIFIED, "github")
    assert page.form("/account/link/github").button == "Use another GitHub account"
    assert "/account" in page.links
    assert rows() == before
    person.opens("/account/add")
    assert_stops(person, Outcome.WAITED_TOO_LONG)


def test_it_is_no_proof_either(lenient: Flask, person: Person, wait: Wait, rows: Rows) -> None:
    """Who is signed in, and whose address lost its mark since."""
    other = Person(lenient)
    other.signs_in_with("github", "own", subject="4711", **UNVERIFIED)
    person.copies(other)
    assert person.account
    wait(timedelta(minutes=11))
    person.opens("/account/prove?next=/account/delete")
    before = rows()
    callback = person.consents(person.sets_out_to_prove("github"), "own", subject="4711", **UNVERIFIED)
    person.returns(callback)
    assert_stops(person, Outcome.ADDRESS_UNVERIFIED, "github")
    assert rows() == before
    assert person.opens("/account/delete").location.startswith("/account/prove")


def test_it_is_no_new_way_in_by_a_recovery_link(app: Flask, person: Person, rows: Rows) -> None:
    """And the link still works afterwards."""
    person.signs_in_with("facebook", "ada")
    user_id = person.user_id
    app.extensions["portal"].accounts.membership.make_recovery(user_id, "secret")
    person.signs_out()
    person.opens("/recover?code=secret")
    before = rows()
    person.returns(person.consents(person.posts("/recover/github").location, "own", subject="4711", **UNVERIFIED))
    assert_stops(person, Outcome.ADDRESS_UNVERIFIED, "github")
    assert person.page is not None
    assert "open it once more" in person.page.text
    assert (rows(), person.user_id) == (before, None)
    person.opens("/recover?code=secret")
    person.returns(person.consents(person.posts("/recover/github").location, "own", subject="4711", **VERIFIED))
    assert person.user_id == user_id
