"""Signing out ends this browser's session here and now; and no other cookie signs anybody in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from portal.errors import Outcome
from portal.models import Session
from portal.storage import Store
from tests.flows.conftest import Rows
from tests.flows.stops import assert_stops
from tests.person import Person


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_press_signs_out(person: Person, method: str) -> None:
    """An image tag on another page must not (T53)."""
    person.signs_in_with("github")
    answer = person.sends("/logout", method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert person.account


def test_only_a_press_on_our_own_page_does(person: Person) -> None:
    """T53."""
    person.signs_in_with("github")
    person.opens("/account")
    fields = person.sees.form("/logout").fields
    person.sends("/logout", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert_stops(person, Outcome.CROSS_SITE)
    person.sends("/logout")
    assert_stops(person, Outcome.FORM_EXPIRED)
    assert person.account


def test_a_copied_cookie_dies_with_the_session(person: Person, people: Callable[[], Person], rows: Rows) -> None:
    """T55."""
    person.signs_in_with("github")
    thief = people()
    thief.copies(person)
    assert thief.account
    assert person.signs_out().location == "/"
    assert "portal_session" not in person.cookies
    assert rows()["Session"] == 0
    assert thief.account is None
    assert thief.opens("/account").location == "/login?next=/account"


def test_the_next_page_says_that_the_provider_is_another_matter(person: Person) -> None:
    """On a shared computer the next press would sign the next person in as the last (T65)."""
    person.signs_in_with("github")
    person.signs_out()
    text = " ".join(person.opens("/").text.split())
    assert "You are signed out here." in text
    assert "sign out at Facebook, GitHub or Google too" in text or "sign out at Google, GitHub or Facebook too" in text
    assert "You are signed out" not in person.opens("/").text, "said once"


def test_signing_out_twice_is_no_trouble(person: Person, people: Callable[[], Person]) -> None:
    person.signs_in_with("github")
    twin = people()
    twin.copies(person)
    twin.opens("/account")
    open_page = twin.page
    person.signs_out()
    twin.page = open_page
    assert twin.posts("/logout").location == "/"
    assert "portal_session" not in twin.cookies


def test_a_page_from_before_signing_out_is_not_kept_by_the_browser(person: Person) -> None:
    """T74."""
    person.signs_in_with("github")
    assert person.opens("/account").headers["Cache-Control"] == "no-store"


def test_keys_planted_before_a_sign_in_are_gone_after_it(person: Person) -> None:
    """T52: a session fixed by an attacker keeps nothing of theirs, the form token included."""
    with person.browser.session_transaction(base_url=person.home) as session:
        session.update(_user_id="somebody", planted="by an attacker", _fresh=True)
    callback = person.consents(person.starts("github"))
    token = _form(person)["portal_csrf"]
    person.returns(callback)
    assert person.user_id
    person.opens("/account")
    form = _form(person)
    assert set(form) == {"portal_csrf"}
    assert form["portal_csrf"] != token


def _form(person: Person) -> dict[str, str]:
    with person.browser.session_transaction(base_url=person.home) as session:
        return dict(session)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        "a.b",
        "A" * 22 + "." + "B" * 43,
        "A" * 22 + "." + "B" * 43 + "\n",
        "." * 66,
        "A" * 3_900,
        "../../etc/passwd",
        "' OR 1=1 --",
        "é" * 66,
        "%00",
    ],
)
def test_a_session_cookie_that_is_none_is_nobody_and_is_taken_back(person: Person, cookie: str) -> None:
    """T58."""
    person.keeps("portal_session", cookie)
    answer = person.opens("/account")
    assert (answer.status_code, answer.location) == (303, "/login?next=/account")
    assert "portal_session" not in person.cookies
    person.keeps("portal_session", cookie)
    assert person.opens("/").status_code == 200
    person.keeps("portal_session", cookie)
    assert person.signs_in_with("github").status_code == 303
    assert person.account


def test_a_secret_opens_only_the_session_of_its_own_user(people: Callable[[], Person]) -> None:
    """The user's id in the cookie is a way to find the row, no claim that is believed."""
    ada, grace = people(), people()
    ada.signs_in_with("github", "ada")
    grace.signs_in_with("github", "grace")
    forged = people()
    forged.keeps("portal_session", f"{ada.user_id}.{grace.cookies['portal_session'].partition('.')[2]}")
    assert forged.account is None


def test_the_store_s_own_key_of_a_session_opens_nothing(
    person: Person, people: Callable[[], Person], store: Store
) -> None:
    """Who reads the database can't sign in with what is in it."""
    person.signs_in_with("github")
    (session,) = store.scan(Session)
    thief = people()
    thief.keeps("portal_session", f"{person.user_id}.{session.id[:43]}")
    assert thief.account is None


@pytest.mark.parametrize("name", ["remember_token", "session"])
def test_no_remember_cookie_signs_in_or_out(app: Flask, people: Callable[[], Person], name: str) -> None:
    """Flask-Login's own would be an eternal way in (T60)."""
    known, stranger = people(), people()
    known.signs_in_with("github")
    signer = URLSafeTimedSerializer(app.config["SECRET_KEY"])
    for value in (f"{known.user_id}|deadbeef", signer.dumps({"_user_id": known.user_id}), "garbage"):
        stranger.keeps(name, value)
        assert stranger.account is None
        known.keeps(name, value)
        assert known.account
