"""Signed in, and arriving once more: with another identity nothing is switched, with one's own a new session begins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.errors import Outcome
from portal.models import Session
from portal.storage import Store
from tests.flows.conftest import Rows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person


def arrives_as(person: Person, callback: str) -> None:
    person.returns(callback)
    page = assert_stops(person, Outcome.SIGNED_IN_AS_ANOTHER, callback.split("/")[4])
    assert "/account" in page.links
    assert page.form("/logout").method == "post"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_new_identity_makes_no_user_and_switches_nothing(person: Person, provider: str, rows: Rows) -> None:
    """T43."""
    person.signs_in_with("github", "grace")
    before, cookies = rows(), (person.user_id, person.cookies["portal_session"], person.cookies["portal_last"])
    arrives_as(person, _callback_of_other_tab(person, provider, "ada"))
    assert rows() == before
    assert (person.user_id, person.cookies["portal_session"], person.cookies["portal_last"]) == cookies
    person.opens("/account")
    assert person.sees.heading == "Grace Hopper"
    assert "Ada" not in (person.account or "")


def test_another_user_s_identity_does_not_open_their_account(
    person: Person, people: Callable[[], Person], rows: Rows
) -> None:
    other = people()
    other.signs_in_with("github", "grace")
    person.signs_in_with("github", "ada")
    before, user = rows(), person.user_id
    arrives_as(person, _callback_of_other_tab(person, "github", "grace"))
    assert rows() == before
    assert person.user_id == user
    assert "Grace" not in (person.account or "")


def test_staying_and_signing_out_both_work_from_that_page(person: Person) -> None:
    person.signs_in_with("github", "grace")
    arrives_as(person, _callback_of_other_tab(person, "google", "ada"))
    assert person.account
    assert person.posts("/logout").status_code == 303
    assert person.account is None
    person.signs_in_with("google", "ada")
    assert "Ada Lovelace" in (person.account or "")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_s_own_identity_begins_a_new_session_and_ends_the_old(
    person: Person, people: Callable[[], Person], provider: str, rows: Rows, store: Store
) -> None:
    """A copied old cookie is dead at once (T52, T55)."""
    person.signs_in_with(provider)
    user, thief = person.user_id, people()
    thief.copies(person)
    (old,) = store.scan(Session)
    assert thief.account
    assert person.returns(_callback_of_other_tab(person, provider, "ada")).status_code == 303
    (new,) = store.scan(Session)
    assert new.id != old.id
    assert person.user_id == user
    assert person.account
    assert thief.account is None
    assert {kind: rows()[kind] for kind in ("User", "OAuth", "Token")} == {"User": 1, "OAuth": 1, "Token": 1}


def test_the_same_person_on_two_devices_has_two_sessions(people: Callable[[], Person], rows: Rows) -> None:
    laptop, phone = people(), people()
    laptop.signs_in_with("github")
    phone.signs_in_with("github")
    assert laptop.user_id == phone.user_id
    assert rows()["Session"] == 2
    laptop.signs_out()
    assert phone.account


def test_a_session_that_ended_elsewhere_is_no_obstacle(person: Person, people: Callable[[], Person]) -> None:
    """Nobody is signed in by a dead cookie, so another identity may sign in."""
    person.signs_in_with("github", "grace")
    callback = _callback_of_other_tab(person, "google", "ada")
    twin = people()
    twin.copies(person)
    twin.signs_out()
    person.creates_an_account(person.returns(callback))
    assert "Ada Lovelace" in (person.account or "")


def _callback_of_other_tab(person: Person, provider: str, as_: str) -> str:
    """`/login` leads a signed-in person on, so the press is one on a page that stopped: it has the buttons, too."""
    person.opens(f"/login/{provider}/authorized")
    assert_stops(person, Outcome.BAD_CALLBACK, provider)
    return person.consents(person.posts(f"/login/{provider}").location, as_)
