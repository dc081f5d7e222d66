"""A history of ten thousand events, page by page at the cost of one page; and everybody's, since a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from portal.history import AT_ONCE, SHOWN, History
from portal.models import Event
from portal.records import Records
from portal.storage import Insert, Store, budget, datastore, sql_connections
from portal.storage.datastore_calls import Calls
from portal.storage.sql import SQLStore
from portal.storage.sql_tables import rows_of
from tests.portal.desk import Clock, Desk, Wrapped

MANY = 10_000


def happen(desk: Desk, user_id: str, count: int, *, every: timedelta = timedelta(minutes=1)) -> list[str]:
    """So much happens to a user, the clock going on; the ids, newest first."""
    records: Records = desk.accounts._records
    made = []
    for _ in range(count):
        desk.clock.time += every
        made.append(Insert(records.event(user_id, "signed-in", None)))
    for start in range(0, count, 400):
        desk.store.commit(*made[start : start + 400])
    return [insert.record.id for insert in reversed(made)]


def pages(history: History, user_id: str, limit: int = SHOWN) -> Iterator[tuple[Event, ...]]:
    cursor: str | None = ""
    while cursor is not None:
        page = history.page(user_id, cursor, limit=limit)
        yield page.events
        cursor = page.older


@pytest.fixture
def emulator_host(crowded_emulator_host: str) -> str:
    return crowded_emulator_host


@pytest.fixture
def history(store: Store) -> History:
    return History(store)


@pytest.mark.parametrize("count", [0, 1, SHOWN - 1, SHOWN, SHOWN + 1, 3 * SHOWN])
def test_each_event_is_on_one_page_the_newest_first(desk: Desk, history: History, count: int) -> None:
    happen(desk, "bob", 3)
    happen(desk, "ada", count)
    happen(desk, "adam", 3)
    found = list(pages(history, "ada"))
    assert [len(page) for page in found[:-1]] == [SHOWN] * (len(found) - 1)
    assert len(found) == max(1, -(-count // SHOWN))
    whens = [event.when for page in found for event in page]
    assert len(whens) == count
    assert whens == sorted(whens, reverse=True)


def test_what_happens_meanwhile_moves_no_page(desk: Desk, history: History) -> None:
    """With an offset one event would be on two pages."""
    happen(desk, "ada", 2 * SHOWN)
    first = history.page("ada")
    happen(desk, "ada", 5)
    second = history.page("ada", first.older or "")
    assert len({event.id for event in (*first.events, *second.events)}) == 2 * SHOWN


@pytest.mark.parametrize("cursor", ["", "x", "0", "g" * 20, "F" * 20, "0" * 21, "0" * 100_000, "\ud800", "__0__"])
def test_whatever_is_no_cursor_is_the_first_page(desk: Desk, history: History, cursor: str) -> None:
    happen(desk, "ada", SHOWN + 3)
    assert history.page("ada", cursor) == history.page("ada")


def test_a_walk_may_begin_before_a_time(desk: Desk, history: History, clock: Clock) -> None:
    happen(desk, "ada", 5)
    middle = clock()
    happen(desk, "ada", 7)
    assert [event.when for event in history.walk("ada", before=middle)] == [
        middle - timedelta(minutes=1 + n) for n in range(4)
    ]
    assert len(list(history.walk("ada"))) == 12


def test_everybody_s_since_a_time(desk: Desk, history: History, clock: Clock) -> None:
    for name in ("ada", "bob", "cy"):
        happen(desk, name, 3)
    then = clock()
    clock.passes(seconds=1)
    for name in ("zoe", "bob"):
        happen(desk, name, 2)
    young = [event for some in history.everybody(then + timedelta(seconds=1)) for event in some]
    assert sorted(event.user_id for event in young) == ["bob", "bob", "zoe", "zoe"]
    assert sum(len(some) for some in history.everybody()) == 13


def test_what_is_old_is_jumped_over(desk: Desk, history: History, clock: Clock) -> None:
    happen(desk, "ada", 5 * AT_ONCE)
    happen(desk, "zoe", 2)
    read: list[int] = []

    class Counted(Wrapped):
        def scan(self, *args: Any, **how: Any) -> Any:
            found = self._store.scan(*args, **how)
            read.append(len(found))
            return found

    since = clock() - timedelta(minutes=3)
    counted = History(Counted(desk.store))  # type: ignore[arg-type]
    assert [e.user_id for some in counted.everybody(since) for e in some] == ["ada", "ada", "zoe", "zoe"]
    assert sum(read) <= AT_ONCE + 2


# Ten thousand events.


@dataclass
class Cost:
    """What the store did: what it was asked, how many rows it gave, and how many steps it took to find them."""

    asked: int = 0
    rows: int = 0
    steps: int = 0


Meter = Callable[[Callable[[], object]], Cost]


@pytest.fixture
def meter(store: Store, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Measures in the store's own units: of SQLite statements and steps of its machine, of Datastore RPCs and the rows
    that it is billed for, those it only skips among them."""
    return _meter_of_sqlite(monkeypatch) if isinstance(store, SQLStore) else _meter_of_datastore(monkeypatch)


def _meter_of_sqlite(monkeypatch: pytest.MonkeyPatch) -> Meter:
    def measure(call: Callable[[], object]) -> Cost:
        cost = Cost()
        fetch = sql_connections.fetch

        def counted(
            connection: sqlite3.Connection, statement: str, parameters: dict[str, Any]
        ) -> list[tuple[Any, ...]]:
            with _steps(connection, cost):
                found = fetch(connection, statement, parameters)
            cost.asked, cost.rows = cost.asked + 1, cost.rows + len(found)
            return found

        with monkeypatch.context() as patch:
            patch.setattr("portal.storage.sql.fetch", counted)
            call()
        return cost

    return measure


@contextmanager
def _steps(connection: sqlite3.Connection, cost: Cost) -> Iterator[None]:
    def step() -> int:
        cost.steps += 1
        return 0

    connection.set_progress_handler(step, 10)
    yield
    connection.set_progress_handler(None, 0)


def _meter_of_datastore(monkeypatch: pytest.MonkeyPatch) -> Meter:
    def measure(call: Callable[[], object]) -> Cost:
        cost, query = Cost(), Calls.query

        def counted(self: Calls, request: Any, deadline: float) -> Any:
            answer = query(self, request, deadline)
            cost.asked += 1
            cost.rows += len(answer.batch.entity_results)
            cost.steps += len(answer.batch.entity_results) + answer.batch.skipped_results
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(Calls, "query", counted)
            call()
        return cost

    return measure


def by_offset(store: Store, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A page as it is often made: all before it is read and thrown away."""
    with monkeypatch.context() as patch:
        if isinstance(store, SQLStore):
            statement = rows_of(Event).under_user
            patch.setattr(rows_of(Event), "under_user", statement.replace("OFFSET 0", f"OFFSET {number}"))
        else:
            plain, query = datastore.under_user_request, Calls.query

            def offset(*args: Any) -> Any:
                request = plain(*args)
                request.query.offset = number
                return request

            def skips(self: Calls, request: Any, deadline: float) -> Any:
                answer = query(self, request, deadline)
                request.query.offset -= answer.batch.skipped_results  # else it begins anew with each answer
                return answer

            patch.setattr(datastore, "under_user_request", offset)
            patch.setattr(Calls, "query", skips)
        store.list_under(Event, "ada", limit=SHOWN + 1)


@pytest.mark.full
def test_ten_thousand_events_of_one_person_cost_the_same_on_every_page(
    desk: Desk, store: Store, history: History, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "CALL", 20.0)  # the emulator looks at all there are for each
    ids = happen(desk, "ada", MANY)
    happen(desk, "adam", 50)
    if isinstance(store, SQLStore):
        assert [event.id for page in pages(history, "ada") for event in page] == ids
    cursors = ["", *(ids[number * SHOWN - 1] for number in (1, 250, 498))]
    costs = [meter(lambda at=cursor: history.page("ada", at)) for cursor in cursors]  # type: ignore[misc]
    assert {(cost.asked, cost.rows) for cost in costs} == {(1, SHOWN + 1)}
    last = meter(lambda: history.page("ada", ids[MANY - SHOWN - 1]))
    assert (last.asked, last.rows) == (1, SHOWN), "and it is known to be the last"
    steps = [cost.steps for cost in costs]
    assert max(steps) <= min(steps) + 2, steps
    # The negative control: the same measure sees an offset grow.
    naive = [meter(lambda at=at: by_offset(store, monkeypatch, at)) for at in (400, 4_000)]  # type: ignore[misc]
    assert max(steps) < naive[0].steps < naive[1].steps / 5, naive
