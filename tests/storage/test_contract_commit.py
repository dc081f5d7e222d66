"""What a commit writes, and that it writes all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from portal.errors import AlreadyExists, NotFound, StoreError
from portal.models import Event, Key, Record, User
from portal.storage import Delete, Insert, Mutation, Store, Update
from tests.storage.samples import make_event, make_household, make_oauth, make_user, move_in

KINDS = ["user", "oauth", "token", "session", "email", "event", "pending", "canary", "revocation", "receipt"]


def found_of(store: Store, *records: Record) -> list[Record]:
    keys: list[Key[Record]] = [record.key for record in records]
    return store.list_at(keys)


@pytest.mark.parametrize("turn", range(7))
def test_one_commit_creates_a_user_with_everything_whatever_the_order(store: Store, turn: int) -> None:
    records = make_household().records
    turned = records[turn:] + records[:turn]
    store.commit(*map(Insert, turned))
    assert found_of(store, *records) == list(records)


def test_a_commit_of_nothing_does_nothing(store: Store) -> None:
    store.commit()
    assert store.scan(User) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_insert_of_a_taken_key_raises_and_keeps_what_was_there(store: Store, kind: str) -> None:
    record = getattr(move_in(store), kind)
    with pytest.raises(AlreadyExists):
        store.commit(Insert(record))
    assert found_of(store, record) == [record]


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_of_a_free_key_raises_and_creates_nothing(store: Store, kind: str) -> None:
    record = getattr(make_household(), kind)
    with pytest.raises(NotFound):
        store.commit(Update(record))
    assert found_of(store, record) == []


def test_an_update_replaces_every_field(store: Store) -> None:
    token = move_in(store).token
    bare = replace(
        token, sealed=None, version=2, expires=None, scopes=(), name=None, login=None, email=None, email_verified=False
    )
    store.commit(Update(bare))
    assert found_of(store, token) == [bare]


def test_an_update_that_changes_nothing_is_no_error(store: Store) -> None:
    user = move_in(store).user
    store.commit(Update(user))
    assert found_of(store, user) == [user]


def test_an_update_touches_no_other_row(store: Store) -> None:
    ada, bob = move_in(store, "ada"), move_in(store, "bob")
    store.commit(Update(replace(ada.user, name="Countess")), Update(replace(ada.event, what="sign_in")))
    assert found_of(store, *bob.records) == list(bob.records)


@pytest.mark.parametrize("kind", ["token", "session", "email", "event", "pending"])
def test_a_delete_removes_one_record_and_no_other(store: Store, kind: str) -> None:
    household = move_in(store)
    gone = getattr(household, kind)
    store.commit(Delete(gone.key))
    assert found_of(store, *household.records) == [record for record in household.records if record != gone]


def test_a_delete_of_nothing_is_no_error(store: Store) -> None:
    store.commit(Delete(User.key_of("nobody")), Delete(Event.key_of("nobody", "001")))


def test_a_user_is_deleted_with_everything_in_one_commit_whatever_the_order(store: Store) -> None:
    household = move_in(store)
    store.commit(*(Delete(record.key) for record in household.records))
    assert found_of(store, *household.records) == []


def test_what_was_deleted_can_be_inserted_again(store: Store) -> None:
    household = move_in(store)
    store.commit(Delete(household.session.key))
    store.commit(Insert(household.session))
    assert found_of(store, household.session) == [household.session]


def test_an_event_is_another_one_under_another_user(store: Store) -> None:
    store.commit(Insert(make_user("ada")), Insert(make_user("bob")))
    events = [make_event("001", user_id="ada"), make_event("001", user_id="bob"), make_event("002", user_id="ada")]
    for event in events:
        store.commit(Insert(event))
    assert found_of(store, *events) == events


BAD: list[tuple[str, Callable[[], Mutation], type[Exception]]] = [
    ("an insert of a taken key", lambda: Insert(make_user("taken")), AlreadyExists),
    ("an update of a free key", lambda: Update(make_user("free")), NotFound),
]


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize(("what", "make_bad", "error"), BAD, ids=[what for what, _, _ in BAD])
def test_one_bad_mutation_anywhere_and_nothing_is_written(
    store: Store, what: str, make_bad: Callable[[], Mutation], error: type[Exception], position: int
) -> None:
    kept, session = make_user("kept"), make_household("kept").session
    store.commit(Insert(make_user("taken", name="the first")), Insert(kept), Insert(session))
    good: list[Mutation] = [
        Insert(make_user("new")),
        Insert(make_oauth("new-github", user_id="new")),
        Update(replace(kept, name="changed")),
        Delete(session.key),
    ]
    with pytest.raises(error):
        store.commit(*good[:position], make_bad(), *good[position:])
    assert store.scan(User) == [kept, make_user("taken", name="the first")]
    assert found_of(store, make_oauth("new-github"), session) == [session]


def test_the_store_goes_on_after_a_commit_that_failed(store: Store) -> None:
    for _ in range(40):  # more often than a store has connections to lose
        with pytest.raises(NotFound):
            store.commit(Update(make_user("free")))
    move_in(store)


def test_text_that_is_no_unicode_is_refused_with_the_whole_commit(store: Store) -> None:
    with pytest.raises((ValueError, StoreError)):
        store.commit(Insert(make_user("ada")), Insert(make_user("bob", name="\ud800")))
    assert store.scan(User) == []
