"""A user's sessions, found by whose they are: strongly, by every store, without an index of several properties."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.models import Session, User
from portal.storage import Delete, Insert, Store, Update, find
from tests.storage.samples import make_session, move_in


def test_a_user_s_own_are_found_in_key_order_and_nobody_else_s(store: Store) -> None:
    move_in(store, "grace")
    mine = [make_session(name, user_id="ada") for name in ("c", "a", "b")]
    store.commit(*map(Insert, mine))
    assert [each.id for each in store.list_of(Session, "ada", limit=10)] == ["a", "b", "c"]
    assert store.list_of(Session, "nobody", limit=10) == []


def test_what_was_written_a_moment_ago_is_seen_and_what_is_gone_is_not(store: Store, beside: Store) -> None:
    session = make_session()
    for _ in range(3):
        store.commit(Insert(session))
        assert beside.list_of(Session, "ada", limit=10) == [session]
        store.commit(Update(replace(session, shared=True)))
        assert beside.list_of(Session, "ada", limit=10) == [replace(session, shared=True)]
        store.commit(Delete(session.key))
        assert beside.list_of(Session, "ada", limit=10) == []


@pytest.mark.parametrize("limit", [1, pytest.param(200, marks=pytest.mark.full), 450])
def test_no_more_are_given_than_were_asked_for(store: Store, limit: int) -> None:
    store.commit(*(Insert(make_session(f"s{number:03}")) for number in range(400)))
    found = store.list_of(Session, "ada", limit=limit)
    assert [each.id for each in found] == [f"s{number:03}" for number in range(min(limit, 400))]


def test_keys_that_are_none_are_not_asked_for(store: Store) -> None:
    home = move_in(store)
    assert find(store, None, home.user.key, User.key_of("nobody"), None) == (None, home.user, None, None)
    assert find(store, None) == (None,)
