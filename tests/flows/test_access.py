"""What the account page says of the access behind each way in, and what a provider tells when it is asked anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from portal.errors import Outcome, TryAgain
from portal.models import OAuth, Token
from portal.storage import Store, Update
from providers.base import Fault, ProviderError
from providers.sandbox import RunningSandbox
from providers.sandbox.troubles import Trouble
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.flows.test_every_page import assert_well_made
from tests.person import Person

TITLES = {"google": "Google", "github": "GitHub", "facebook": "Facebook"}


@pytest.fixture(autouse=True)
def _forgotten(sandbox: RunningSandbox) -> None:
    sandbox.reset()


def asks(person: Person, store: Store, provider: str) -> TestResponse:
    """Presses "Show what ... tells us"."""
    person.opens("/account")
    (oauth,) = (oauth for oauth in store.scan(OAuth) if oauth.entry == provider)
    forms = [form for form in person.sees.forms if form.action == "/account/told"]
    return person.submits(next(form for form in forms if form.fields["identity"] == oauth.id))


def words(answer: TestResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", answer.text).split())


def change(store: Store, **fields: object) -> Token:
    (token,) = store.scan(Token)
    changed = replace(token, **fields)  # type: ignore[arg-type]
    store.commit(Update(changed))
    return changed


# --- the account page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "granted", "lasts"),
    [
        ("google", ["who you are", "your e-mail address", "your name and picture"], "Access lasts until"),
        ("github", ["your profile", "your e-mail addresses"], "Access lasts until you, or GitHub, end it."),
        ("facebook", ["your name and picture", "your e-mail address"], "Access is renewed by itself."),
    ],
)
def test_the_page_says_what_was_granted_until_when_and_since_when(
    person: Person, store: Store, provider: str, granted: list[str], lasts: str
) -> None:
    person.signs_in_with(provider)
    text = words(person.opens("/account"))
    said = re.search(r"You granted: ([^.]*)\.", text)
    assert said
    assert sorted(said[1].split(", ")) == sorted(granted)
    assert lasts in text
    (token,) = store.scan(Token)
    assert token.renewed is not None
    assert f"Last renewed {token.renewed.strftime('%-d %B %Y, %H:%M')} UTC." in text


def test_what_nobody_has_words_for_is_shown_as_it_is_escaped_and_capped(person: Person, store: Store) -> None:
    person.signs_in_with("github")
    change(store, scopes=("<script>alert(1)</script>", "x" * 5000, *(f"scope-{n}" for n in range(50))))
    page = person.opens("/account").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "x" * 100 in page
    assert "x" * 101 not in page
    assert "scope-49" not in page
    assert "and more" in page
    assert_well_made(person)


def test_who_granted_nothing_is_told_so(person: Person, store: Store) -> None:
    person.signs_in_with("github")
    change(store, scopes=())
    assert "You granted nothing beyond what is public." in words(person.opens("/account"))


ENDS = {
    "refused": ({"ended": "refused"}, "GitHub has ended the access."),
    "lost": ({"ended": "lost"}, "An answer of GitHub was lost"),
    "deauthorized": ({"ended": "deauthorized"}, "You removed this site in your settings at GitHub."),
    "expired": ({"expires": datetime(2026, 1, 1, tzinfo=UTC)}, "The access has run out."),
    "sealed": ({"version": 99}, "can't be read any more"),
}


@pytest.mark.full
@pytest.mark.parametrize(("fields", "said"), ENDS.values(), ids=ENDS)
def test_what_is_over_for_good_has_a_button_that_mends_it(
    person: Person, store: Store, fields: dict[str, object], said: str
) -> None:
    person.signs_in_with("github")
    change(store, **fields)
    text = words(person.opens("/account"))
    assert said in text
    assert "You can still sign in with it." in text
    assert "/account/told" not in [form.action for form in person.sees.forms]
    assert_well_made(person)
    person.returns(person.consents(person.posts("/account/prove/github").location))
    assert "Reconnect" not in words(person.opens("/account"))
    assert asks(person, store, "github").status_code == 200


@pytest.mark.full
def test_without_a_kept_token_there_is_nothing_to_press(make_app: MakeApp, store: Store) -> None:
    person = Person(make_app(PORTAL_PROVIDERS__GITHUB__KEEP_TOKENS="false"))
    person.signs_in_with("github")
    text = words(person.opens("/account"))
    assert "No token is kept here" in text
    assert "Reconnect" not in text
    form = replace(person.sees.form("/logout"), action="/account/told")
    (oauth,) = store.scan(OAuth)
    answer = person.submits(form, identity=oauth.id)
    assert answer.status_code == 409
    assert "No token of it is kept here." in words(answer)


# --- what the provider tells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", TITLES)
def test_the_provider_is_asked_now_and_what_it_tells_is_shown(
    person: Person, store: Store, sandbox: RunningSandbox, rows: Rows, provider: str
) -> None:
    person.signs_in_with(provider)
    before, asked = rows(), sum(sandbox.counts.values())
    answer = asks(person, store, provider)
    assert answer.status_code == 200
    (oauth,) = store.scan(OAuth)
    (token,) = store.scan(Token)
    text = words(answer)
    assert f"What {TITLES[provider]} tells us" in text
    assert f"Your number there: {oauth.subject}" in text
    assert f"Name: {token.name}" in text
    assert f"{token.email} ({'confirmed' if token.email_verified else 'not confirmed'} by {TITLES[provider]})" in text
    assert 1 <= sum(sandbox.counts.values()) - asked <= 3
    assert rows() == before
    standins = sandbox.app.extensions["sandbox"].standins
    assert not any(secret in answer.text for standin in standins for secret in standin.grants.tokens._things)
    assert_well_made(person)


@pytest.mark.full
def test_it_is_what_the_provider_says_now_and_not_what_was_stored(person: Person, store: Store) -> None:
    person.signs_in_with("google")
    change(store, name="Somebody Else", email="old@example.org")
    text = words(asks(person, store, "google"))
    assert "Somebody Else" not in text
    assert "old@example.org" not in text


@pytest.mark.full
def test_what_is_told_is_escaped(person: Person, store: Store) -> None:
    name = "<b>Ada</b>&\"'"
    person.signs_in_with("github", "own", subject="4711", name=name, email="ada@example.org", login="ada")
    page = asks(person, store, "github").text
    assert "<b>Ada" not in page
    assert "&lt;b&gt;Ada&lt;/b&gt;&amp;" in page


def test_an_expired_token_is_renewed_on_the_way(person: Person, store: Store, sandbox: RunningSandbox) -> None:
    refreshing = sandbox.refreshing("github")
    refreshing.expires = True
    try:
        person.signs_in_with("github")
        change(store, expires=datetime.now(UTC) - timedelta(minutes=1))
        assert asks(person, store, "github").status_code == 200
        assert refreshing.done == 1
    finally:
        refreshing.expires = False


def test_an_access_that_was_ended_there_is_said_so_with_the_way_back(
    person: Person, store: Store, sandbox: RunningSandbox
) -> None:
    person.signs_in_with("github")
    for standin in sandbox.app.extensions["sandbox"].standins:
        standin.grants.clear()
    answer = asks(person, store, "github")
    assert answer.status_code == 409
    assert "GitHub has ended the access." in words(answer)
    assert_well_made(person)
    assert person.posts("/account/prove/github").status_code == 303


CAN_T = {
    "away": (ProviderError(Fault.UNREACHABLE, "profile"), 503, "could not be asked right now"),
    "odd": (ProviderError(Fault.MALFORMED, "profile", "<b>"), 503, "could not be asked right now"),
    "busy": (TryAgain("busy", "github", retry_after=7), 503, "could not be asked right now"),
}


@pytest.mark.full
@pytest.mark.parametrize(("error", "status", "said"), CAN_T.values(), ids=CAN_T)
def test_what_can_t_be_asked_is_said(
    person: Person, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, said: str
) -> None:
    def fails(*_: object) -> object:
        raise error

    person.signs_in_with("github")
    monkeypatch.setattr("portal.views.access.ask_profile", fails)
    answer = asks(person, store, "github")
    assert (answer.status_code, "Retry-After" in answer.headers) == (status, True)
    assert said in words(answer)
    assert "<b>" not in answer.text
    assert_well_made(person)


@pytest.mark.full
@pytest.mark.parametrize("trouble", [Trouble.ERROR_500, Trouble.HTML, Trouble.GARBAGE, Trouble.SUBJECT_BIG])
def test_a_provider_in_trouble_is_a_page_and_the_access_stays(
    person: Person, store: Store, sandbox: RunningSandbox, trouble: Trouble
) -> None:
    person.signs_in_with("github")
    (standin,) = (each for each in sandbox.app.extensions["sandbox"].standins if each.name == "github")
    things = standin.grants.tokens._things
    for key, (until, grant) in list(things.items()):
        things[key] = (until, replace(grant, trouble=trouble, at=type(grant.at).PROFILE))
    before = store.scan(Token)
    answer = asks(person, store, "github")
    assert answer.status_code == 503
    assert store.scan(Token) == before


def test_nobody_asks_for_another_person(
    people: Callable[[], Person], store: Store, sandbox: RunningSandbox, rows: Rows
) -> None:
    ada, bob = people(), people()
    ada.signs_in_with("github")
    (oauth,) = store.scan(OAuth)
    bob.signs_in_with("google", "grace")
    bob.opens("/account")
    form = next(form for form in bob.sees.forms if form.action == "/account/told")
    before = dict(sandbox.counts)
    for identity in (oauth.id, "", "x" * 5000, "../" + oauth.id):
        bob.submits(form, identity=identity)
        assert_stops(bob, Outcome.NOT_FOUND)
    assert sandbox.counts == before


def test_only_a_press_asks(person: Person, sandbox: RunningSandbox) -> None:
    person.signs_in_with("github")
    before = dict(sandbox.counts)
    person.opens("/account")
    person.opens("/account/told")
    assert_stops(person, Outcome.WRONG_METHOD)
    person.sends("/account/told", headers={"Sec-Fetch-Site": "cross-site"})
    assert_stops(person, Outcome.CROSS_SITE)
    assert sandbox.counts == before
