"""Counts exactly what one operation asks of a store: on Datastore as it leaves the process, on SQLite as it is run.

It times nothing: listening costs CPU itself.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from unittest.mock import patch

from benchmarks.crowds import CIPHER
from portal.accounts import Accounts
from portal.storage import Store

TIMES = 20  # each operation is counted so often, and must do the same each time


@dataclass(frozen=True, slots=True)
class Operations:
    """`calls` are round trips: RPCs, or SQLite's transactions. A key that is asked for is a read, found or not."""

    HEADING: ClassVar = f"{'calls':>6}{'reads':>6}{'writes':>7}{'deletes':>8}"

    calls: int
    reads: int
    writes: int
    deletes: int

    def __str__(self) -> str:
        return f"{self.calls:6}{self.reads:6}{self.writes:7}{self.deletes:8}"


class Listener:
    """A store, and what goes to it."""

    def __init__(self, store: Store, read: Callable[[], Operations], forget: Callable[[], None]) -> None:
        self.store = store
        self._read = read
        self._forget = forget

    def count(self, operation: Callable[[Accounts], object]) -> Operations:
        """What the operation does. Raises AssertionError if it isn't the same each time."""
        accounts = Accounts(self.store, CIPHER)
        self.store.check()  # opens what is opened only once
        seen = set()
        for _ in range(TIMES):
            self._forget()
            operation(accounts)
            seen.add(self._read())
        assert len(seen) == 1, seen
        return seen.pop()


@contextmanager
def on_datastore(opened: Callable[[], Store]) -> Iterator[Listener]:
    """Listens on the wire."""
    from portal.storage import datastore_calls  # loads gRPC, which nobody needs for SQLite
    from tests.storage.wire import Wire

    wire, open_channel = Wire(), datastore_calls.open_channel

    def read() -> Operations:
        count: Counter[str] = Counter()
        for request in wire.requests:
            count["reads"] += len(getattr(request, "keys", ()))
            for mutation in getattr(request, "mutations", ()):
                count["deletes" if mutation.WhichOneof("operation") == "delete" else "writes"] += 1
        return Operations(len(wire.sent), count["reads"], count["writes"], count["deletes"])

    with (
        patch.object(datastore_calls, "open_channel", lambda emulator: wire.at(open_channel(emulator))),
        closing(opened()) as store,
    ):
        yield Listener(store, read, wire.forget)


@contextmanager
def on_sqlite(opened: Callable[[], Store]) -> Iterator[Listener]:
    """Listens to the statements as SQLite runs them."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    def read() -> Operations:
        count = Counter(statement.split(maxsplit=1)[0] for statement in statements)
        return Operations(count["BEGIN"], count["SELECT"], count["INSERT"] + count["UPDATE"], count["DELETE"])

    with patch.object(sqlite3, "connect", traced), closing(opened()) as store:
        yield Listener(store, read, statements.clear)


COUNTERS = {"sqlite": on_sqlite, "datastore": on_datastore}
