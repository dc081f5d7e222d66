"""Facebook tells us that somebody removed the application, or wants their data gone: believed by its signature alone
(T49, T100)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.errors import Outcome, StoreError
from portal.membership import Membership
from portal.models import Event, OAuth, Receipt, Revocation, Token, User
from portal.removals import KEPT
from portal.signals import identity_unlinked, user_deleted
from portal.storage import Store, Update
from portal.sweep import clear_receipts
from providers.sandbox.clients import FACEBOOK
from providers.sandbox.people import FACEBOOK as PEOPLE
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.person import HOME, Person
from tests.signed_requests import signed_request
from tests.storage.stages import all_at_once

DEAUTHORIZE, DELETE = "/login/facebook/deauthorize", "/login/facebook/delete"
CLIENT = FACEBOOK.client_secret
ADA = PEOPLE["ada"].subject
LATER = 120  # seconds: after what has just been linked, whatever the clocks say


def says(subject: str = ADA, *, secret: str = CLIENT, after: int = LATER, **changes: object) -> str:
    return signed_request(secret, subject, **{"issued_at": int(time.time()) + after, **changes})


@pytest.fixture
def facebook(app: Flask) -> Callable[..., TestResponse]:
    """Facebook's server sends: no cookie, an address of its own, and headers as no page of ours would send them."""

    def send(path: str, signed: str | None = None, **how: object) -> TestResponse:
        headers = {"User-Agent": "facebookexternalua", "Origin": "https://www.facebook.com"}
        data = {"signed_request": says() if signed is None else signed}
        options: dict[str, object] = {"data": data, "headers": headers, "base_url": HOME, **how}
        return app.test_client().post(path, **options)  # type: ignore[arg-type]

    return send


def token_of(store: Store) -> Token:
    return next(
        token
        for oauth in store.scan(OAuth)
        for token in store.scan(Token)
        if token.oauth_id == oauth.id and oauth.entry == "facebook"
    )


# --- deauthorize ------------------------------------------------------------------------------------------------------


def test_who_removed_the_application_there_is_asked_to_reconnect(
    person: Person, facebook: Callable[..., TestResponse], store: Store
) -> None:
    person.signs_in_with("facebook")
    answer = facebook(DEAUTHORIZE)
    assert (answer.status_code, answer.text, answer.headers.getlist("Set-Cookie")) == (200, "ok\n", [])
    assert token_of(store).ended == "deauthorized"
    page = person.opens("/account").text
    assert "You removed this site in your settings at Facebook." in page
    assert "Show what Facebook tells us" not in page
    location = person.posts("/account/prove/facebook").location
    person.returns(person.consents(location))
    assert token_of(store).ended is None
    assert "Show what Facebook tells us" in person.opens("/account").text


def test_a_deauthorization_may_come_twice_and_after_a_reconnection_it_is_old(
    person: Person, facebook: Callable[..., TestResponse], store: Store
) -> None:
    """A replay must not take away what was granted since."""
    person.signs_in_with("facebook")
    signed = says()
    assert facebook(DEAUTHORIZE, signed).status_code == 200
    before = token_of(store)
    assert facebook(DEAUTHORIZE, signed).status_code == 200
    assert token_of(store) == before
    late = replace(before, ended=None, renewed=datetime.now(UTC) + timedelta(minutes=10))
    store.commit(Update(late))
    assert facebook(DEAUTHORIZE, signed).status_code == 200
    assert token_of(store) == late


def test_a_deauthorization_ends_no_session_and_no_way_in(
    person: Person, facebook: Callable[..., TestResponse], rows: Rows
) -> None:
    person.signs_in_with("facebook")
    before = rows()
    facebook(DEAUTHORIZE)
    assert rows() == before
    assert person.account is not None


def test_of_a_stranger_nothing_is_held_and_nothing_is_told(
    facebook: Callable[..., TestResponse], rows: Rows, store: Store, people: Callable[[], Person]
) -> None:
    before = rows()
    assert facebook(DEAUTHORIZE, says("999")).status_code == 200
    answer = facebook(DELETE, says("999"))
    assert answer.status_code == 200
    assert "There was nothing to delete." in people().opens(link(answer)).text
    assert rows() == before
    assert [receipt.what for receipt in store.scan(Receipt)] == ["nothing"]


def text_of(person: Person) -> str:
    assert person.page is not None
    return person.page.text


def link(answer: TestResponse) -> str:
    parts = urlsplit(json.loads(answer.text)["url"])
    assert f"{parts.scheme}://{parts.netloc}" == HOME
    return f"{parts.path}?{parts.query}"


# --- data deletion ----------------------------------------------------------------------------------------------------


def test_the_data_of_one_way_in_goes_and_the_account_stays(
    person: Person, facebook: Callable[..., TestResponse], store: Store, people: Callable[[], Person]
) -> None:
    person.signs_in_with("google")
    person.adds("facebook")
    told: list[str] = []
    receiver = lambda _, user_id, entry: told.append(f"{user_id} {entry}")  # noqa: E731 - held strongly by its name
    with identity_unlinked.connected_to(receiver):
        answer = facebook(DELETE)
    assert answer.mimetype == "application/json"
    assert answer.json is not None
    assert answer.json.keys() == {"url", "confirmation_code"}
    assert [oauth.entry for oauth in store.scan(OAuth)] == ["google"]
    assert len(store.scan(Token)) == 1
    assert told == [f"{person.user_id} facebook"]
    page = people().opens(link(answer)).text
    assert "Done." in page
    assert "The account itself is still there" in page
    assert person.account is not None, "the session came by the other one"
    assert store.scan(Revocation) == [], "Facebook has ended the access itself"


def test_the_account_goes_with_its_last_way_in(
    person: Person, facebook: Callable[..., TestResponse], store: Store, rows: Rows, people: Callable[[], Person]
) -> None:
    """The one removal of the last way in: the law wants it."""
    person.signs_in_with("facebook")
    told: list[str] = []
    receiver = lambda _, user_id, entry: told.append(user_id)  # noqa: E731, ARG005 - held strongly by its name
    with user_deleted.connected_to(receiver):
        answer = facebook(DELETE)
    assert set(rows().values()) == {0}
    assert told == [person.user_id]
    assert person.account is None
    page = people().opens(link(answer)).text
    assert "and with it the account here" in page
    assert ADA not in page


def test_a_deletion_may_come_again_and_says_the_same(
    person: Person, facebook: Callable[..., TestResponse], store: Store
) -> None:
    person.signs_in_with("facebook")
    signed = says()
    first = facebook(DELETE, signed)
    assert facebook(DELETE, signed).json == first.json
    assert [receipt.what for receipt in store.scan(Receipt)] == ["account"]


@pytest.mark.parametrize("naive", [False, True], ids=["ours", "the negative control"])
def test_a_replay_does_not_delete_who_has_come_back(
    person: Person,
    facebook: Callable[..., TestResponse],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    naive: bool,
) -> None:
    """By its receipt; and where that is gone, or the keys were changed, by its time."""
    signed = says(after=-1800)
    if naive:
        monkeypatch.setattr("portal.removals.CLOCKS", timedelta(days=1))
    person.signs_in_with("facebook")
    facebook(DELETE, signed)
    assert bool(store.scan(User)) is not naive
    assert [receipt.what for receipt in store.scan(Receipt)] == ["account" if naive else "nothing"]


@pytest.mark.full
def test_many_at_once_delete_once(
    person: Person, facebook: Callable[..., TestResponse], store: Store, rows: Rows
) -> None:
    person.signs_in_with("google")
    person.adds("facebook")
    signed, start = says(), Barrier(6)

    def send(_: int) -> object:
        start.wait()
        return facebook(DELETE, signed)

    answers = all_at_once(send, threads=6)
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}  # type: ignore[attr-defined]
    assert [receipt.what for receipt in store.scan(Receipt)] == ["identity"]
    assert [event.what for event in store.scan(Event)].count("unlinked") == 1
    assert rows()["OAuth"] == 1


@pytest.mark.full
def test_a_link_beside_the_deletion_keeps_the_account(person: Person, app: Flask, store: Store) -> None:
    """Staged: a second way in comes between the reading and the transaction that would delete the user."""
    person.signs_in_with("facebook")
    here = app.extensions["portal"]
    membership = Overtaken(here.accounts.membership, lambda: person.adds("github"))
    (oauth,) = store.scan(OAuth)
    issued = datetime.now(UTC)
    gone = replace(here.removals, membership=membership).delete_data(
        oauth.id, entry="facebook", code="code", issued=issued
    )
    assert gone.receipt.what == "identity"
    assert [oauth.entry for oauth in store.scan(OAuth)] == ["github"]
    assert len(store.scan(User)) == 1
    assert [receipt.what for receipt in store.scan(Receipt)] == ["identity"]


class Overtaken:
    """A membership that somebody else is quicker than, once."""

    def __init__(self, membership: Membership, first: Callable[[], object]) -> None:
        self.unlink = membership.unlink
        self._delete = membership.delete
        self._first = [first]

    def delete(self, user: User, **how: Any) -> object:
        if self._first:
            self._first.pop()()
        return self._delete(user, **how)


@pytest.mark.full
@pytest.mark.parametrize("ways", [["facebook"], ["facebook", "google"]], ids=len)
def test_a_suspended_person_s_data_goes_as_well(
    person: Person, facebook: Callable[..., TestResponse], store: Store, ways: list[str]
) -> None:
    person.signs_in_with(ways[0])
    for way in ways[1:]:
        person.adds(way)
    (user,) = store.scan(User)
    store.commit(Update(replace(user, status="suspended")))
    assert facebook(DELETE).status_code == 200
    assert [oauth.entry for oauth in store.scan(OAuth)] == ways[1:]
    assert [user.status for user in store.scan(User)] == ["suspended"] * len(ways[1:])


@pytest.mark.full
def test_a_way_in_that_is_off_keeps_the_account_too(make_app: MakeApp, person: Person, store: Store) -> None:
    person.signs_in_with("facebook")
    person.adds("google")
    app = make_app(PORTAL_PROVIDERS__GOOGLE__ENABLED="false")
    app.test_client().post(DELETE, data={"signed_request": says()}, base_url=HOME)
    assert [oauth.entry for oauth in store.scan(OAuth)] == ["google"]
    assert len(store.scan(User)) == 1


# --- who may ask ------------------------------------------------------------------------------------------------------

FORGED = {
    "nothing": "",
    "another app's": says(secret="another"),
    "another algorithm": says(algorithm="none"),
    "a stale one": says(after=-3700),
    "garbage": "a.b",
    "huge": "A" * 43 + "." + "A" * 20_000,
}


@pytest.mark.parametrize("path", [DELETE, pytest.param(DEAUTHORIZE, marks=pytest.mark.full)])
@pytest.mark.parametrize("signed", FORGED.values(), ids=FORGED)
def test_what_facebook_did_not_sign_changes_nothing(
    person: Person,
    facebook: Callable[..., TestResponse],
    store: Store,
    rows: Rows,
    lines: Callable[[], list[str]],
    path: str,
    signed: str,
) -> None:
    person.signs_in_with("facebook")
    before, token = rows(), token_of(store)
    answer = facebook(path, signed)
    assert (answer.status_code, answer.text) == (400, "bad request\n")
    assert (rows(), token_of(store), store.scan(Receipt)) == (before, token, [])
    assert "refused a removal in the name of facebook" in lines()[-1]
    assert not signed or signed not in lines()[-1]


def test_it_must_be_the_one_field_of_a_form(facebook: Callable[..., TestResponse], person: Person, rows: Rows) -> None:
    person.signs_in_with("facebook")
    before = rows()
    twice = {"signed_request": [says(), says()]}
    assert facebook(DELETE, data=twice).status_code == 400
    assert facebook(DELETE, data={}).status_code == 400
    assert facebook(f"{DELETE}?signed_request={says()}", data={}).status_code == 400
    assert (
        facebook(DELETE, data=json.dumps({"signed_request": says()}), content_type="application/json").status_code
        == 400
    )
    assert facebook(DELETE, data={"signed_request": "a" * 200_000}).status_code == 413
    assert rows() == before


@pytest.mark.parametrize("path", [DEAUTHORIZE, DELETE])
def test_a_browser_that_opens_the_address_is_told_the_method(person: Person, path: str) -> None:
    person.opens(path)
    assert_stops(person, Outcome.WRONG_METHOD)


@pytest.mark.full
@pytest.mark.parametrize("name", ["google", "github"])
@pytest.mark.parametrize("path", ["deauthorize", "delete"])
def test_who_signs_no_such_requests_has_no_such_address(person: Person, name: str, path: str) -> None:
    person.sends(f"/login/{name}/{path}", data={"signed_request": says()}, headers={"Sec-Fetch-Site": "cross-site"})
    assert person.page is not None
    assert person.page.status_code in {403, 404, 405}


@pytest.mark.full
def test_another_form_is_not_let_in_by_the_signature(person: Person, rows: Rows) -> None:
    """Only these two addresses go without the form token."""
    person.signs_in_with("facebook")
    before = rows()
    for path in ("/logout", "/account/delete", "/account/unlink", "/account/told"):
        person.sends(path, data={"signed_request": says()}, headers={"Sec-Fetch-Site": "cross-site"})
        assert_stops(person, Outcome.CROSS_SITE)
    assert rows() == before


def test_a_store_that_is_away_is_a_503_and_not_a_receipt(
    person: Person, facebook: Callable[..., TestResponse], app: Flask, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    person.signs_in_with("facebook")

    def away(*_: object) -> object:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        for name in ("look_up", "transact"):
            patch.setattr(type(store), name, away)
        for path in (DEAUTHORIZE, DELETE):
            answer = facebook(path)
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert len(store.scan(OAuth)) == 1
    assert store.scan(Receipt) == []


# --- the page of the code ---------------------------------------------------------------------------------------------


def test_the_code_can_t_be_guessed_and_its_row_does_not_tell_it(
    person: Person, facebook: Callable[..., TestResponse], store: Store
) -> None:
    person.signs_in_with("facebook")
    answer = facebook(DELETE)
    assert answer.json is not None
    code = answer.json["confirmation_code"]
    assert len(code) == 24, "144 bits"
    (receipt,) = store.scan(Receipt)
    assert code not in repr(receipt)
    assert ADA not in repr(receipt)
    for wrong in (code[:-1], code + "A", code.swapcase(), "", "x" * 5000, receipt.id):
        assert person.opens(f"/deletion?code={wrong}").status_code == 404
        assert "There is no deletion under this code." in text_of(person)


def test_the_page_is_kept_for_ninety_days(store: Store, app: Flask, person: Person) -> None:
    now = datetime.now(UTC)
    removals = app.extensions["portal"].removals
    gone = removals.delete_data("nobody", entry="facebook", code="code", issued=now)
    assert gone.receipt.expires - gone.receipt.when == KEPT
    assert person.opens("/deletion?code=code").status_code == 200
    assert clear_receipts(store, now) == 0
    assert clear_receipts(store, now + KEPT + timedelta(minutes=1)) == 1
    assert person.opens("/deletion?code=code").status_code == 404


@pytest.mark.full
def test_a_receipt_of_a_provider_that_is_off_still_says_what_was_done(make_app: MakeApp, store: Store) -> None:
    app = make_app(PORTAL_PROVIDERS__FACEBOOK__ENABLED="false")
    app.extensions["portal"].removals.delete_data("nobody", entry="facebook", code="code", issued=datetime.now(UTC))
    person = Person(app)
    assert person.opens("/deletion?code=code").status_code == 200
    assert "Facebook" in text_of(person)
    assert person.sends(DELETE, data={"signed_request": says()}).status_code in {403, 404}
