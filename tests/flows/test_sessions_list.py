"""Where one is signed in: seen on the account page, and ended from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from portal.errors import Outcome, StoreError
from portal.models import Session, User
from portal.storage import Insert, Store, Update
from tests.flows.conftest import Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import Person

People = Callable[[], Person]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"
ENDINGS = ("/account/sessions/end", "/account/sessions/end-others", "/account/sessions/end-all")


@pytest.fixture
def ada(person: Person) -> Person:
    return signs_in(person, FIREFOX)


@pytest.fixture
def phone(people: People, ada: Person) -> Person:
    return signs_in(people(), IPHONE)


def signs_in(person: Person, user_agent: str) -> Person:
    callback = person.consents(person.starts("github"))
    person.returns(callback, headers={"User-Agent": user_agent})
    return person


def text(person: Person) -> str:
    return " ".join(person.opens("/account").text.split())


def ends(person: Person, which: int = 0) -> None:
    """Presses "End" beside one of the others."""
    person.opens("/account")
    person.submits([form for form in person.sees.forms if form.action == ENDINGS[0]][which])


# Seen.


def test_each_is_listed_with_device_provider_and_times(ada: Person, phone: Person, store: Store) -> None:
    page = text(ada)
    assert 'Firefox on Linux <span class="last">This browser</span>' in page
    assert "Safari on iPhone" in page
    assert page.count("With GitHub since") == 2
    assert "Last seen <time" in page
    assert "a few minutes ago" in page
    assert "In use now." in page
    assert text(phone).index("Safari on iPhone") < text(phone).index("Firefox on Linux"), "one's own comes first"


def test_one_alone_has_nothing_to_end_but_itself(ada: Person) -> None:
    ada.opens("/account")
    assert [form.action for form in ada.sees.forms if form.action in ENDINGS] == [ENDINGS[2]]


@pytest.mark.parametrize(
    "said", ["", "<script>alert(1)</script>", "{{ 7 * 7 }}", "x" * 5000, "\u202e Firefox", '"><img src=x>'], ids=len
)
def test_whatever_a_browser_calls_itself_the_page_is_whole(
    ada: Person, people: People, store: Store, said: str
) -> None:
    """T78, T89: stored printable and short, shown in words of ours."""
    signs_in(people(), said.encode("utf-8").decode("latin-1"))
    page = text(ada)
    assert "a browser" in page or "Firefox" in page
    for hostile in ("<script", "{{", "<img src=x"):
        assert hostile not in page
    assert ada.sees.problems == []
    for session in store.scan(Session):
        assert session.device is None or (session.device.isprintable() and len(session.device) <= 200)


def test_what_is_over_is_not_shown(ada: Person, phone: Person, wait: Wait) -> None:
    wait(timedelta(days=13))
    assert ada.account
    wait(timedelta(days=2))
    assert "iPhone" not in text(ada)


def test_a_crowd_of_sessions_leaves_the_page_a_page(ada: Person, store: Store) -> None:
    (mine,) = store.scan(Session)
    for start in range(0, 1000, 250):
        store.commit(*(Insert(replace(mine, id=f"robot-{n:04}")) for n in range(start, start + 250)))
    page = text(ada)
    assert page.count("With GitHub since") == 50
    assert "There may be more than are listed here." in page
    ada.posts(ENDINGS[1])
    page = text(ada)
    assert page.count("With GitHub since") == 1


def test_somebody_else_s_are_not_shown(ada: Person, people: People) -> None:
    grace = people()
    grace.returns(grace.consents(grace.starts("github"), "grace"), headers={"User-Agent": IPHONE})
    assert "iPhone" not in text(ada)


# Ended.


def test_one_that_is_ended_is_out_at_its_very_next_request(ada: Person, phone: Person, rows: Rows) -> None:
    assert phone.account
    ends(ada)
    assert "That device is signed out." in text(ada)
    assert "iPhone" not in text(ada)
    assert phone.opens("/account").location == "/login?next=/account"
    assert phone.user_id is None
    assert ada.account
    assert rows()["Session"] == 1


def test_ending_it_twice_is_told_and_does_no_harm(ada: Person, phone: Person) -> None:
    ada.opens("/account")
    (form,) = [form for form in ada.sees.forms if form.action == ENDINGS[0]]
    ada.submits(form)
    ada.submits(form)
    assert "signed out already" in text(ada)


def test_somebody_else_s_session_is_not_ended(ada: Person, phone: Person, people: People, store: Store) -> None:
    """T42: told as what is over already, and nothing happens."""
    grace = people()
    grace.signs_in_with("github", "grace")
    theirs = next(session.id for session in store.scan(Session) if session.user_id == grace.user_id)
    ada.opens("/account")
    form = next(form for form in ada.sees.forms if form.action == ENDINGS[0])
    for asked in (theirs, "", "-", "nobody", "x" * 5000, "\x00", "__x__"):
        assert ada.submits(form, session=asked).location == "/account"
        assert "signed out already" in text(ada)
    assert grace.account
    assert phone.account


def test_ending_one_s_own_is_signing_out(ada: Person, phone: Person, store: Store) -> None:
    ada.opens("/account")
    form = next(form for form in ada.sees.forms if form.action == ENDINGS[0])
    mine = next(session.id for session in store.scan(Session) if "Firefox" in (session.device or ""))
    assert ada.submits(form, session=mine).location == "/"
    assert ada.user_id is None
    assert phone.account


def test_all_others_are_ended_and_whoever_has_a_copy_of_this_cookie_too(
    ada: Person, phone: Person, people: People
) -> None:
    """T56."""
    thief = people()
    thief.copies(ada)
    assert thief.account
    before = ada.cookies["portal_session"]
    ada.opens("/account")
    assert ada.posts(ENDINGS[1]).location == "/account"
    assert "All other devices are signed out." in text(ada)
    assert ada.cookies["portal_session"] != before
    for other in (phone, thief):
        assert other.account is None


def test_everywhere_means_here_too(ada: Person, phone: Person) -> None:
    """T56."""
    ada.opens("/account")
    assert ada.posts(ENDINGS[2]).location == "/"
    assert ada.user_id is None
    assert "You are signed out on all devices," in ada.opens("/").text
    assert phone.account is None
    assert signs_in(phone, IPHONE).account, "and one comes back by the same button"


def test_none_of_it_asks_for_a_recent_sign_in_or_a_provider(
    ada: Person, phone: Person, people: People, wait: Wait
) -> None:
    """Who is frightened must not be held up; and what only takes away gives a thief nothing."""
    wait(timedelta(days=2))
    ends(ada)
    assert phone.account is None
    ada.opens("/account")
    ada.posts(ENDINGS[2])
    assert ada.account is None


@pytest.mark.parametrize("path", ENDINGS)
def test_only_a_press_on_our_own_page_ends_anything(ada: Person, phone: Person, rows: Rows, path: str) -> None:
    ada.opens("/account")
    fields = ada.sees.form(ENDINGS[0]).fields
    before = rows()
    for method in ("GET", "HEAD", "PUT"):
        assert ada.sends(path, method=method).status_code == 405
    ada.sends(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert "/account" in assert_stops(ada, Outcome.CROSS_SITE).links
    ada.sends(path, data=fields | {"csrf_token": ""})
    assert "/account" in assert_stops(ada, Outcome.FORM_EXPIRED).links
    assert rows() == before
    assert phone.account


@pytest.mark.parametrize("path", ENDINGS[:1])
def test_a_stranger_is_asked_to_sign_in(ada: Person, people: People, path: str) -> None:
    stranger = people()
    stranger.opens("/login")
    token = stranger.sees.forms[0].fields["csrf_token"]
    answer = stranger.sends(path, data={"csrf_token": token})
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")
    assert ada.account


@pytest.mark.parametrize("path", ENDINGS[1:])
def test_a_store_that_is_away_is_a_page_and_nobody_is_told_that_it_is_done(
    ada: Person, phone: Person, store: Store, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    ada.opens("/account")
    form = ada.sees.form(path)

    def down(*_: object) -> None:
        raise StoreError("out of reach")

    with monkeypatch.context() as patch:
        patch.setattr(store, "commit", down)
        patch.setattr(store, "transact", down)
        ada.submits(form)
    assert_stops(ada, Outcome.STORE_DOWN)
    assert phone.account
    assert ada.account


def test_a_list_that_can_not_be_read_is_a_page(ada: Person, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreError("out of reach")

    monkeypatch.setattr(store, "list_of", down)
    ada.opens("/account")
    assert_stops(ada, Outcome.STORE_DOWN)


def test_a_suspended_person_is_out_everywhere_at_the_next_request(ada: Person, phone: Person, store: Store) -> None:
    """T57."""
    (user,) = store.scan(User)
    store.commit(Update(replace(user, status="suspended")))
    assert ada.account is None
    assert phone.account is None


# What others do, and what it is worth.


@pytest.fixture
def stock() -> Flask:
    """An application with Flask-Login's own cookie session, as its documentation has it."""
    app = Flask("stock")
    app.secret_key = "x" * 32
    manager = LoginManager(app)

    class Somebody(UserMixin):  # type: ignore[misc]
        id = "ada"

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(_: str) -> Somebody:
        return Somebody()

    @app.get("/in")
    def sign_in() -> str:
        login_user(Somebody())
        return "in"

    @app.get("/out")
    def sign_out() -> str:
        logout_user()
        return "out"

    @app.get("/account")
    def account() -> str:
        return "yours" if current_user.is_authenticated else "nobody's"

    return app


def test_a_copied_cookie_of_flask_login_s_own_works_after_signing_out(
    stock: Flask, ada: Person, people: People
) -> None:
    """T55: the negative control, and ours beside it."""
    victim, thief = stock.test_client(), stock.test_client()
    victim.get("/in")
    cookie = victim.get_cookie("session")
    assert cookie
    thief.set_cookie("session", cookie.value)
    victim.get("/out")
    assert victim.get("/account").text == "nobody's"
    assert thief.get("/account").text == "yours", "this is what must not be"

    copy = people()
    copy.copies(ada)
    ada.signs_out()
    assert copy.account is None


def test_the_times_shown_are_those_stored(ada: Person, store: Store) -> None:
    (session,) = store.scan(Session)
    assert session.created.isoformat() in text(ada)
    assert datetime.now(UTC) - session.seen < timedelta(minutes=5)
