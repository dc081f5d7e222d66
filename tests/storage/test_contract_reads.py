"""What is found by key and by walking a kind, in which order, and what absence looks like."""

from __future__ import annotations

import random

import pytest

from portal.models import Event, Key, OAuth, Token, User
from portal.storage import Delete, Insert, Store
from tests.storage.samples import get_user, make_event, make_household, make_user, move_in


def test_an_empty_store_has_nothing(store: Store) -> None:
    assert store.look_up(User.key_of("ada"), Token.key_of("ada-github")) == (None, None)
    assert store.list_at([User.key_of("ada")]) == []
    assert store.scan(User) == []


def test_a_look_up_answers_in_the_order_of_the_keys(store: Store) -> None:
    ada, bob = move_in(store, "ada"), move_in(store, "bob")
    assert store.look_up(bob.token.key, ada.user.key, bob.session.key, ada.email.key, bob.user.key) == (
        bob.token,
        ada.user,
        bob.session,
        ada.email,
        bob.user,
    )


def test_what_is_absent_is_none_in_its_place(store: Store) -> None:
    ada, nobody = move_in(store), make_household("nobody")
    assert store.look_up(nobody.oauth.key, ada.user.key, nobody.event.key) == (None, ada.user, None)


def test_the_same_key_twice_is_found_twice(store: Store) -> None:
    ada = move_in(store).user
    assert store.look_up(ada.key, ada.key, User.key_of("nobody"), ada.key) == (ada, ada, None, ada)
    assert store.list_at([ada.key, ada.key]) == [ada, ada]


def test_a_list_leaves_out_what_is_absent_and_keeps_the_order(store: Store) -> None:
    homes = [move_in(store, name) for name in ("cy", "ada", "bob")]
    keys = [homes[0].oauth.key, OAuth.key_of("nobody"), homes[1].oauth.key, homes[2].oauth.key]
    assert store.list_at(keys) == [home.oauth for home in homes]
    assert store.list_at(iter(keys)) == [home.oauth for home in homes]


def test_a_list_of_no_keys_is_empty(store: Store) -> None:
    keys: list[Key[User]] = []
    assert store.list_at(keys) == []


def test_a_list_may_be_long(store: Store) -> None:
    users = [make_user(f"u{number:03}") for number in range(300)]
    store.commit(*map(Insert, users))
    keys = [user.key for user in users]
    random.Random(7).shuffle(keys)
    assert [user.key for user in store.list_at(keys)] == keys


def test_a_write_is_seen_by_the_next_read(store: Store) -> None:
    user = move_in(store).user
    assert get_user(store) == user
    store.commit(Delete(Token.key_of("ada-github")), Delete(User.key_of("bob")))
    assert store.look_up(Token.key_of("ada-github"), user.key) == (None, user)


IDS = ["A", "B", "a", "aa", "ab", "b", "ä", "€", "\U0001f511"]  # by code point, which is the order of UTF-8, too


def test_a_scan_goes_in_the_order_of_the_keys(store: Store) -> None:
    store.commit(*(Insert(make_user(user_id)) for user_id in reversed(IDS)))
    assert [user.id for user in store.scan(User)] == IDS


def test_a_scan_of_children_goes_parent_by_parent(store: Store) -> None:
    store.commit(*(Insert(make_user(user_id)) for user_id in ("ada", "bob")))
    places = [("ada", "2"), ("ada", "3"), ("bob", "1"), ("bob", "2")]
    store.commit(*(Insert(make_event(event_id, user_id=user_id)) for user_id, event_id in reversed(places)))
    assert [(event.user_id, event.id) for event in store.scan(Event)] == places
    after = store.scan(Event, after=Event.key_of("ada", "3"), limit=1)
    assert [(event.user_id, event.id) for event in after] == [("bob", "1")]


def test_a_scan_gives_one_kind_only(store: Store) -> None:
    ada = move_in(store)
    assert store.scan(User) == [ada.user]
    assert store.scan(Token) == [ada.token]


@pytest.mark.parametrize("after", IDS)
def test_a_scan_begins_after_a_key(store: Store, after: str) -> None:
    store.commit(*(Insert(make_user(user_id)) for user_id in IDS))
    later = [user_id for user_id in IDS if user_id > after]
    assert [user.id for user in store.scan(User, after=User.key_of(after))] == later
    store.commit(Delete(User.key_of(after)))  # the key one begins after may be gone by now
    assert [user.id for user in store.scan(User, after=User.key_of(after))] == later


def test_a_scan_gives_no_more_than_its_limit(store: Store) -> None:
    store.commit(*(Insert(make_user(f"u{number:03}")) for number in range(101)))
    assert [user.id for user in store.scan(User, limit=2)] == ["u000", "u001"]
    assert len(store.scan(User)) == 100
    assert len(store.scan(User, limit=1000)) == 101


@pytest.mark.parametrize("page", [1, 3, 10])
def test_a_walk_is_complete_and_without_repeats_while_rows_are_deleted(store: Store, page: int) -> None:
    store.commit(*(Insert(make_user(f"u{number:02}")) for number in range(20)))
    walked: list[str] = []
    after: Key[User] | None = None
    while users := store.scan(User, after=after, limit=page):
        walked += [user.id for user in users]
        after = users[-1].key
        store.commit(Delete(users[0].key), Delete(after), Delete(User.key_of("u00")))  # behind and under the walker
    assert walked == [f"u{number:02}" for number in range(20)]


def test_a_store_that_answers_passes_its_check(store: Store) -> None:
    store.check()
    move_in(store)
    store.check()


def test_a_closed_store_opens_again_when_it_is_used(store: Store) -> None:
    store.close()
    user = move_in(store).user
    store.close()
    store.close()
    assert get_user(store) == user
