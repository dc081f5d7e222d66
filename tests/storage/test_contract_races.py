"""Two at once: whoever waits or is run again, no update is lost and no rule is walked around.

They work through two stores that see the same data, as two processes do, for a lock in memory guards only one.
Asserted is the outcome and never the way to it: a store may make the second wait, or let either lose and run it again.
Each race is run a second time by somebody naive, who reads outside of a transaction and then writes; on the same stage
they must be caught.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from portal.errors import AlreadyExists, Contended, StoreError
from portal.models import OAuth, User
from portal.storage import Delete, Insert, Mutation, Reader, Store, Transaction, Update
from tests.storage.samples import get_user, make_oauth, make_user
from tests.storage.stages import (
    Pause,
    all_at_once,
    nothing,
    one_in_the_middle_of_the_other,
    threads_that_change_often,
)

PAIRS = 10  # a thousand of them, through the rules themselves: tests/portal/test_membership.py
ROUNDS = 25

Change = Callable[[Reader, Pause], list[Mutation]]  # reads, pauses, says what to write
Way = Callable[[Store, Change, Pause], bool]  # whether anything was written


def in_transaction(store: Store, change: Change, pause: Pause) -> bool:
    def work(transaction: Transaction) -> bool:
        mutations = change(transaction, pause)
        transaction.write(*mutations)
        return bool(mutations)

    try:
        return store.transact(work)
    except Contended:  # an honest answer: nothing was written
        return False


def naively(store: Store, change: Change, pause: Pause) -> bool:
    mutations = change(store, pause)
    store.commit(*mutations)
    return bool(mutations)


# --- two unlinks of different ways in -------------------------------------------------------------------------------


def unlinking(oauth_id: str) -> Change:
    def change(reader: Reader, pause: Pause) -> list[Mutation]:
        (user,) = reader.look_up(User.key_of("ada"))
        assert user is not None
        pause()
        if len(user.oauths) < 2 or oauth_id not in user.oauths:
            return []
        left = tuple(each for each in user.oauths if each != oauth_id)
        return [Update(replace(user, oauths=left)), Delete(OAuth.key_of(oauth_id))]

    return change


def unlink_both(store: Store, beside: Store, way: Way, *, waits_after: float) -> list[str]:
    """What is wrong after two unlinks of the last two ways in, the second of them in the middle of the first."""
    user = make_user(oauths=("ada-github", "ada-google"))
    store.commit(Insert(user), Insert(make_oauth("ada-github")), Insert(make_oauth("ada-google")))
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: way(store, unlinking("ada-github"), pause),
        lambda: way(beside, unlinking("ada-google"), nothing),
        waits_after=waits_after,
    )
    named = get_user(store).oauths
    there = tuple(oauth.id for oauth in store.list_at([OAuth.key_of(each) for each in user.oauths]))
    store.commit(Delete(user.key), *(Delete(OAuth.key_of(each)) for each in user.oauths))
    problems = []
    # A store may also say that it could not, or that it doesn't know: what counts then is what is there.
    told = [outcome for outcome in outcomes if not isinstance(outcome, StoreError)]
    if sorted(map(repr, told)) not in (["False", "True"], ["True"], ["False"]):
        problems.append(f"not one success and one refusal: {outcomes}")
    if named != there or len(there) != 1:
        problems.append(f"the user names {named}, there are {there}")
    return problems


def test_of_two_unlinks_at_once_one_is_refused_and_one_way_in_is_left(store: Store, beside: Store) -> None:
    for _ in range(PAIRS):
        assert unlink_both(store, beside, in_transaction, waits_after=0.01) == []
    assert len(unlink_both(store, beside, naively, waits_after=10)) == 2


# --- counting -------------------------------------------------------------------------------------------------------


def counting_up(reader: Reader, pause: Pause) -> list[Mutation]:
    (user,) = reader.look_up(User.key_of("ada"))
    assert user is not None
    pause()
    return [Update(replace(user, epoch=user.epoch + 1))]


def count(stores: tuple[Store, Store], way: Way) -> int:
    """What the counter says when each of eight threads has raised it as often as it should."""
    stores[0].commit(Delete(User.key_of("ada")))
    stores[0].commit(Insert(make_user()))

    def count_often(number: int) -> None:
        for _ in range(ROUNDS):
            while not way(stores[number % 2], counting_up, lambda: time.sleep(0.001)):
                pass

    with threads_that_change_often():
        assert all_at_once(count_often, threads=8) == [None] * 8
    return get_user(stores[0]).epoch


def test_a_counter_that_many_raise_at_once_loses_nothing(store: Store, beside: Store) -> None:
    assert count((store, beside), in_transaction) == 8 * ROUNDS
    assert count((store, beside), naively) < 8 * ROUNDS


# --- one identity arrives many times for the first time -------------------------------------------------------------


def sign_up_by_insert(store: Store, number: int, pause: Pause) -> bool:
    user_id = f"u{number:03}"
    store.commit(Insert(make_user(user_id)), Insert(make_oauth("new", user_id=user_id)))
    return True


def sign_up_naively(store: Store, number: int, pause: Pause) -> bool:
    user_id = f"u{number:03}"
    (oauth,) = store.look_up(OAuth.key_of("new"))
    pause()
    if oauth is not None:
        raise AlreadyExists
    store.commit(Insert(make_user(user_id)))
    try:
        store.commit(Insert(make_oauth("new", user_id=user_id)))
    except AlreadyExists:  # a `put`
        store.commit(Update(make_oauth("new", user_id=user_id)))
    return True


SignUp = Callable[[Store, int, Pause], bool]


def sign_up_at_once(stores: tuple[Store, Store], sign_up: SignUp, *, threads: int) -> tuple[list[object], list[User]]:
    """What the threads are told that all sign the same identity up, and the users there are then."""
    with threads_that_change_often():
        outcomes = all_at_once(
            lambda number: sign_up(stores[number % 2], number, lambda: time.sleep(0.05)), threads=threads
        )
    return list(outcomes), stores[0].scan(User, limit=1000)


def test_of_two_hundred_inserts_of_one_key_one_succeeds_and_the_others_are_told(store: Store, beside: Store) -> None:
    outcomes, users = sign_up_at_once((store, beside), sign_up_by_insert, threads=200)
    losers = [outcome for outcome in outcomes if outcome is not True]
    assert len(losers) == 199
    assert all(isinstance(outcome, AlreadyExists) for outcome in losers), set(map(repr, losers))
    (oauth,) = store.look_up(OAuth.key_of("new"))
    assert oauth is not None
    assert [user.id for user in users] == [oauth.user_id]

    store.commit(Delete(oauth.key), Delete(users[0].key))
    outcomes, users = sign_up_at_once((store, beside), sign_up_naively, threads=8)
    assert outcomes.count(True) > 1
    assert len(users) > 1


# --- a commit in the middle of a transaction ------------------------------------------------------------------------


def rename_in_the_middle_of_counting(store: Store, beside: Store, way: Way, *, waits_after: float) -> User:
    """What is left of a user whom one reads, another one renames by a commit, and the first counts up."""
    store.commit(Delete(User.key_of("ada")))
    store.commit(Insert(make_user(name="Ada")))
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: way(store, counting_up, pause),
        lambda: beside.commit(Update(make_user(name="Countess"))),
        waits_after=waits_after,
    )
    assert outcomes in [(True, None), (False, None)]
    return get_user(store)


def test_a_commit_beside_a_transaction_on_the_same_row_is_not_lost(store: Store, beside: Store) -> None:
    assert rename_in_the_middle_of_counting(store, beside, in_transaction, waits_after=0.1).name == "Countess"
    assert rename_in_the_middle_of_counting(store, beside, naively, waits_after=10).name == "Ada"  # lost, and caught


def test_a_transaction_that_waits_or_is_run_again_sees_what_the_other_wrote(store: Store, beside: Store) -> None:
    store.commit(Insert(make_user()))
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: in_transaction(store, counting_up, pause),
        lambda: in_transaction(beside, counting_up, nothing),
        waits_after=0.1,
    )
    assert True in outcomes
    assert get_user(store).epoch == outcomes.count(True)

    store.commit(Update(make_user()))
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: naively(store, counting_up, pause), lambda: naively(beside, counting_up, nothing), waits_after=10
    )
    assert get_user(store).epoch < outcomes.count(True)


def note_if_absent(reader: Reader, pause: Pause) -> list[Mutation]:
    (user,) = reader.look_up(User.key_of("ada"))
    pause()
    return [] if user else [Insert(make_user("ada is absent"))]


def test_an_absence_that_a_transaction_read_holds_until_its_end(store: Store, beside: Store) -> None:
    def arrive() -> None:
        beside.commit(Insert(make_user("ada")), Delete(User.key_of("ada is absent")))

    one_in_the_middle_of_the_other(lambda pause: in_transaction(store, note_if_absent, pause), arrive, waits_after=0.1)
    assert [user.id for user in store.scan(User)] == ["ada"]

    store.commit(Delete(User.key_of("ada")))
    one_in_the_middle_of_the_other(lambda pause: naively(store, note_if_absent, pause), arrive, waits_after=10)
    assert [user.id for user in store.scan(User)] == ["ada", "ada is absent"]
