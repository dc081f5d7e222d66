"""A session lives as long as its row, its user and its limits say: asked at every request, and believed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from portal.errors import Outcome
from portal.lifetimes import Lifetimes
from portal.models import Session, User
from portal.storage import Delete, Store, Update
from tests.flows.conftest import Wait
from tests.flows.stops import assert_stops
from tests.person import Person

IDLE, ABSOLUTE = Lifetimes().idle, Lifetimes().absolute
SEEN_EVERY = timedelta(minutes=15)


def the_user(store: Store) -> User:
    (user,) = store.scan(User)
    return user


def test_a_higher_epoch_ends_every_session_made_before_it(people: Callable[[], Person], store: Store) -> None:
    """T35, T56: on the very next request."""
    laptop, phone = people(), people()
    for person in (laptop, phone):
        person.signs_in_with("github")
    store.commit(Update(replace(the_user(store), epoch=1)))
    for person in (laptop, phone):
        assert person.opens("/account").status_code == 303
        assert person.user_id is None
    laptop.signs_in_with("github")
    assert laptop.account


def test_a_suspended_user_is_out_at_once_and_not_let_in_again(person: Person, store: Store) -> None:
    """T57."""
    person.signs_in_with("github")
    store.commit(Update(replace(the_user(store), status="suspended")))
    assert person.account is None
    person.signs_in_with("github")
    page = assert_stops(person, Outcome.SUSPENDED, "github")
    assert "Ada" not in page.heading
    store.commit(Update(replace(the_user(store), status="active")))
    person.signs_in_with("github")
    assert person.account


def test_a_session_without_its_row_is_nobody(person: Person, store: Store) -> None:
    person.signs_in_with("github")
    (session,) = store.scan(Session)
    store.commit(Delete(session.key))
    assert person.opens("/account").status_code == 303
    assert person.user_id is None


def test_a_session_outlives_no_limit(person: Person, wait: Wait) -> None:
    """T59: neither the idle one, nor, however busy it is kept, the absolute one."""
    person.signs_in_with("github")
    wait(IDLE - timedelta(minutes=1))
    assert person.account
    wait(IDLE + timedelta(minutes=1))
    assert person.account is None
    person.opens("/account")
    person.signs_in_with("github")
    for _ in range(ABSOLUTE // (IDLE / 2)):
        assert person.account
        wait(IDLE / 2)
    wait(IDLE / 2)
    assert person.account is None


def test_being_seen_is_written_down_now_and_then_and_not_at_every_page(
    person: Person, store: Store, wait: Wait
) -> None:
    person.signs_in_with("github")
    (made,) = store.scan(Session)
    wait(SEEN_EVERY / 2)
    assert person.account
    assert store.scan(Session) == [made]
    wait(SEEN_EVERY)
    assert person.account
    (seen,) = store.scan(Session)
    assert seen.seen > made.seen
    assert replace(seen, seen=made.seen) == made
