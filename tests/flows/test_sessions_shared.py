"""A shared computer: a box at the sign-in, shorter limits, a cookie that ends with the browser, and no mark left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from portal.errors import Outcome
from portal.lifetimes import Lifetimes
from portal.models import Session
from portal.storage import Store
from tests.flows.conftest import MakeApp, Wait
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

People = Callable[[], Person]
MOSTLY = [pytest.param(name, marks=[pytest.mark.full] if name == "google" else []) for name in PROVIDERS]


def set_cookies(answer: TestResponse) -> dict[str, str]:
    """What each Set-Cookie of an answer says, by name."""
    return {header.partition("=")[0]: header for header in answer.headers.getlist("Set-Cookie")}


def starts_shared(person: Person, provider: str, page: str = "/login") -> str:
    person.opens(page)
    return person.posts(f"/login/{provider}", shared="1").location


def comes_shared(person: Person, provider: str) -> TestResponse:
    """From the button, the box ticked, into the account."""
    answer = person.returns(person.consents(starts_shared(person, provider)))
    return person.creates_an_account(answer) if person.is_asked(answer) else answer


@pytest.mark.parametrize("provider", MOSTLY)
def test_the_box_makes_a_short_session_whose_cookie_ends_with_the_browser(
    person: Person, store: Store, provider: str
) -> None:
    answer = comes_shared(person, provider)
    said = set_cookies(answer)["portal_session"]
    assert "Max-Age" not in said
    assert "Expires" not in said
    (session,) = store.scan(Session)
    assert session.shared
    assert session.expires - session.created == timedelta(hours=12)
    assert "Shared computer" in person.opens("/account").text


@pytest.mark.parametrize("provider", MOSTLY)
def test_without_the_box_it_is_an_ordinary_one(person: Person, store: Store, provider: str) -> None:
    answer = person.signs_in_with(provider)
    assert f"Max-Age={90 * 86400}" in set_cookies(answer)["portal_session"]
    (session,) = store.scan(Session)
    assert not session.shared
    assert session.expires - session.created == timedelta(days=90)


def test_it_is_over_after_half_an_hour_without_use_and_after_twelve_hours_of_use(person: Person, wait: Wait) -> None:
    """T59."""
    comes_shared(person, "github")
    wait(timedelta(minutes=29))
    assert person.account
    wait(timedelta(minutes=31))
    assert person.account is None
    comes_shared(person, "github")
    for _ in range(12 * 3 - 1):
        wait(timedelta(minutes=20))
        assert person.account
    wait(timedelta(minutes=20))
    assert person.account is None


def test_the_mark_of_the_last_provider_is_wiped(person: Person) -> None:
    person.signs_in_with("github")
    assert person.cookies["portal_last"] == "github"
    person.signs_out()
    answer = comes_shared(person, "github")
    assert "Max-Age=0" in set_cookies(answer)["portal_last"]
    person.signs_out()
    assert "portal_last" not in person.cookies
    assert "Last used" not in person.opens("/login").text


@pytest.mark.parametrize("page", ["/", "/login", "/login/github", "/login?next=/account"])
def test_the_box_is_wherever_a_sign_in_starts_and_not_ticked(person: Person, page: str) -> None:
    text = person.opens(page).text
    assert "This is a shared computer" in text
    assert "half an hour without use, after twelve hours at most" in " ".join(text.split())
    assert person.sees.boxes == ["shared"]


def test_it_is_no_parameter_of_the_callback_or_the_provider_s_address(person: Person) -> None:
    location = starts_shared(person, "github")
    callback = person.consents(location)
    assert "shared" not in location
    assert "shared" not in callback
    person.returns(f"{callback}&shared=0")
    assert "Shared computer" in person.opens("/account").text


def test_a_callback_that_says_shared_by_itself_changes_nothing(person: Person, store: Store) -> None:
    person.returns(f"{person.consents(person.starts('github'))}&shared=1")
    (session,) = store.scan(Session)
    assert not session.shared


def test_the_page_that_starts_again_keeps_it_ticked(person: Person, store: Store) -> None:
    person.returns(person.consents(starts_shared(person, "github"), "deny"))
    page = assert_stops(person, Outcome.DENIED, "github")
    assert page.boxes == [], "it is ticked"
    assert all(form.fields["shared"] == "1" for form in page.forms)
    person.returns(person.consents(person.posts("/login/github").location))
    (session,) = store.scan(Session)
    assert session.shared


def test_a_form_that_is_too_old_keeps_it_ticked_too(person: Person) -> None:
    person.opens("/login")
    form = person.sees.form("/login/github")
    person.submits(form, shared="1", csrf_token="")
    assert assert_stops(person, Outcome.FORM_EXPIRED, "github").form("/login/github").fields["shared"] == "1"
    others = next(link for link in person.sees.links if link.startswith("/login?"))
    person.opens(others)
    assert person.sees.form("/login/google").fields["shared"] == "1", "other ways to sign in keep it as well"


def test_the_page_between_a_new_identity_and_an_account_keeps_it(person: Person, people: People, store: Store) -> None:
    answer = person.returns(person.consents(starts_shared(person, "facebook")))
    assert urlsplit(answer.location).path == "/welcome"
    person.opens(answer.location.partition("#")[0])
    assert [form.fields.get("shared") for form in person.sees.forms] == ["1"] * 3
    person.posts("/welcome")
    (session,) = store.scan(Session)
    assert session.shared


def test_an_old_way_in_that_is_proved_there_keeps_it(people: People, store: Store) -> None:
    people().signs_in_with("google")
    person = people()
    answer = person.returns(person.consents(starts_shared(person, "facebook")))
    person.opens(answer.location.partition("#")[0])
    person.claims_with("google")
    assert {session.shared for session in store.scan(Session) if session.expires} == {True, False}
    assert "Shared computer" in person.opens("/account").text


def test_what_is_added_or_proved_there_stays_short(person: Person, store: Store, wait: Wait) -> None:
    comes_shared(person, "google")
    person.adds("github")
    said = set_cookies(person.page) if person.page else {}
    assert "Max-Age" not in said["portal_session"]
    wait(timedelta(minutes=20))
    person.opens("/account/prove?next=/account")
    answer = person.proves_with("github")
    assert "Max-Age" not in set_cookies(answer)["portal_session"]
    (session,) = store.scan(Session)
    assert session.shared
    assert "portal_last" not in person.cookies


def test_a_recovery_link_has_the_box(person: Person, people: People, store: Store) -> None:
    person.signs_in_with("google")
    person.app.extensions["portal"].accounts.membership.make_recovery(person.user_id, "secret")
    elsewhere = people()
    elsewhere.opens("/recover?code=secret")
    assert elsewhere.sees.boxes == ["shared"]
    elsewhere.returns(elsewhere.consents(elsewhere.posts("/recover/github", shared="1").location))
    assert "Shared computer" in elsewhere.opens("/account").text


def test_the_limits_are_the_admin_s_and_the_page_says_them(make_app: MakeApp) -> None:
    app = make_app(
        PORTAL_SESSIONS__SHARED_IDLE="10m", PORTAL_SESSIONS__SHARED_ABSOLUTE="1h", PORTAL_SESSIONS__FRESH="5m"
    )
    person = Person(app)
    assert "ten minutes without use, after one hour at most" in " ".join(person.opens("/login").text.split())
    comes_shared(person, "github")
    (session,) = app.extensions["portal"].store.scan(Session)
    assert session.expires - session.created == timedelta(hours=1)
    assert session.fresh_until - session.created == timedelta(minutes=5)
    assert "more than five minutes ago" in person.opens("/account/prove").text


def test_limits_made_shorter_hold_at_the_very_next_request(make_app: MakeApp) -> None:
    """T59: a comparison with stored times, not what was promised at the sign-in."""
    first = make_app()
    person = Person(first)
    person.signs_in_with("github")
    store: Store = first.extensions["portal"].store
    (session,) = store.scan(Session)
    later = make_app(store=store, PORTAL_SESSIONS__ABSOLUTE="1h")
    accounts = later.extensions["portal"].accounts
    now = session.created + timedelta(hours=1)
    accounts._now = accounts._records.now = lambda: now
    person.browser, person.app = later.test_client(), later
    person.copies(person)
    assert person.account is None


def test_a_thief_who_keeps_the_cookie_longer_than_a_browser_would_is_out_in_time(
    person: Person, people: People, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the negative control: a limit that is only the cookie's own age."""
    comes_shared(person, "github")
    thief = people()
    thief.copies(person)
    with monkeypatch.context() as naive:
        naive.setattr(Lifetimes, "ends", lambda _, session: session.created + timedelta(days=36500))
        wait(timedelta(days=100))
        assert thief.account, "this is what must not be"
    assert thief.account is None
