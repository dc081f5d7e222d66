"""Several tabs of one browser, finished in any order: each has a flow of its own, so none spoils another's (T62)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import permutations

import pytest
from flask import Flask

from portal.errors import Outcome
from portal.flow import AT_MOST, LIFETIME, Flows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

TABS = 5


def orders(full: bool) -> list[tuple[int, ...]]:
    """Every order in which five tabs can be finished; where time is short the plain ones and a few more."""
    every = list(permutations(range(TABS)))
    return every if full else [every[0], every[-1], *random.Random(5).sample(every, 4)]


def finish(person: Person, order: Sequence[int], *, providers: Sequence[str]) -> list[int]:
    """Starts a tab at each provider, then comes back from them in this order; the statuses, by tab."""
    callbacks = [person.consents(person.starts(provider)) for provider in providers]
    assert len(person.flows) <= AT_MOST
    statuses = dict.fromkeys(order, 0)
    for tab in order:
        statuses[tab] = person.returns(callbacks[tab]).status_code
        if statuses[tab] >= 400:
            assert person.sees.steps
    return [statuses[tab] for tab in range(len(providers))]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_five_tabs_at_one_provider_finish_in_any_order(people: Callable[[], Person], full: bool, provider: str) -> None:
    """There is room for four flows: the oldest is dropped, and its tab says so kindly (T62)."""
    people().signs_in_with(provider)  # who comes with Facebook for the first time is asked a question
    for order in orders(full)[:: 1 if provider == "github" else 5]:
        person = people()
        statuses = finish(person, order, providers=[provider] * TABS)
        assert statuses == [400, 303, 303, 303, 303], order
        assert "Ada Lovelace" in (person.account or "")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tabs_that_come_back_too_late_start_again_with_one_button_and_know_where_they_led(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    callbacks = [person.consents(person.starts(provider, next="/account")) for _ in range(TABS)]
    monkeypatch.setattr(app.extensions["portal"].flows, "_now", lambda: time.time() + LIFETIME + 5)
    for tab, callback in enumerate(callbacks):
        person.returns(callback)
        page = assert_stops(person, Outcome.FLOW_EXPIRED if tab else Outcome.FLOW_MISSING, provider)
        (form,) = page.forms
        assert form.action == f"/login/{provider}"
        assert form.fields.get("next", "/") == ("/account" if tab else "/"), "the first one's cookie is gone"
    assert person.arrives_on(person.consents(person.posts(f"/login/{provider}").location)) == "/account"


def test_one_cookie_for_all_flows_would_lose_all_tabs_but_one(
    people: Callable[[], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: one slot, as Flask-Dance has it."""
    monkeypatch.setattr(Flows, "_cookie_name", lambda flows, _: f"{flows._prefix}one")
    statuses = finish(people(), range(TABS), providers=["github"] * TABS)
    assert statuses == [400, 400, 400, 400, 303]


def test_the_tab_that_was_dropped_can_start_again(person: Person) -> None:
    first = person.consents(person.starts("github", next="/account"))
    for _ in range(AT_MOST):
        person.starts("github")
    person.returns(first)
    page = assert_stops(person, Outcome.FLOW_MISSING, "github")
    assert "Start again" in page.form("/login/github").button
    assert person.returns(person.consents(person.posts("/login/github").location)).status_code == 303


def test_four_tabs_all_sign_in(people: Callable[[], Person], full: bool) -> None:
    for order in list(permutations(range(4)))[:: 1 if full else 6]:
        person = people()
        assert finish(person, order, providers=["google"] * 4) == [303] * 4, order


def test_tabs_at_different_providers_never_switch_the_person(people: Callable[[], Person], full: bool) -> None:
    """The first to come back signs in; another provider's identity is then somebody else's, and is told so (T43).

    Facebook, which vouches for no address, only asks if it is the first.
    """
    providers = [*PROVIDERS, "google", "github"]
    for order in orders(full):
        person = people()
        statuses = finish(person, order, providers=providers)
        first = next(tab for tab in order if tab != 0 and providers[tab] != "facebook")  # tab 0 was dropped
        for tab, status in enumerate(statuses):
            asked = providers[tab] == "facebook" and order.index(tab) < order.index(first)
            expected = 303 if asked or providers[tab] == providers[first] else 409
            assert status == (400 if tab == 0 else expected), (order, tab)
        assert person.account


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_finished_flow_makes_room_before_one_under_way(person: Person, provider: str) -> None:
    waiting = person.consents(person.starts(provider, next="/account"))
    for _ in range(AT_MOST + 2):
        person.signs_in_with(provider)
        person.signs_out()
    assert person.ends_on(waiting) == "/account"


def test_flow_cookies_that_open_nothing_make_room_first(person: Person) -> None:
    waiting = person.consents(person.starts("github"))
    for number in range(30):
        person.keeps(f"portal_flow_junk{number}", "x")
    person.starts("github")
    assert len(person.flows) <= AT_MOST
    assert person.returns(waiting).status_code == 303


def test_a_sign_in_in_one_tab_does_not_end_the_form_of_another_for_good(person: Person) -> None:
    """The token is renewed at sign-in (T52): the other tab's press asks once more, and then goes through."""
    person.opens("/login")
    stale = person.sees.form("/login/github").fields
    person.signs_in_with("google")
    person.sends("/login/github", data=stale)
    assert_stops(person, Outcome.FORM_EXPIRED)
    assert person.posts("/login/github").status_code == 303
