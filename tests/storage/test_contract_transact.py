"""A read-write transaction: what it gives back, what it sees, and that it writes everything or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.errors import AlreadyExists, NotFound
from portal.models import Session, User
from portal.storage import Delete, Insert, Mutation, Reader, Store, Transaction, Update
from tests.storage.samples import get_user, make_session, make_user, move_in
from tests.storage.stages import Pause, one_in_the_middle_of_the_other


class Interrupted(Exception):
    pass


def test_a_transaction_gives_back_what_its_work_returns(store: Store) -> None:
    ada = move_in(store)
    assert store.transact(lambda transaction: transaction.look_up(ada.user.key, ada.token.key)) == (ada.user, ada.token)
    assert store.transact(lambda transaction: transaction.list_at([ada.oauth.key])) == [ada.oauth]
    assert store.transact(lambda transaction: transaction.write(Delete(ada.session.key))) is None


def test_a_transaction_reads_and_then_writes(store: Store) -> None:
    ada = move_in(store)

    def work(transaction: Transaction) -> int:
        (user,) = transaction.look_up(ada.user.key)
        assert user is not None
        transaction.write(Update(replace(user, epoch=user.epoch + 1)))
        transaction.write(Insert(make_session("phone")), Delete(ada.session.key))
        return user.epoch

    assert store.transact(work) == 0
    assert get_user(store).epoch == 1
    assert store.look_up(Session.key_of("phone"), ada.session.key) == (make_session("phone"), None)


def test_a_transaction_may_write_without_reading(store: Store) -> None:
    store.transact(lambda transaction: transaction.write(Insert(make_user())))
    assert get_user(store) == make_user()


def test_nothing_is_seen_of_a_transaction_before_its_end(store: Store) -> None:
    move_in(store)

    def work(transaction: Transaction) -> User:
        transaction.look_up(User.key_of("ada"))
        transaction.write(Update(make_user(name="Countess")), Insert(make_user("bob")))
        return get_user(store)

    assert store.transact(work).name == "Ada"
    assert get_user(store).name == "Countess"


def test_nothing_is_written_when_the_work_raises(store: Store) -> None:
    user = move_in(store).user

    def work(transaction: Transaction) -> None:
        transaction.look_up(user.key)
        transaction.write(Update(replace(user, epoch=1)), Insert(make_user("bob")))
        raise Interrupted

    for _ in range(40):  # more often than a store has connections to lose
        with pytest.raises(Interrupted):
            store.transact(work)
    assert store.scan(User) == [user]
    store.commit(Update(replace(user, epoch=2)))  # and nobody holds the row


@pytest.mark.parametrize(
    ("bad", "error"), [(Insert(make_user("ada")), AlreadyExists), (Update(make_user("free")), NotFound)]
)
def test_nothing_is_written_when_one_mutation_fails(store: Store, bad: Mutation, error: type[Exception]) -> None:
    user = move_in(store).user

    def work(transaction: Transaction) -> None:
        transaction.write(Update(replace(user, epoch=1)), Insert(make_user("bob")))
        transaction.write(bad, Insert(make_user("cy")))

    with pytest.raises(error):
        store.transact(work)
    assert store.scan(User) == [user]


def test_a_read_after_a_write_is_an_error_and_nothing_is_written(store: Store) -> None:
    user = move_in(store).user

    def look_up_late(transaction: Transaction) -> None:
        transaction.write(Update(replace(user, epoch=1)))
        transaction.look_up(user.key)

    def list_late(transaction: Transaction) -> None:
        transaction.write(Update(replace(user, epoch=1)))
        transaction.list_at([user.key])

    for work in (look_up_late, list_late):
        with pytest.raises(RuntimeError):
            store.transact(work)
    assert get_user(store) == user


def test_a_transaction_that_is_over_does_nothing_more(store: Store) -> None:
    user = move_in(store).user
    kept: list[Transaction] = []
    store.transact(kept.append)
    with pytest.raises(RuntimeError):
        kept[0].look_up(user.key)
    with pytest.raises(RuntimeError):
        kept[0].list_at([user.key])
    with pytest.raises(RuntimeError):
        kept[0].write(Delete(user.key))
    assert get_user(store) == user


def test_a_transaction_reads_one_state_although_a_commit_comes_between(store: Store, beside: Store) -> None:
    user = move_in(store).user
    changed = replace(user, name="Countess")
    seen: list[tuple[User | None, User | None]] = []

    def read_twice(reader: Reader, pause: Pause) -> None:
        (before,) = reader.look_up(user.key)
        pause()
        (after,) = reader.look_up(user.key)
        seen.append((before, after))

    one_in_the_middle_of_the_other(
        lambda pause: store.transact(lambda transaction: read_twice(transaction, pause)),
        lambda: beside.commit(Update(changed)),
        waits_after=0.1,
    )
    assert seen
    assert all(before == after for before, after in seen)
    assert get_user(store) == changed

    store.commit(Update(user))
    seen.clear()
    one_in_the_middle_of_the_other(
        lambda pause: read_twice(store, pause), lambda: beside.commit(Update(changed)), waits_after=10
    )
    assert seen == [(user, changed)]  # without a transaction the stage shows the difference
