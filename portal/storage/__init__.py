"""The two protocols every store keeps, and `open_store(url)`. A store knows rows and keys; it never knows a rule.

A store answers *present*, *absent* or raises: `StoreError` never means "not there". Each call has its own deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from portal.models import Key, Record

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
T = TypeVar("T")
Found: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """Write a record whose key must be free."""

    record: Record


@dataclass(frozen=True, slots=True)
class Update:
    """Replace a record whose key must be there, all its fields."""

    record: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove what is at a key, if anything is."""

    key: Key[Record]


Mutation: TypeAlias = Insert | Update | Delete


class Reader(Protocol):
    """Strong reads by key."""

    @overload
    def look_up(self, a: Key[A], /) -> tuple[A | None]: ...
    @overload
    def look_up(self, a: Key[A], b: Key[B], /) -> tuple[A | None, B | None]: ...
    @overload
    def look_up(self, a: Key[A], b: Key[B], c: Key[C], /) -> tuple[A | None, B | None, C | None]: ...
    @overload
    def look_up(
        self, a: Key[A], b: Key[B], c: Key[C], d: Key[D], /
    ) -> tuple[A | None, B | None, C | None, D | None]: ...
    @overload
    def look_up(
        self, a: Key[A], b: Key[B], c: Key[C], d: Key[D], e: Key[E], /
    ) -> tuple[A | None, B | None, C | None, D | None, E | None]: ...
    @overload
    def look_up(
        self, a: Key[A], b: Key[B], c: Key[C], d: Key[D], e: Key[E], f: Key[F], /
    ) -> tuple[A | None, B | None, C | None, D | None, E | None, F | None]: ...
    def look_up(self, *keys: Key[Any]) -> Found:
        """What is at each key, in the order of the keys, in one round trip. The same key twice is found twice."""
        ...

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        """The records that exist among `keys`, in their order, in one round trip (none for no keys)."""
        ...


class Transaction(Reader, Protocol):
    """One read-write transaction under way: reads first, then writes, which take effect together at its end.

    Once `work` has returned, the transaction is over and every call of it raises RuntimeError.
    """

    def write(self, *mutations: Mutation) -> None:
        """Add to what the transaction will write. A read after it raises RuntimeError."""
        ...


class Store(Reader, Protocol):
    """Where the portal's records live. Safe to share between threads; opens nothing before its first use (T97)."""

    def commit(self, *mutations: Mutation) -> None:
        """Write all of it or nothing, in one round trip, without having read. The mutations may come in any order.

        Raises AlreadyExists where an Insert's key is taken, NotFound where an Update's is free, CommitUnknown where
        the answer was lost, StoreError where the store could not be asked.
        """
        ...

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one serialisable read-write transaction and give back what it returns.

        `work` may run several times and must only read and `write`. Whatever it raises ends the transaction with
        nothing written. Raises like `commit`, and Contended where others never let it through (ten tries, or the
        deadline where the store makes it wait).
        """
        ...

    def scan(self, kind: type[A], *, after: Key[A] | None = None, limit: int = 100) -> list[A]:
        """Up to `limit` records of a kind in key order (by code point), beginning after a key, be it there or not.

        For sweeps that walk a kind page by page, each page beginning after the last key of the one before.
        """
        ...

    def list_of(self, kind: type[A], user_id: str, *, limit: int) -> list[A]:
        """Up to `limit` records of a kind that are a user's, in key order, in one round trip. For Session alone, whose
        `user_id` is in an index; on Datastore a record that was last written without one is not found."""
        ...

    def list_under(self, kind: type[A], user_id: str, *, after: Key[A] | None = None, limit: int) -> list[A]:
        """Up to `limit` records of a kind that are children of a User, in key order, beginning after a key of the same
        user's, be it there or not, in one round trip. It reads what it gives and nothing before it. For Event alone."""
        ...

    def check(self) -> None:
        """Ask the store for something cheap, for real. Raises StoreError if it can't answer."""
        ...

    def close(self) -> None:
        """Give connections back; the store opens new ones if it is used again."""
        ...


def find(reader: Reader, *keys: Key[Any] | None) -> Found:
    """What is at each key, in one round trip; None where there is none, or no key. A key that no record can have would
    do as well, but each look-up of it is billed, and everybody's would be of that one."""
    found = {record.key: record for record in reader.list_at([key for key in keys if key is not None])}
    return tuple([found.get(key) for key in keys])


def open_store(url: str) -> Store:
    """The store a URL names: `sqlite:///PATH` or `datastore://PROJECT`. Raises ValueError for others. Nothing is opened
    yet."""
    # late, so that each deployment loads only its own driver
    if url.startswith("sqlite:///"):
        from portal.storage.sql import SQLStore

        return SQLStore(url)
    if url.startswith("datastore://"):
        from portal.storage.datastore import DatastoreStore

        return DatastoreStore(url)
    raise ValueError(f"no store is known for {url.partition(':')[0]!r}; write sqlite:///PATH or datastore://PROJECT")
