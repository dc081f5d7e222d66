"""Adding a way in from the account page: only when asked for, only what was named, and only to whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from portal.errors import Outcome
from portal.lifetimes import Lifetimes
from portal.models import OAuth, Pending, Session, User
from portal.pending import LIFETIME
from portal.storage import Store, Update
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

FRESH = Lifetimes().fresh
People = Callable[[], Person]


@pytest.fixture
def ada(person: Person) -> Person:
    """Signed up with Google."""
    person.signs_in_with("google")
    return person


def entries(store: Store, user_id: str | None) -> list[str]:
    return sorted(oauth.entry for oauth in store.scan(OAuth) if oauth.user_id == user_id)


def change(store: Store, user_id: str | None, **values: object) -> None:
    (user,) = (user for user in store.scan(User) if user.id == user_id)
    store.commit(Update(replace(user, **values)))  # type: ignore[arg-type]


# Adding.


def test_a_way_in_is_added_and_opens_the_account_from_then_on(ada: Person, people: People, store: Store) -> None:
    answer = ada.links("github")
    assert (answer.status_code, answer.location) == (303, "/account/add")
    answer = ada.confirms()
    assert (answer.status_code, answer.location) == (303, "/account")
    text = ada.opens("/account").text
    assert "GitHub was added." in text
    assert "Add a second way in" not in text
    assert entries(store, ada.user_id) == ["github", "google"]
    assert [pending for pending in store.scan(Pending) if pending.purpose != "replaced"] == []
    elsewhere = people()
    elsewhere.signs_in_with("github")
    assert elsewhere.user_id == ada.user_id


def test_the_page_names_the_identity_before_anything_is_written(ada: Person, rows: Rows) -> None:
    """T03, T51, T108."""
    before = rows()
    ada.links("github", "grace")
    for _ in range(2):
        text = ada.opens("/account/add").text
        assert ada.sees.heading == "Add GitHub?"
        for said in ("Grace Hopper", "ghopper", "grace@example.com", "ending in 1906"):
            assert said in text
    assert rows() == before
    assert "/account" in ada.sees.links, "and one may leave it"


def test_a_name_on_that_page_is_kept_apart_from_the_sentence_around_it(ada: Person) -> None:
    ada.links("github", "own", name="\u202eecarG <b>", subject="4711")
    assert "<bdi>ecarG &lt;b&gt;</bdi>" in ada.opens("/account/add").text


def test_several_identities_of_one_provider_are_allowed(ada: Person, people: People, store: Store) -> None:
    ada.adds("google", "grace")
    assert entries(store, ada.user_id) == ["google", "google"]
    elsewhere = people()
    elsewhere.signs_in_with("google", "grace")
    assert elsewhere.user_id == ada.user_id


def test_the_other_sessions_end_and_this_one_stays(ada: Person, people: People) -> None:
    """T35."""
    phone = people()
    phone.signs_in_with("google")
    ada.links("github")
    assert phone.account
    ada.confirms()
    assert ada.account
    assert phone.account is None


def test_without_the_yes_nothing_is_added(ada: Person, people: People, store: Store) -> None:
    ada.links("github")
    ada.opens("/account")
    assert entries(store, ada.user_id) == ["google"]
    stranger = people()
    stranger.signs_in_with("github")
    assert stranger.user_id != ada.user_id


# Only by a press on our own page.


@pytest.mark.parametrize("path", ["/account/link/github", "/account/unlink", "/account/name", "/account/prove/google"])
def test_a_get_is_no_press(ada: Person, rows: Rows, path: str) -> None:
    before = rows()
    assert ada.opens(path).status_code == 405
    assert (rows(), len(ada.flows)) == (before, 1), "the flow of the sign-in alone"


@pytest.mark.parametrize("path", ["/account/link/github", "/account/add"])
def test_a_press_of_another_site_s_is_refused(ada: Person, rows: Rows, path: str) -> None:
    """T03."""
    ada.links("github")
    ada.opens("/account")
    fields = ada.sees.form("/account/link/github").fields
    before, flows = rows(), len(ada.flows)
    ada.sends(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert "/account" in assert_stops(ada, Outcome.CROSS_SITE).links
    ada.sends(path, data=fields | {"csrf_token": ""}, headers={"Sec-Fetch-Site": "same-origin"})
    assert "/account" in assert_stops(ada, Outcome.FORM_EXPIRED).links
    assert (rows(), len(ada.flows)) == (before, flows)


@pytest.mark.parametrize("path", ["/account/link/github", "/account/add", "/account/prove/google"])
def test_a_press_of_nobody_s_leads_to_the_sign_in_page(person: Person, rows: Rows, path: str) -> None:
    person.opens("/login")
    answer = person.submits(replace(person.sees.form("/login/github"), action=path))
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")
    assert rows()["OAuth"] == 0


def test_a_provider_that_is_none_has_a_page(ada: Person) -> None:
    for path in ("/account/link/nobody", "/account/prove/nobody"):
        ada.opens("/account")
        ada.submits(replace(ada.sees.form("/account/link/github"), action=path))
        assert_stops(ada, Outcome.NOT_FOUND)


# An identity that somebody has already.


def test_an_identity_of_another_account_stays_there_and_the_page_offers_both_ways_out(
    ada: Person, people: People, rows: Rows
) -> None:
    """T41."""
    grace = people()
    grace.signs_in_with("github", "grace")
    before, cookie = rows(), ada.cookies["portal_session"]
    ada.links("github", "grace")
    page = assert_stops(ada, Outcome.ANOTHERS, "github")
    assert (rows(), ada.cookies["portal_session"]) == (before, cookie)
    assert "/account" in page.links
    assert "Grace" not in (ada.account or "")
    ada.posts("/logout")
    ada.signs_in_with("github", "grace")
    assert ada.user_id == grace.user_id


def test_one_s_own_identity_is_there_already(ada: Person, rows: Rows) -> None:
    before = rows()
    ada.links("google")
    assert "/account" in assert_stops(ada, Outcome.ALREADY_YOURS, "google").links
    assert rows() == before


# What may change on the way: each position ends in "not added", with a page, and nothing written (T105).

Change = Callable[[Person, Store, People], None]


def signs_out(ada: Person, store: Store, people: People) -> None:
    ada.signs_out()


def signs_out_elsewhere_everywhere(ada: Person, store: Store, people: People) -> None:
    change(store, ada.user_id, epoch=7)


def another_signs_in(ada: Person, store: Store, people: People) -> None:
    ada.signs_out()
    ada.signs_in_with("github", "barbara")


def is_suspended(ada: Person, store: Store, people: People) -> None:
    change(store, ada.user_id, status="suspended")


def loses_the_identity_of_this_session(ada: Person, store: Store, people: People) -> None:
    phone = people()
    phone.copies(ada)
    phone.adds("google", "katherine")
    phone.signs_out()
    phone.signs_in_with("google", "katherine")
    phone.unlinks("Google")


def adds_and_so_changes_elsewhere(ada: Person, store: Store, people: People) -> None:
    phone = people()
    phone.signs_in_with("google")
    phone.adds("github", "barbara")


def deletes_the_account_elsewhere(ada: Person, store: Store, people: People) -> None:
    phone = people()
    phone.signs_in_with("google")
    phone.deletes()


CHANGES = [
    signs_out,
    signs_out_elsewhere_everywhere,
    another_signs_in,
    is_suspended,
    loses_the_identity_of_this_session,
    adds_and_so_changes_elsewhere,
    deletes_the_account_elsewhere,
]


def state(store: Store) -> list[object]:
    return [sorted(record.id for record in store.scan(kind)) for kind in (User, OAuth, Session)]


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.__name__)
def test_what_changes_before_the_callback(ada: Person, people: People, store: Store, changed: Change) -> None:
    callback = ada.consents(ada.sets_out_to_link("github"), "grace")
    changed(ada, store, people)
    before = state(store)
    ada.returns(callback)
    page = assert_stops(ada, Outcome.NOT_THE_SAME, "github")
    assert page.heading == "That was not added"
    assert "/account" in page.links
    assert state(store) == before


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.__name__)
def test_what_changes_before_the_yes(ada: Person, people: People, store: Store, changed: Change) -> None:
    ada.links("github", "grace")
    ada.opens("/account/add")
    form, cookie = ada.sees.form("/account/add"), ada.cookies["portal_waiting"]
    changed(ada, store, people)
    ada.keeps("portal_waiting", cookie)
    ada.opens("/")
    form.fields["csrf_token"] = ada.sees.forms[0].fields["csrf_token"]
    before, is_in = state(store), ada.account is not None
    answer = ada.submits(form)
    if is_in:
        page = assert_stops(ada, Outcome.NOT_THE_SAME)
        assert "/account" in page.links
    else:
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")
    assert state(store) == before
    assert ("github", "1906") not in {(oauth.entry, oauth.subject) for oauth in store.scan(OAuth)}


def test_a_provider_switched_off_before_the_callback(ada: Person, make_app: MakeApp, store: Store) -> None:
    callback = ada.consents(ada.sets_out_to_link("github"))
    after = Person(make_app(PORTAL_PROVIDERS__GITHUB__ENABLED="false"))
    after.copies(ada)
    after.returns(callback)
    assert "/account" in assert_stops(after, Outcome.PROVIDER_OFF, "github").links
    assert entries(store, ada.user_id) == ["google"]


def test_a_provider_switched_off_before_the_yes(ada: Person, make_app: MakeApp, store: Store) -> None:
    ada.links("github")
    ada.opens("/account/add")
    form = ada.sees.form("/account/add")
    after = Person(make_app(PORTAL_PROVIDERS__GITHUB__ENABLED="false"))
    after.copies(ada)
    after.opens("/account/add")
    assert_stops(after, Outcome.WAITED_TOO_LONG)
    after.submits(form)
    assert "/account" in assert_stops(after, Outcome.PROVIDER_OFF).links
    assert entries(store, ada.user_id) == ["google"]


def test_an_identity_taken_by_somebody_else_before_the_callback(ada: Person, people: People, store: Store) -> None:
    callback = ada.consents(ada.sets_out_to_link("github"), "grace")
    people().signs_in_with("github", "grace")
    ada.returns(callback)
    assert_stops(ada, Outcome.ANOTHERS, "github")
    assert entries(store, ada.user_id) == ["google"]


def test_an_identity_taken_by_somebody_else_before_the_yes(ada: Person, people: People, store: Store) -> None:
    ada.links("github", "grace")
    people().signs_in_with("github", "grace")
    ada.confirms()
    assert "/account" in assert_stops(ada, Outcome.ANOTHERS).links
    assert entries(store, ada.user_id) == ["google"]
    assert ada.account


def test_an_answer_that_comes_too_late(ada: Person, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = ada.consents(ada.sets_out_to_link("github"))
    flows = ada.app.extensions["portal"].flows
    now = flows._now
    monkeypatch.setattr(flows, "_now", lambda: now() + 601)
    ada.returns(callback)
    page = assert_stops(ada, Outcome.FLOW_EXPIRED, "github")
    assert "/account" in page.links
    assert not page.forms, "a signed-in person is offered no sign-in"
    assert entries(store, ada.user_id) == ["google"]


def test_a_yes_that_comes_too_late(ada: Person, store: Store, wait: Wait) -> None:
    ada.links("github")
    ada.opens("/account/add")
    form = ada.sees.form("/account/add")
    wait(LIFETIME)
    ada.opens("/account/prove")
    ada.proves_with("google")
    ada.opens("/account")
    form.fields["csrf_token"] = ada.sees.form("/logout").fields["csrf_token"]
    ada.submits(form)
    page = assert_stops(ada, Outcome.WAITED_TOO_LONG)
    assert "/account" in page.links
    assert not page.forms
    assert entries(store, ada.user_id) == ["google"]


def test_a_yes_that_was_given_before(ada: Person, store: Store) -> None:
    ada.links("github")
    ada.opens("/account/add")
    form, cookie = ada.sees.form("/account/add"), ada.cookies["portal_waiting"]
    ada.submits(form)
    ada.keeps("portal_waiting", cookie)
    ada.submits(form)
    assert "/account" in assert_stops(ada, Outcome.FORM_EXPIRED).links, "whose token is another since (T52)"
    ada.opens("/account")
    ada.submits(form, csrf_token=ada.sees.form("/account/name").fields["csrf_token"])
    assert "/account" in assert_stops(ada, Outcome.WAITED_TOO_LONG).links
    assert entries(store, ada.user_id) == ["github", "google"]


def test_a_yes_to_what_waits_for_somebody_else(ada: Person, people: People, store: Store) -> None:
    """An attacker's identity that waits for their yes, planted in the victim's browser, is not added to the victim.
    T03."""
    attacker = people()
    attacker.signs_in_with("github", "barbara")
    attacker.links("github", "grace")
    ada.links("github")
    ada.opens("/account/add")
    form = ada.sees.form("/account/add")
    ada.keeps("portal_waiting", attacker.cookies["portal_waiting"])
    ada.submits(form)
    assert "/account" in assert_stops(ada, Outcome.NOT_THE_SAME).links
    assert entries(store, ada.user_id) == ["google"]


def test_a_no_at_the_provider_leads_back_to_the_account(ada: Person, rows: Rows) -> None:
    before = rows()
    ada.links("github", "deny")
    assert ada.page is not None
    assert (ada.page.status_code, ada.sees.heading) == (Outcome.DENIED.status, "Nothing was added")
    assert (ada.sees.forms, ada.sees.links) == ([], ["/account"])
    assert rows() == before
    assert ada.account


def test_a_provider_in_trouble_leads_back_to_the_account(ada: Person, rows: Rows) -> None:
    before = rows()
    ada.links("github", trouble="error500", at="token")
    page = assert_stops(ada, Outcome.PROVIDER_DOWN, "github")
    assert (page.forms, page.links) == ([], ["/account"])
    assert rows() == before


def test_a_reload_of_the_callback_leads_to_the_question_again(ada: Person) -> None:
    callback = ada.consents(ada.sets_out_to_link("github"))
    for _ in range(3):
        assert ada.ends_on(callback) == "/account/add"
    assert ada.confirms().status_code == 303


# Is it still you? (T47)


def test_who_signed_in_a_while_ago_proves_it_first_and_comes_back(ada: Person, store: Store, wait: Wait) -> None:
    wait(FRESH)
    ada.opens("/account")
    assert ada.posts("/account/link/github").location == "/account/prove?next=/account"
    user_id, cookie = ada.user_id, ada.cookies["portal_session"]
    ada.opens("/account/prove?next=/account")
    assert ada.sees.heading == "Is it still you?"
    assert ada.proves_with("google").location == "/account"
    assert ada.user_id == user_id
    assert ada.cookies["portal_session"] != cookie
    assert len(store.scan(Session)) == 1
    ada.adds("github")
    assert entries(store, user_id) == ["github", "google"]


def test_who_was_asked_at_the_yes_comes_back_to_the_question(ada: Person, store: Store, wait: Wait) -> None:
    wait(FRESH - timedelta(minutes=1))
    ada.links("github")
    ada.opens("/account/add")
    wait(timedelta(minutes=2))
    answer = ada.posts("/account/add")
    assert answer.location == "/account/prove?next=/account/add"
    ada.opens(answer.location)
    assert ada.proves_with("google").location == "/account/add"
    ada.confirms()
    assert entries(store, ada.user_id) == ["github", "google"]


@pytest.mark.parametrize(
    ("method", "path", "back"),
    [
        ("POST", "/account/link/github", "/account"),
        ("POST", "/account/unlink", "/account"),
        ("GET", "/account/export", "/account"),
        ("GET", "/account/delete", "/account/delete"),
        ("POST", "/account/delete", "/account/delete"),
    ],
)
def test_what_can_t_be_undone_asks_for_it(
    ada: Person, rows: Rows, wait: Wait, method: str, path: str, back: str
) -> None:
    ada.opens("/account")
    fields = ada.sees.form("/logout").fields
    wait(FRESH - timedelta(seconds=5))
    assert ada.account
    wait(timedelta(seconds=5))
    before = rows()
    answer = ada.sends(path, method=method, data=fields if method == "POST" else {})
    assert (answer.status_code, answer.location) == (303, f"/account/prove?next={back}")
    assert rows() == before


def test_the_page_offers_one_s_own_providers_only(ada: Person) -> None:
    def offered() -> list[str]:
        ada.opens("/account/prove")
        return [form.action for form in ada.sees.forms]

    assert offered() == ["/account/prove/google"]
    ada.adds("facebook")
    assert offered() == ["/account/prove/google", "/account/prove/facebook"]


def test_any_identity_of_one_s_own_will_do(ada: Person, wait: Wait) -> None:
    ada.adds("github", "grace")
    wait(FRESH)
    user_id = ada.user_id
    ada.opens("/account/prove?next=/account/delete")
    assert ada.proves_with("github", "grace").location == "/account/delete"
    assert ada.user_id == user_id
    assert ada.opens("/account/delete").status_code == 200


@pytest.mark.parametrize("somebody_s", [True, False])
def test_somebody_else_s_identity_proves_nothing(
    ada: Person, people: People, rows: Rows, wait: Wait, somebody_s: bool
) -> None:
    if somebody_s:
        people().signs_in_with("google", "grace")
    wait(FRESH)
    before, cookie = rows(), ada.cookies["portal_session"]
    ada.opens("/account/prove")
    ada.proves_with("google", "grace")
    assert "/account" in assert_stops(ada, Outcome.NOT_YOURS, "google").links
    assert (rows(), ada.cookies["portal_session"]) == (before, cookie)
    assert ada.opens("/account/delete").status_code == 303


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.__name__)
def test_what_changes_while_one_proves_it(ada: Person, people: People, store: Store, changed: Change) -> None:
    ada.opens("/account/prove")
    callback = ada.consents(ada.sets_out_to_prove("google"))
    changed(ada, store, people)
    before = state(store)
    ada.returns(callback)
    assert "/account" in assert_stops(ada, Outcome.NOT_THE_SAME, "google").links
    assert state(store) == before


def test_who_is_asked_whether_it_is_still_them_may_be_led_nowhere_else(ada: Person) -> None:
    for hostile in ("https://evil.example/", "//evil.example", "/logout"):
        ada.opens(f"/account/prove?next={hostile}")
        assert ada.posts("/account/prove/google", next=hostile).status_code == 303
        ada.opens("/account/prove")
        callback = ada.consents(ada.posts("/account/prove/google", next=hostile).location)
        assert ada.ends_on(callback) == "/"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_buttons_to_add_are_those_that_are_on(ada: Person, provider: str) -> None:
    ada.opens("/account")
    assert ada.sees.form(f"/account/link/{provider}").button.startswith("Add ")
