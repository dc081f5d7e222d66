"""What happened too long ago is forgotten, and what a deleted user left goes, whoever was interrupted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from portal import remains, retention
from portal.errors import StoreError
from portal.models import Event, Pending, Session, User
from portal.storage import Delete, Insert, Store, open_store
from portal.sweep import PAGE, clear_pending
from tests.portal.desk import Clock, Desk, Wrapped, lasting, make_arrival
from tests.portal.test_history import happen

KEEP = timedelta(days=30)
MOMENT = timedelta(milliseconds=1)


def left(store: Store) -> dict[str, int]:
    """How many events each user has."""
    counts: dict[str, int] = {}
    for event in store.scan(Event, limit=100_000):
        counts[event.user_id] = counts.get(event.user_id, 0) + 1
    return counts


def forget(store: Store, clock: Clock) -> retention.Swept:
    (*_, last) = retention.walk(store, clock(), KEEP)
    return last


@pytest.mark.parametrize(("age", "stays"), [(KEEP - MOMENT, True), (KEEP, True), (KEEP + MOMENT, False)])
def test_an_event_is_kept_for_as_long_as_the_admin_says(
    desk: Desk, store: Store, clock: Clock, age: timedelta, stays: bool
) -> None:
    happen(desk, "ada", 1)
    clock.time += age
    forget(store, clock)
    assert left(store) == ({"ada": 1} if stays else {})


@pytest.mark.parametrize("start", ["bob", *(pytest.param(start, marks=pytest.mark.full) for start in ("", "b", "zzz"))])
def test_each_history_loses_its_end_wherever_the_walk_begins(
    desk: Desk, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    for name in ("ada", "bob", "cy"):
        happen(desk, name, PAGE + 50)
    clock.time += KEEP
    happen(desk, "bob", PAGE + 7)
    happen(desk, "dora", 3)
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: start or "-")
    swept = forget(store, clock)
    assert left(store) == {"bob": PAGE + 7, "dora": 3}
    assert swept.deleted == 3 * (PAGE + 50)
    assert swept.share == 1.0


def test_a_long_history_that_is_young_is_jumped_over(desk: Desk, store: Store, clock: Clock) -> None:
    happen(desk, "ada", 10 * PAGE)
    happen(desk, "zoe", 5)
    assert forget(store, clock).seen <= PAGE + 5


def test_a_tick_stops_after_its_rows_and_the_next_goes_on(
    desk: Desk, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", PAGE)
    happen(desk, "ada", 3 * PAGE)
    clock.time += 2 * KEEP
    assert retention.tick(store, clock(), KEEP).seen == PAGE
    for _ in range(4):
        retention.tick(store, clock(), KEEP)
    assert left(store) == {}


# What a deletion leaves.


class Breaks(Wrapped):
    """After so many commits the store is out of reach, or the process gone."""

    def __init__(self, store: Store, after: int, error: type[BaseException] = StoreError) -> None:
        super().__init__(store)
        self._left, self._error = after, error

    def commit(self, *mutations: Any) -> None:
        if self._left == 0:
            raise self._error
        self._left -= 1
        self._store.commit(*mutations)


@pytest.fixture
def emulator_host(crowded_emulator_host: str) -> str:
    return crowded_emulator_host


@pytest.fixture
def long_lived(desk: Desk) -> str:
    """A user to whom much has happened, signed in here and there."""
    ada = desk.signs_in(make_arrival("github", "ada"))
    desk.signs_in(make_arrival("github", "ada"))
    happen(desk, ada.user.id, 1_000)
    return ada.user.id


@pytest.mark.parametrize(("after", "error"), [(0, StoreError), (2, StoreError), (0, KeyboardInterrupt)])
def test_a_deletion_that_is_cut_short_is_finished_by_the_tick(
    desk: Desk, store: Store, clock: Clock, long_lived: str, after: int, error: type[BaseException]
) -> None:
    """T99."""
    others = desk.signs_in(make_arrival("github", "bob"))
    broken = desk.over(Breaks(store, after, error)).membership  # type: ignore[arg-type]
    if error is StoreError:
        assert broken.delete(desk.user(long_lived)), "the account is gone, and the person is told so"
    else:
        with pytest.raises(error):
            broken.delete(desk.user(long_lived))
    assert store.look_up(User.key_of(long_lived)) == (None,)
    assert left(store)[long_lived] > 0
    retention.tick(store, clock(), KEEP)
    assert left(store) == {others.user.id: 1}
    assert [session.user_id for session in store.scan(Session)] == [others.user.id]


def test_without_its_mark_it_would_be_left_for_ever(desk: Desk, store: Store, clock: Clock, long_lived: str) -> None:
    """The negative control."""
    desk.over(Breaks(store, 0)).membership.delete(desk.user(long_lived))  # type: ignore[arg-type]
    (mark,) = store.scan(Pending)
    store.commit(Delete(mark.key))
    retention.tick(store, clock(), KEEP)
    assert left(store)[long_lived] > 0


def test_a_page_s_patience_ends_before_ten_thousand_events_do(
    desk: Desk, store: Store, clock: Clock, long_lived: str
) -> None:
    assert desk.membership.delete(desk.user(long_lived), seconds=0.0)
    assert 0 < left(store)[long_lived] < 1_000
    retention.tick(store, clock(), KEEP)
    assert lasting(store) == []


def test_what_was_written_beside_a_deletion_goes_with_the_mark(
    desk: Desk, store: Store, clock: Clock, long_lived: str
) -> None:
    """A request that was under way: its note of a refusal, or of a sign-out, comes after the user has gone."""
    desk.membership.delete(desk.user(long_lived), seconds=60)
    assert lasting(store) == []
    store.commit(Insert(desk.accounts._records.event(long_lived, "signed-out", None)))
    clock.time += timedelta(minutes=59)
    retention.tick(store, clock(), KEEP)
    assert lasting(store) == []
    assert len(store.scan(Pending)) == 1, "somebody may still be late"
    clock.time += timedelta(minutes=1)
    retention.tick(store, clock(), KEEP)
    assert store.scan(Pending) == []


def test_a_mark_is_not_taken_for_something_that_waited_too_long(
    desk: Desk, store: Store, clock: Clock, long_lived: str
) -> None:
    desk.over(Breaks(store, 0)).membership.delete(desk.user(long_lived))  # type: ignore[arg-type]
    assert clear_pending(store, clock() + timedelta(days=9)) == 0
    (mark,) = store.scan(Pending)
    assert mark.purpose == remains.PURPOSE
    assert remains.clear_all(store, clock() + timedelta(days=9), seconds=9) == 1
    assert left(store) == {}


@pytest.mark.full
def test_of_ten_thousand_events_none_is_left(clock: Clock, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/long.db")
    here = Desk(store, clock)
    ada = here.signs_in(make_arrival("github", "ada"))
    happen(here, ada.user.id, 10_000)
    assert here.membership.delete(ada.user, seconds=0.0)
    ticks = 0
    while left(store):
        ticks += 1
        retention.tick(store, clock(), KEEP)
    assert ticks == 1
    assert lasting(store) == []
    store.close()
