"""A session gets a new secret while another tab asks with the old one: that tab is nobody for a moment, and nobody is
signed out by it. Of two answers the browser obeys the one that comes last; so the late one must say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from portal.accounts import Accounts
from tests.flows.conftest import Wait
from tests.person import Person

People = Callable[[], Person]
Change = Callable[[Person], object]


def proves_who_it_is(person: Person) -> None:
    person.opens("/account/prove")
    person.proves_with("github")


def signs_in_again(person: Person) -> None:
    person.returns(person.consents(person.sends_start()))


def adds_a_way_in(person: Person) -> None:
    person.adds("google")


def removes_a_way_in(person: Person) -> None:
    person.adds("google")
    person.unlinks("Google", ends_others=False)


def ends_all_others(person: Person) -> None:
    person.opens("/account")
    person.posts("/account/sessions/end-others")


CHANGES = [
    proves_who_it_is,
    ends_all_others,
    *(pytest.param(change, marks=pytest.mark.full) for change in (signs_in_again, adds_a_way_in, removes_a_way_in)),
]


class Browser(Person):
    """A person with a sign-in page that was open since before they signed in."""

    def opens_before(self) -> None:
        self.opens("/login")
        self.callback = self.posts("/login/github").location

    def sends_start(self) -> str:
        return self.callback


@pytest.fixture
def ada(people: People) -> Browser:
    ada = Browser(people().app)
    ada.opens_before()
    ada.signs_in_with("github")
    people().signs_in_with("github")  # another device, to have something to end
    return ada


def asks_with_the_old_cookie(ada: Person, people: People, change: Change) -> TestResponse:
    """The other tab's request was sent before the change and is answered after it."""
    tab = people()
    tab.copies(ada)
    change(ada)
    return tab.opens("/account")


def takes_the_cookie_back(answer: TestResponse) -> bool:
    return any(header.startswith("portal_session=") for header in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: getattr(change, "__name__", None))
def test_the_late_answer_takes_no_cookie_back(ada: Browser, people: People, change: Change) -> None:
    answer = asks_with_the_old_cookie(ada, people, change)
    assert answer.location == "/login?next=/account", "the old secret opens nothing any more (T52)"
    assert not takes_the_cookie_back(answer)
    assert ada.opens("/login?next=/account").location == "/account", "where the browser goes on with its new cookie"
    assert ada.account


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: getattr(change, "__name__", None))
def test_taking_back_whatever_is_dead_would_sign_the_person_out(
    ada: Browser, people: People, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    """The negative control."""
    monkeypatch.setattr(Accounts, "was_replaced", lambda *_: False)
    assert takes_the_cookie_back(asks_with_the_old_cookie(ada, people, change))


def test_a_minute_later_a_dead_cookie_is_dead_and_taken_back(ada: Browser, people: People, wait: Wait) -> None:
    """T58."""
    tab = people()
    tab.copies(ada)
    ends_all_others(ada)
    wait(timedelta(minutes=1))
    assert takes_the_cookie_back(tab.opens("/account"))
    assert tab.user_id is None


def test_a_form_of_the_other_tab_asks_once_more_and_then_goes_through(ada: Browser) -> None:
    """The form token is renewed with the session (T52)."""
    ada.opens("/account")
    stale = ada.sees.form("/account/name")
    ends_all_others(ada)
    assert ada.submits(stale, name="Countess").status_code == 400
    assert ada.renames("Countess").location == "/account"
