"""Who is let in by a list: `allow` by identity, `organisations` by membership at GitHub. At every sign-in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal.errors import Outcome
from portal.models import OAuth, Pending, User
from providers.sandbox import RunningSandbox
from tests.flows.conftest import MakeApp
from tests.flows.stops import assert_stops
from tests.person import Person

ADA, GRACE = "1815", "1906"  # at GitHub


@pytest.fixture
def listed(make_app: MakeApp) -> Person:
    """Somebody in front of a portal that lets Ada in with GitHub, and anybody with the others."""
    return Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{ADA}", PORTAL_CONTACT="help@example.com"))


def users(person: Person) -> int:
    return len(person.app.extensions["portal"].store.scan(User))


# By identity.


def test_who_is_on_the_list_signs_in_and_nobody_else(listed: Person) -> None:
    listed.signs_in_with("github", "ada")
    assert listed.user_id
    grace = Person(listed.app)
    grace.comes_with("github", "grace", next="/account")
    page = assert_stops(grace, Outcome.NOT_LET_IN, "github")
    assert grace.page is not None
    assert 'Whom to ask: <a href="mailto:help@example.com">' in grace.page.text
    assert page.form("/login/github").fields["another"] == "1", "they may have another account there"
    assert (users(grace), grace.user_id) == (1, None)
    assert ADA not in grace.page.text, "the list is nobody's business"


@pytest.mark.full
def test_the_list_is_of_one_provider(listed: Person) -> None:
    listed.signs_in_with("google", "grace")
    assert listed.user_id


@pytest.mark.full
@pytest.mark.parametrize("subject", ["18150", "815", "1815 ", "١٨١٥"])
def test_only_the_very_same_subject_is_on_it(make_app: MakeApp, subject: str) -> None:
    person = Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{subject.strip()}"))
    person.comes_with("github", "ada")
    assert (person.user_id is None) == (subject.strip() != ADA)


def test_who_was_taken_off_the_list_is_not_let_in_again_and_is_told_on_the_account_page(make_app: MakeApp) -> None:
    before = Person(make_app())
    before.signs_in_with("github", "grace")
    later = Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{ADA}"))
    later.copies(before)
    text = later.opens("/account").text
    assert "Not let in" in text, "the session lives on"
    assert "You could not sign in again" in text
    anew = Person(later.app)
    anew.comes_with("github", "grace")
    assert_stops(anew, Outcome.NOT_LET_IN, "github")


def test_a_list_that_changes_between_button_and_callback_holds(make_app: MakeApp) -> None:
    """T105."""
    before = Person(make_app())
    callback = before.consents(before.starts("github"), "grace")
    later = Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{ADA}"))
    later.copies(before)
    later.returns(callback)
    assert_stops(later, Outcome.NOT_LET_IN, "github")
    assert users(later) == 0


@pytest.mark.parametrize("answer", ["sign-up", "link"])
def test_nor_is_what_waits_for_an_answer_taken_when_the_list_has_changed(make_app: MakeApp, answer: str) -> None:
    before = Person(make_app())
    if answer == "link":
        before.signs_in_with("google", "grace")
        before.links("github", "grace")
    else:
        before.signs_in_with("google", "grace")
        before.signs_out()
        assert before.is_asked(before.comes_with("github", "grace"))
    later = Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{ADA}"))
    later.copies(before)
    if answer == "link":
        later.confirms()
    else:
        later.opens("/welcome")
        later.posts("/welcome")
    assert_stops(later, Outcome.NOT_LET_IN, "github" if answer == "sign-up" else None)
    assert [oauth.entry for oauth in later.app.extensions["portal"].store.scan(OAuth)] == ["google"]


def test_an_identity_off_the_list_is_added_to_no_account_and_proves_nothing(make_app: MakeApp) -> None:
    before = Person(make_app())
    before.signs_in_with("google", "grace")
    before.adds("github", "grace")
    later = Person(make_app(PORTAL_PROVIDERS__GITHUB__ALLOW=f"github:{ADA}"))
    later.copies(before)
    later.opens("/account/prove")
    later.proves_with("github", "grace")
    assert_stops(later, Outcome.NOT_LET_IN, "github")
    later.links("github", "own", name="Somebody")
    page = assert_stops(later, Outcome.NOT_LET_IN, "github")
    assert page.form("/account/link/github").button == "Use another GitHub account"
    later.unlinks("Google")
    assert_stops(later, Outcome.LAST_WAY_IN)


# By organisation.


@pytest.fixture
def acme(make_app: MakeApp) -> Flask:
    """A portal for the members of one organisation."""
    return make_app(PORTAL_PROVIDERS__GITHUB__ORGANISATIONS="Acme")


def test_a_member_signs_in(acme: Flask) -> None:
    person = Person(acme)
    person.signs_in_with("github", "ada", next="/account")
    assert person.user_id


def test_it_is_one_more_call_and_only_where_it_is_asked_for(
    acme: Flask, person: Person, sandbox: RunningSandbox
) -> None:
    for somebody, calls in ((Person(acme), 1), (person, 0)):
        before = sandbox.counts.get("GET /github/api/user/memberships/orgs/acme", 0)
        location = somebody.starts("github")
        assert ("read%3Aorg" in location) == bool(calls)
        somebody.returns(somebody.consents(location, "ada"))
        assert sandbox.counts.get("GET /github/api/user/memberships/orgs/acme", 0) - before == calls


@pytest.mark.parametrize(
    ("organisations", "as_", "in_"),
    [
        ("acme", "grace", False),  # invited there, and has not accepted
        ("acme", "barbara", False),
        ("fortress", "ada", False),  # has not approved the application
        ("fortress, acme", "ada", True),
        ("engines, acme", "ada", True),
        ("nobody-s", "ada", False),
    ],
)
def test_who_is_no_active_member_of_any_is_not_let_in(
    make_app: MakeApp, lines: Callable[[], list[str]], organisations: str, as_: str, in_: bool
) -> None:
    person = Person(make_app(PORTAL_PROVIDERS__GITHUB__ORGANISATIONS=organisations))
    person.comes_with("github", as_)
    assert (person.user_id is not None) == in_
    if not in_:
        assert_stops(person, Outcome.NOT_LET_IN, "github")
        assert person.page is not None
        assert f"accounts of {organisations.replace(', ', ' or ')}" in person.page.text
        assert users(person) == 0
        (line,) = [line for line in lines() if "not-let-in" in line]
        assert organisations in line, "the log says which, and what GitHub answered"


def test_who_withholds_the_permission_reads_what_is_missing(acme: Flask) -> None:
    person = Person(acme)
    person.comes_with("github", "ada", trouble="scope_reduced")
    assert_stops(person, Outcome.SCOPE_MISSING, "github")
    assert users(person) == 0


@pytest.mark.full
def test_it_holds_for_old_accounts_too(make_app: MakeApp) -> None:
    before = Person(make_app())
    before.signs_in_with("github", "grace")
    later = Person(make_app(PORTAL_PROVIDERS__GITHUB__ORGANISATIONS="acme"))
    later.comes_with("github", "grace")
    assert_stops(later, Outcome.NOT_LET_IN, "github")


@pytest.mark.full
@pytest.mark.parametrize("trouble", ["error500", "html"])
def test_a_membership_that_can_t_be_asked_for_is_no_membership(acme: Flask, trouble: str) -> None:
    person = Person(acme)
    person.comes_with("github", "ada", trouble=trouble, at="profile")
    assert person.user_id is None
    assert users(person) == 0
    assert acme.extensions["portal"].store.scan(Pending) == []


@pytest.mark.full
def test_each_list_narrows(make_app: MakeApp) -> None:
    """Two lists let in who is on both: no setting that is added lets in more."""
    both = {"PORTAL_PROVIDERS__GITHUB__ORGANISATIONS": "acme", "PORTAL_PROVIDERS__GITHUB__ALLOW": f"github:{GRACE}"}
    for who in ("ada", "grace"):
        person = Person(make_app(**both))
        person.comes_with("github", who)
        assert_stops(person, Outcome.NOT_LET_IN, "github")
