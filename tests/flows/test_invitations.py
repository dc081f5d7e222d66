"""`sign_up`: who may make an account. Who has one is not asked; by invitation, one link makes one account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask import Flask

from portal.errors import Outcome, StoreError
from portal.models import Pending, User
from portal.pending import INVITATION_LIFETIME, pending_id
from portal.storage import Delete, Store
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.flows.test_every_page import assert_well_made
from tests.person import PROVIDERS, Person

People = Callable[[], Person]
CODE = "invitation-code-0123456789-0123456789-01234"
LINK = f"/invite?code={CODE}"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A portal where accounts are made by invitation."""
    return make_app(PORTAL_SIGN_UP="invited", PORTAL_CONTACT="https://www.example.com/join")


@pytest.fixture
def invited(app: Flask) -> str:
    """An invitation that nobody has used."""
    app.extensions["portal"].accounts.invitations.make(CODE, INVITATION_LIFETIME)
    return LINK


def opens_and_signs_in(person: Person, provider: str = "github", as_: str = "ada") -> None:
    person.opens(LINK)
    assert person.sees.heading == "You are invited"
    person.returns(person.consents(person.posts(f"/login/{provider}").location, as_))


def users(person: Person) -> int:
    return len(person.app.extensions["portal"].store.scan(User))


# Nobody new.


@pytest.mark.parametrize(("sign_up", "provider"), [("invited", "google"), ("closed", "github")])
def test_who_has_no_account_reads_whom_to_ask(make_app: MakeApp, provider: str, sign_up: str) -> None:
    person = Person(make_app(PORTAL_SIGN_UP=sign_up, PORTAL_CONTACT="https://www.example.com/join"))
    person.comes_with(provider)
    assert_stops(person, Outcome.NO_SIGN_UP, provider)
    assert person.page is not None
    assert 'Whom to ask: <a href="https://www.example.com/join">' in person.page.text
    assert ("by invitation alone" in person.page.text) == (sign_up == "invited")
    assert users(person) == 0
    assert person.app.extensions["portal"].store.scan(Pending) == []


@pytest.mark.parametrize("sign_up", ["invited", "closed"])
def test_who_has_an_account_signs_in_adds_and_recovers_as_ever(make_app: MakeApp, person: Person, sign_up: str) -> None:
    before = Person(make_app())
    before.signs_in_with("google")
    later = Person(make_app(PORTAL_SIGN_UP=sign_up))
    later.signs_in_with("google")
    assert later.user_id == before.user_id
    later.adds("github")
    later.signs_out()
    later.signs_in_with("github")
    assert later.user_id == before.user_id
    later.app.extensions["portal"].accounts.membership.make_recovery(before.user_id, "recovery")
    third = Person(later.app)
    third.opens("/recover?code=recovery")
    assert third.ends_on(third.consents(third.posts("/recover/facebook").location)) == "/account"
    assert third.user_id == before.user_id


def test_the_page_is_the_same_whether_the_address_is_known_here_or_not(make_app: MakeApp) -> None:
    """Grace has the same address everywhere; a stranger must not learn it."""
    Person(make_app()).signs_in_with("google", "grace")
    app = make_app(PORTAL_SIGN_UP="closed")
    pages = []
    for name, address in (("Known", "grace@example.com"), ("New", "nobody@example.com")):
        person = Person(app)
        person.comes_with("github", "own", name=name, email=address, verified="yes")
        assert_stops(person, Outcome.NO_SIGN_UP, "github")
        pages.append(person.sees.texts)
    assert pages[0] == pages[1]


@pytest.mark.parametrize("sign_up", ["invited", "closed"])
def test_sign_up_that_ends_between_button_and_callback_makes_no_account(
    person: Person, make_app: MakeApp, sign_up: str
) -> None:
    """T105."""
    before = Person(make_app())
    callback = before.consents(before.starts("github"))
    later = Person(make_app(PORTAL_SIGN_UP=sign_up))
    later.copies(before)
    later.returns(callback)
    assert_stops(later, Outcome.NO_SIGN_UP, "github")
    assert users(later) == 0


@pytest.mark.full
def test_nor_between_the_question_and_the_answer(make_app: MakeApp) -> None:
    before = Person(make_app())
    assert before.is_asked(before.comes_with("facebook"))
    later = Person(make_app(PORTAL_SIGN_UP="closed"))
    later.copies(before)
    later.opens("/welcome")
    later.posts("/welcome")
    assert_stops(later, Outcome.NO_SIGN_UP, "facebook")
    assert users(later) == 0


@pytest.mark.parametrize(("sign_up", "in_"), [("invited", True), ("closed", False)])
def test_admins_of_the_configuration_need_no_invitation(make_app: MakeApp, sign_up: str, in_: bool) -> None:
    """They are named by their identity; nobody else could ever make the first account."""
    app = make_app(PORTAL_SIGN_UP=sign_up, PORTAL_ADMINS="github:1815")
    ada, grace = Person(app), Person(app)
    ada.comes_with("github", "ada")
    assert (ada.user_id is not None) == in_
    grace.comes_with("github", "grace")
    assert_stops(grace, Outcome.NO_SIGN_UP, "github")


# The link.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_invitation_makes_one_account_also_where_a_question_comes_first(
    person: Person, invited: str, provider: str, store: Store
) -> None:
    opens_and_signs_in(person, provider)
    assert person.page is not None
    if person.is_asked(person.page):
        person.creates_an_account(person.page)
    assert person.user_id
    assert users(person) == 1
    assert store.scan(Pending) == []
    assert "portal_invited" not in person.cookies


def test_it_works_once(person: Person, people: People, invited: str) -> None:
    second = people()
    second.opens(LINK)
    second_callback = second.consents(second.posts("/login/github").location, "grace")
    opens_and_signs_in(person)
    second.returns(second_callback)
    assert_stops(second, Outcome.NO_SIGN_UP, "github")
    second.opens(LINK)
    assert_stops(second, Outcome.LINK_SPENT)
    assert users(person) == 1


def test_two_browsers_at_the_same_moment_make_one_account_between_them(
    app: Flask, people: People, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that the link is good. The negative control: whoever only deletes it makes two."""
    accounts = app.extensions["portal"].accounts

    def race(names: tuple[str, str]) -> int:
        accounts.invitations.make(CODE, INVITATION_LIFETIME)
        before = users(somebody[0])
        meet = Barrier(2, timeout=10)
        good = accounts.invitations.is_good

        def seen(key: str | None) -> bool:
            found: bool = good(key)
            if found:
                meet.wait()
            return found

        callbacks = []
        for person, name in zip(somebody, names, strict=True):
            person.opens(LINK)
            callbacks.append(person.consents(person.posts("/login/google").location, "own", name=name))
        with monkeypatch.context() as patch:
            patch.setattr(accounts.invitations, "is_good", seen)
            threads = [Thread(target=p.returns, args=(c,)) for p, c in zip(somebody, callbacks, strict=True)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        return users(somebody[0]) - before

    somebody = (people(), people())
    assert race(("One", "Two")) == 1
    store.commit(*(Delete(pending.key) for pending in store.scan(Pending)))
    somebody = (people(), people())
    monkeypatch.setattr(
        accounts.invitations,
        "spend",
        lambda key, mutations: store.commit(*mutations, Delete(Pending.key_of(key))),
    )
    assert race(("Three", "Four")) == 2


def test_it_works_for_a_week(person: Person, invited: str, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    invitations = app.extensions["portal"].accounts.invitations
    now = invitations._now
    passed = timedelta()
    monkeypatch.setattr(invitations, "_now", lambda: now() + passed)
    passed = INVITATION_LIFETIME - timedelta(minutes=1)
    person.opens(LINK)
    callback = person.consents(person.posts("/login/github").location)
    passed = INVITATION_LIFETIME
    person.returns(callback)
    assert_stops(person, Outcome.NO_SIGN_UP, "github")
    person.opens(LINK)
    assert_stops(person, Outcome.LINK_SPENT)
    assert users(person) == 0


@pytest.mark.full
@pytest.mark.parametrize("code", ["", CODE[:-1], CODE + "x", "ä" * 50, "x" * 5000, "%00"])
def test_a_wrong_code_opens_nothing(person: Person, invited: str, code: str) -> None:
    assert person.opens(f"/invite?code={code}").status_code == 404
    assert_stops(person, Outcome.LINK_SPENT)
    person.comes_with("github")
    assert_stops(person, Outcome.NO_SIGN_UP, "github")


def test_no_other_secret_is_an_invitation(person: Person, people: People, app: Flask, invited: str) -> None:
    """What waits for an answer, and recovery links, are kept in the same place; and neither is it one of them."""
    opens_and_signs_in(person)
    accounts = app.extensions["portal"].accounts
    accounts.membership.make_recovery(person.user_id, "recovery")
    stranger = people()
    stranger.opens("/invite?code=recovery")
    assert_stops(stranger, Outcome.LINK_SPENT)
    stranger.keeps("portal_invited", "recovery")
    stranger.comes_with("github", "grace")
    assert_stops(stranger, Outcome.NO_SIGN_UP, "github")
    accounts.invitations.make("another", INVITATION_LIFETIME)
    stranger.opens("/recover?code=another")
    assert_stops(stranger, Outcome.LINK_SPENT)
    stranger.keeps("portal_waiting", "another")
    stranger.opens("/welcome")
    assert_stops(stranger, Outcome.WAITED_TOO_LONG)


def test_nothing_is_used_up_by_reading_the_page_or_by_saying_no_there(person: Person, invited: str, rows: Rows) -> None:
    before = rows()
    for _ in range(3):
        person.opens(LINK)
    assert_well_made(person)
    assert rows() == before
    person.returns(person.consents(person.posts("/login/github").location, "deny"))
    assert_stops(person, Outcome.DENIED, "github")
    opens_and_signs_in(person)
    assert person.user_id


@pytest.mark.full
def test_who_has_an_account_leaves_the_invitation_for_others(make_app: MakeApp, person: Person, people: People) -> None:
    before = Person(make_app())
    before.signs_in_with("github")
    person.app.extensions["portal"].accounts.invitations.make(CODE, INVITATION_LIFETIME)
    opens_and_signs_in(person)
    assert person.user_id == before.user_id
    assert person.opens(LINK).location == "/account"
    other = people()
    opens_and_signs_in(other, "github", "grace")
    assert other.user_id not in {None, person.user_id}


@pytest.mark.full
def test_an_identity_that_was_in_doubt_may_be_claimed_instead_and_the_link_stays_good(
    make_app: MakeApp, person: Person, invited: str
) -> None:
    before = Person(make_app())
    before.signs_in_with("google", "grace")
    person.opens(LINK)
    asked = person.returns(person.consents(person.posts("/login/github").location, "grace"))
    assert person.is_asked(asked)
    person.opens(asked.location)
    person.claims_with("google", "grace")
    assert person.user_id == before.user_id
    assert person.app.extensions["portal"].accounts.invitations.is_good(pending_id(CODE))


@pytest.mark.full
def test_where_nobody_is_let_in_the_link_says_so_and_where_everybody_is_it_needs_no_use(make_app: MakeApp) -> None:
    closed, open_ = Person(make_app(PORTAL_SIGN_UP="closed")), Person(make_app())
    closed.app.extensions["portal"].accounts.invitations.make(CODE, INVITATION_LIFETIME)
    closed.opens(LINK)
    assert_stops(closed, Outcome.NO_SIGN_UP)
    closed.keeps("portal_invited", CODE)
    closed.comes_with("github")
    assert_stops(closed, Outcome.NO_SIGN_UP, "github")
    opens_and_signs_in(open_)
    assert open_.user_id
    assert open_.app.extensions["portal"].accounts.invitations.is_good(pending_id(CODE))


@pytest.mark.full
def test_providers_that_make_no_account_are_not_offered(make_app: MakeApp) -> None:
    person = Person(
        make_app(
            PORTAL_SIGN_UP="invited",
            PORTAL_PROVIDERS__GITHUB__STATE="link_only",
            PORTAL_PROVIDERS__FACEBOOK__STATE="hidden",
        )
    )
    person.app.extensions["portal"].accounts.invitations.make(CODE, INVITATION_LIFETIME)
    text = person.opens(LINK).text
    assert [name for name in PROVIDERS if f'formaction="/login/{name}"' in text] == ["google"]


@pytest.mark.full
def test_the_code_is_in_no_log_and_goes_to_no_provider(
    person: Person, invited: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person.opens(LINK)
    assert person.page is not None
    assert person.page.headers["Referrer-Policy"] == "same-origin"
    for provider in PROVIDERS:
        person.opens(LINK)
        assert CODE not in person.posts(f"/login/{provider}").location
    opens_and_signs_in(person)
    assert CODE not in caplog.text


def test_a_store_that_can_t_be_asked_lets_nobody_in(
    person: Person, invited: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.opens(LINK)
    callback = person.consents(person.posts("/login/github").location)

    def down(key: str | None) -> bool:
        raise StoreError("gone")

    monkeypatch.setattr(app.extensions["portal"].accounts.invitations, "is_good", down)
    person.returns(callback)
    assert_stops(person, Outcome.STORE_DOWN)
    assert users(person) == 0
