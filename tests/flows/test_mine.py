"""What is mine: the name that is shown, all that is held about me, and an end to it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from portal.errors import Outcome
from portal.lifetimes import Lifetimes
from portal.models import Email, Event, OAuth, Session, Token, User
from portal.storage import Store
from providers.sandbox import RunningSandbox
from tests.flows.conftest import Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import Person

FRESH = Lifetimes().fresh
People = Callable[[], Person]


@pytest.fixture
def ada(person: Person) -> Person:
    """Signed up with Google."""
    person.signs_in_with("google")
    return person


# The name.


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Augusta Ada King", "Augusta Ada King"),
        ("  Ada  ", "Ada"),
        ("Ange\u0301lique", "Ang\u00e9lique"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
        ("\u202eadA\u2066", "adA"),
        ("Ada\x00\r\n\x1b[31mRed", "Ada[31mRed"),
        ("张伟 🏳️", None),
        ("x" * 50_000, "x" * 256),
        ("", "Your account"),
        ("\u200b\u00ad", "Your account"),
    ],
)
def test_another_name_is_shown_as_text_and_harmlessly(ada: Person, given: str, shown: str | None) -> None:
    """T89, T108."""
    assert ada.renames(given).location == "/account"
    text = ada.opens("/account").text
    assert "Saved." in text
    assert ada.sees.heading == (given if shown is None else shown)
    assert "b" not in ada.sees.tags


def test_a_name_of_one_s_own_outlives_the_next_sign_in(ada: Person) -> None:
    ada.renames("Countess")
    ada.signs_out()
    ada.signs_in_with("google")
    ada.opens("/account")
    assert ada.sees.heading == "Countess"


def test_a_name_is_changed_by_a_press_of_one_s_own_only(ada: Person, people: People) -> None:
    ada.opens("/account")
    fields = ada.sees.form("/account/name").fields | {"name": "Mallory"}
    ada.sends("/account/name", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert "/account" in assert_stops(ada, Outcome.CROSS_SITE).links
    ada.sends("/account/name", data=fields | {"csrf_token": ""})
    assert "/account" in assert_stops(ada, Outcome.FORM_EXPIRED).links
    assert people().sends("/account/name", data=fields).status_code == 400
    ada.opens("/account")
    assert ada.sees.heading == "Ada Lovelace"


# The copy.


def test_the_copy_has_everything_and_no_token(ada: Person, store: Store, sandbox: RunningSandbox) -> None:
    ada.adds("github")
    ada.renames("Countess")
    answer = ada.opens("/account/export")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="account-')
    assert answer.headers["Cache-Control"] == "no-store"
    held = json.loads(answer.text)
    (user,) = store.scan(User)
    assert held["account"]["id"] == ada.user_id
    assert (held["account"]["name"], held["account"]["created"]) == ("Countess", user.created.isoformat())
    google, github = held["identities"]
    assert (google["entry"], google["subject"], google["email"]) == (
        "google",
        "100000000000000001815",
        "ada@example.com",
    )
    assert (github["entry"], github["login"], github["scopes"]) == ("github", "ada", ["read:user", "user:email"])
    assert all(identity["token"].startswith("stored, sealed, ") for identity in (google, github))
    assert [event["what"] for event in held["history"]] == ["renamed", "linked", "signed-up"]
    standins = sandbox.app.extensions["sandbox"].standins
    tokens = [token for standin in standins for token in standin.grants.tokens._things]
    assert tokens
    assert [token for token in tokens if token in answer.text] == []
    secret = ada.cookies["portal_session"].partition(".")[2]
    assert secret not in answer.text
    assert 'sealed":' not in answer.text


def test_the_copy_is_of_oneself_alone(ada: Person, people: People) -> None:
    grace = people()
    grace.signs_in_with("github", "grace")
    text = ada.opens("/account/export").text
    for said in ("Grace", "1906", grace.user_id or "?"):
        assert said not in text


def test_the_copy_is_not_for_somebody_who_finds_the_browser_open(ada: Person, wait: Wait) -> None:
    wait(FRESH)
    answer = ada.opens("/account/export")
    assert answer.location == "/account/prove?next=/account"
    ada.opens(answer.location)
    ada.proves_with("google")
    assert ada.opens("/account/export").status_code == 200


# The end.


def test_the_page_says_what_goes_and_changes_nothing(ada: Person, rows: Rows) -> None:
    before = rows()
    for _ in range(2):
        text = ada.opens("/account/delete").text
    assert ada.sees.heading == "Delete your account?"
    for said in ("your name", "every way you sign in", "history", "all devices", "can&#39;t be undone"):
        assert said in text.replace("can't", "can&#39;t")
    assert "/account" in ada.sees.links, "and one may leave it"
    assert rows() == before
    assert ada.account


def test_nothing_is_left_and_all_sessions_are_dead_at_once(ada: Person, people: People, store: Store) -> None:
    ada.adds("github", "grace")
    phone = people()
    phone.signs_in_with("github", "grace")
    user_id = ada.user_id
    assert ada.deletes().location == "/"
    assert ada.user_id is None
    assert phone.account is None
    assert phone.opens("/account").status_code == 303
    for kind in (User, OAuth, Token, Email, Event):
        assert store.scan(kind) == [], kind
    assert [session for session in store.scan(Session) if session.user_id != user_id] == []
    text = ada.opens("/").text
    assert "Your account is gone," in text
    assert "Your account is gone," not in ada.opens("/").text


def test_others_keep_everything(ada: Person, people: People, store: Store) -> None:
    grace = people()
    grace.signs_in_with("github", "grace")
    ada.deletes()
    assert "Grace Hopper" in (grace.account or "")
    assert {record.user_id for record in store.scan(OAuth)} == {grace.user_id}
    assert {record.user_id for record in store.scan(Event)} == {grace.user_id}


def test_who_comes_again_is_somebody_new(ada: Person) -> None:
    before = ada.user_id
    ada.deletes()
    ada.signs_in_with("google")
    assert ada.user_id
    assert ada.user_id != before


def test_a_press_of_another_site_s_deletes_nothing(ada: Person, rows: Rows) -> None:
    ada.opens("/account/delete")
    fields = ada.sees.form("/account/delete").fields
    before = rows()
    ada.sends("/account/delete", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert_stops(ada, Outcome.CROSS_SITE)
    ada.sends("/account/delete", data=fields | {"csrf_token": "x"})
    assert_stops(ada, Outcome.FORM_EXPIRED)
    assert rows() == before
    assert ada.account


def test_two_presses_are_one(ada: Person, people: People, rows: Rows) -> None:
    ada.opens("/account/delete")
    twin = people()
    twin.copies(ada)
    form = ada.sees.form("/account/delete")
    ada.submits(form)
    assert twin.submits(form).status_code == 303
    assert rows()["User"] == 0


def test_the_name_of_a_deleted_account_can_t_be_changed(ada: Person, people: People, rows: Rows) -> None:
    ada.opens("/account")
    twin = people()
    twin.copies(ada)
    form = ada.sees.form("/account/name")
    ada.deletes()
    assert twin.submits(form, name="Ghost").location.startswith("/login")
    assert rows()["User"] == 0
