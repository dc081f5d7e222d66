"""Removing a way in: never the last one that works, never somebody else's, and what came by it ends with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from portal.errors import Outcome
from portal.models import Email, OAuth, Token
from portal.storage import Store
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.person import Person

People = Callable[[], Person]


@pytest.fixture
def ada(person: Person) -> Person:
    """Signed up with Google, and has added GitHub."""
    person.signs_in_with("google")
    person.adds("github")
    return person


def entries(store: Store, user_id: str | None) -> list[str]:
    return sorted(oauth.entry for oauth in store.scan(OAuth) if oauth.user_id == user_id)


def sends_identity(person: Person, identity: str) -> None:
    """The form of a removal, with an identity of one's choice."""
    person.opens("/account")
    form = next(form for form in person.sees.forms if form.action == "/account/unlink")
    person.submits(form, identity=identity)


def test_a_way_in_is_removed_with_all_that_belongs_to_it(ada: Person, store: Store) -> None:
    assert ada.unlinks("GitHub").location == "/account"
    assert "GitHub was removed." in ada.opens("/account").text
    assert entries(store, ada.user_id) == ["google"]
    (oauth,) = store.scan(OAuth)
    assert [token.oauth_id for token in store.scan(Token)] == [oauth.id]
    assert [email.oauth_id for email in store.scan(Email)] == [oauth.id]


def test_with_one_way_in_there_is_no_button_to_remove_it(person: Person) -> None:
    person.signs_in_with("google")
    person.opens("/account")
    assert "/account/unlink" not in [form.action for form in person.sees.forms]


def test_the_last_way_in_stays_and_another_is_offered_first(person: Person, store: Store, rows: Rows) -> None:
    """T45: the button is not there, so the form is made up."""
    person.signs_in_with("google")
    (oauth,) = store.scan(OAuth)
    before = rows()
    person.opens("/account")
    person.submits(replace(person.sees.form("/logout"), action="/account/unlink"), identity=oauth.id)
    page = assert_stops(person, Outcome.LAST_WAY_IN)
    assert rows() == before
    adding = [form for form in page.forms if form.action.startswith("/account/link/")]
    assert [form.button for form in adding] == ["Add Google", "Add GitHub", "Add Facebook"]
    person.returns(person.consents(person.posts("/account/link/github").location))
    person.confirms()
    person.unlinks("Google")
    assert entries(store, person.user_id) == ["github"]


def test_a_way_that_is_switched_off_is_no_way_in(ada: Person, make_app: MakeApp, store: Store) -> None:
    after = Person(make_app(PORTAL_PROVIDERS__GITHUB__ENABLED="false"))
    after.copies(ada)
    text = after.opens("/account").text
    assert "Switched off" in text
    assert "Add a second way in" in text, "there is only one that works"
    after.unlinks("Google")
    assert_stops(after, Outcome.LAST_WAY_IN)
    assert entries(store, ada.user_id) == ["github", "google"]
    after.unlinks("GitHub")
    assert entries(store, ada.user_id) == ["google"], "the dead one may go"


def test_ids_that_are_not_one_s_own_are_one_and_the_same_to_whoever_asks(
    ada: Person, people: People, store: Store, rows: Rows
) -> None:
    """T42."""
    other = people()
    other.signs_in_with("github", "grace")
    (hers,) = (oauth for oauth in store.scan(OAuth) if oauth.user_id == other.user_id)
    before, pages = rows(), set()
    for identity in (hers.id, "x" * 43, "", "ä\x00", "../" + hers.id, other.user_id or ""):
        sends_identity(ada, identity)
        page = assert_stops(ada, Outcome.NOT_FOUND)
        assert ada.page is not None
        incident = ada.page.text.partition("<code>")[2].partition("</code>")[0]
        tokens = {form.fields["csrf_token"] for form in page.forms}
        text = ada.page.text.replace(incident, "")
        for token in tokens:
            text = text.replace(token, "")
        pages.add(text)
    assert len(pages) == 1
    assert rows() == before
    assert other.account


@pytest.mark.parametrize("ticked", [True, False])
def test_the_ticked_box_ends_the_other_sessions(ada: Person, people: People, ticked: bool) -> None:
    phone = people()
    phone.signs_in_with("google")
    ada.opens("/account")
    assert all(form.fields["others"] for form in ada.sees.forms if form.action == "/account/unlink")
    ada.unlinks("GitHub", ends_others=ticked)
    assert ada.account
    assert (phone.account is None) == ticked


def test_a_session_that_came_by_it_ends_with_it_whatever_the_box(ada: Person, people: People) -> None:
    phone = people()
    phone.signs_in_with("github")
    ada.unlinks("GitHub", ends_others=False)
    assert ada.account
    assert phone.account is None


def test_the_session_that_came_by_it_and_removes_it_stays(ada: Person, store: Store) -> None:
    """T46."""
    ada.unlinks("Google", ends_others=False)
    assert "GitHub" in (ada.account or "")
    assert entries(store, ada.user_id) == ["github"]


def test_it_never_lands_in_the_old_account_again(ada: Person, people: People, store: Store) -> None:
    """T44."""
    ada.unlinks("GitHub")
    stranger = people()
    stranger.signs_in_with("github")
    assert stranger.user_id
    assert stranger.user_id != ada.user_id
    ada.links("github")
    assert_stops(ada, Outcome.ANOTHERS, "github")
    assert entries(store, ada.user_id) == ["google"]


def test_it_can_be_added_again(ada: Person, store: Store) -> None:
    ada.unlinks("GitHub")
    ada.adds("github")
    assert entries(store, ada.user_id) == ["github", "google"]


def test_a_return_that_was_under_way_when_it_was_removed_signs_nobody_in_there(ada: Person, people: People) -> None:
    phone = people()
    callback = phone.consents(phone.starts("github"))
    ada.unlinks("GitHub")
    phone.returns(callback)
    assert phone.user_id != ada.user_id


def test_of_two_tabs_that_remove_different_ways_one_is_told(ada: Person, store: Store) -> None:
    """T45: both pages were read while there were two."""
    ada.opens("/account")
    first, second = (form for form in ada.sees.forms if form.action == "/account/unlink")
    ada.submits(first, others="")
    ada.opens("/account")
    ada.submits(second, others="", csrf_token=ada.sees.form("/account/name").fields["csrf_token"])
    assert_stops(ada, Outcome.LAST_WAY_IN)
    assert entries(store, ada.user_id) == ["github"]


def test_a_removal_that_was_done_already_is_not_found(ada: Person, rows: Rows) -> None:
    ada.opens("/account")
    form = next(form for form in ada.sees.forms if form.button == "Remove GitHub")
    ada.submits(form)
    before = rows()
    ada.submits(form)
    assert_stops(ada, Outcome.FORM_EXPIRED)
    ada.opens("/account")
    ada.submits(form, csrf_token=ada.sees.form("/account/name").fields["csrf_token"])
    assert_stops(ada, Outcome.NOT_FOUND)
    assert rows() == before
