"""Is it still you? The provider is made to ask again, and where it can say when it asked, that is checked (T47)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

import portal.dance
from portal.errors import Outcome
from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import HOME, Person

LATER = timedelta(minutes=11)
ASKED = {  # what each is asked with; only Acme says when somebody signed in there
    "acme": {"prompt": ["login"], "max_age": ["0"]},
    "silent": {"prompt": ["select_account"]},
    "google": {"prompt": ["select_account"]},
    "github": {"prompt": ["select_account"]},
    "facebook": {"auth_type": ["reauthenticate"]},
}
EVERY = ("prompt", "max_age", "auth_type")


@pytest.fixture(scope="module")
def issuers() -> Iterator[RunningSandbox]:
    """An issuer that says when somebody signed in, and one that doesn't."""
    with running_sandbox(
        redirect_base=HOME, issuers=[Issuer(name="acme"), Issuer(name="silent", says_auth_time=False)]
    ) as running:
        yield running


@pytest.fixture
def app(make_app: MakeApp, issuers: RunningSandbox) -> Flask:
    """A portal with both beside the others."""
    return make_app(
        **{
            f"PORTAL_PROVIDERS__{name}__{key}".upper(): value
            for name in ("acme", "silent")
            for key, value in issuers.issuer_settings(name).items()
        }
    )


def wants_to_delete(person: Person) -> None:
    """Goes for what can't be undone, and is asked first."""
    asked = person.opens("/account/delete")
    assert asked.location.startswith("/account/prove"), "it was a while ago"
    person.opens(asked.location)


def asked_with(location: str) -> dict[str, list[str]]:
    query = parse_qs(urlsplit(location).query)
    return {name: query[name] for name in EVERY if name in query}


def test_the_provider_is_asked_to_ask_again(people: Callable[[], Person], wait: Wait) -> None:
    """Where nobody can tell the time, a fresh round trip counts. It is weaker, and known to be: demanding a time that
    never comes would lock people out of their own account."""
    everybody = {provider: people() for provider in ASKED}
    for provider, person in everybody.items():
        started = person.starts(provider)
        assert asked_with(started) == {}, "an ordinary sign-in is not made longer"
        person.arrives_on(person.consents(started))
    wait(LATER)
    for provider, person in everybody.items():
        wants_to_delete(person)
        location = person.sets_out_to_prove(provider)
        assert asked_with(location) == ASKED[provider]
        assert person.ends_on(person.consents(location)) == "/account/delete"
        assert person.opens("/account/delete").status_code == 200


@pytest.mark.parametrize("trouble", ["auth-time-old", "auth-time-missing"])
def test_an_answer_from_an_earlier_sign_in_there_proves_nothing(
    person: Person, wait: Wait, rows: Rows, trouble: str, lines: Callable[[], list[str]]
) -> None:
    """Who finds an unlocked browser has a session at the provider, too, but not what it asks for."""
    person.signs_in_with("acme")
    user_id = person.user_id
    wait(LATER)
    wants_to_delete(person)
    before = rows()
    person.returns(person.consents(person.sets_out_to_prove("acme"), trouble=trouble))
    page = assert_stops(person, Outcome.NOT_RECENT, "acme")
    assert [(form.action, form.button, form.fields["next"]) for form in page.forms] == [
        ("/account/prove/acme", "Sign in again at Acme", "/account/delete")
    ]
    assert any("not_recent" in line for line in lines())
    assert (rows(), person.user_id) == (before, user_id), "signed in as before, and no more trusted"
    # The one button leads on, for who can prove it.
    location = person.posts("/account/prove/acme").location
    assert asked_with(location) == ASKED["acme"]
    assert person.ends_on(person.consents(location)) == "/account/delete"


def test_it_is_the_time_that_is_checked(person: Person, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a portal that only asks, and does not look at the answer, lets the old one pass."""
    person.signs_in_with("acme")
    wait(LATER)
    wants_to_delete(person)
    monkeypatch.setattr(
        portal.dance,
        "_identify",
        lambda provider, flow, token: provider.identify(
            person.app.extensions["portal"].backchannel.session(), token, nonce=flow.nonce
        ),
    )
    answer = person.returns(person.consents(person.sets_out_to_prove("acme"), trouble="auth-time-old"))
    assert answer.location == "/account/delete"


def test_who_takes_the_parameters_out_of_the_address_proves_nothing(person: Person, wait: Wait) -> None:
    """The address bar is the attacker's as well: what was asked for is no proof, `auth_time` is."""
    person.signs_in_with("acme")
    wait(LATER)
    wants_to_delete(person)
    location = person.sets_out_to_prove("acme")
    tampered = location.replace("&prompt=login", "").replace("&max_age=0", "")
    assert asked_with(tampered) == {}
    person.returns(person.consents(tampered))
    assert_stops(person, Outcome.NOT_RECENT, "acme")


@pytest.mark.parametrize("provider", ["acme", "silent"])
def test_a_fresh_proof_is_somebody_s_own(person: Person, provider: str, wait: Wait, rows: Rows) -> None:
    person.signs_in_with(provider)
    wait(LATER)
    wants_to_delete(person)
    before = rows()
    person.proves_with(provider, "grace")
    assert_stops(person, Outcome.NOT_YOURS, provider)
    assert rows() == before


def test_an_ordinary_sign_in_does_not_care_when_somebody_signed_in_there(person: Person) -> None:
    """Single sign-on is why people have an issuer."""
    for trouble in ("auth-time-old", "auth-time-missing"):
        assert person.signs_in_with("acme", trouble=trouble, next="/account").location == "/account"
        person.signs_out()
