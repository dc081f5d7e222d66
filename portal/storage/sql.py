"""The store on SQLite: one database file, shared by the threads and processes of one machine.

Here records are read and written. How a connection is come by is in `sql_connections`, what a row looks like in
`sql_tables`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar, assert_never

from portal.errors import AlreadyExists, NotFound
from portal.models import Key
from portal.storage import Delete, Found, Insert, Mutation, Transaction, Update
from portal.storage.sql_connections import Connections, fetch, run, store_error
from portal.storage.sql_tables import rows_of

A = TypeVar("A")
T = TypeVar("T")


class SQLStore:
    """The store in the file that `sqlite:///PATH` names. Makes the file and its tables on first use."""

    def __init__(self, url: str) -> None:
        scheme, path = url[:10], url[10:]
        if scheme != "sqlite:///" or path in ("", ":memory:") or "?" in path:
            # in memory, each connection would have a database of its own
            raise ValueError("a SQLite store is written sqlite:///PATH, with the path of a file and no options")
        self._connections = Connections(Path(path).absolute())

    def look_up(self, *keys: Key[Any]) -> Found:
        with self._connections.reading() as connection:
            return _look_up(connection, keys)

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        with self._connections.reading() as connection:
            return _list_at(connection, keys)

    def commit(self, *mutations: Mutation) -> None:
        with self._connections.writing() as connection:
            _write(connection, mutations)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        with self._connections.writing() as connection, closing(_Transaction(connection)) as transaction:
            value = work(transaction)  # once is enough: nobody else writes meanwhile
            _write(connection, transaction.mutations)
        return value

    def scan(self, kind: type[A], *, after: Key[A] | None = None, limit: int = 100) -> list[A]:
        rows = rows_of(kind)
        place = rows.key(after.path) if after else rows.key_before_all()
        with self._connections.reading() as connection:
            return [rows.decode(row) for row in fetch(connection, rows.scan, place | {"limit": limit})]

    def list_of(self, kind: type[A], user_id: str, *, limit: int) -> list[A]:
        rows = rows_of(kind)
        with self._connections.reading() as connection:
            return [rows.decode(row) for row in fetch(connection, rows.of_user, {"user_id": user_id, "limit": limit})]

    def list_under(self, kind: type[A], user_id: str, *, after: Key[A] | None = None, limit: int) -> list[A]:
        rows = rows_of(kind)
        place = {"user_id": user_id, "id": after.path[-1] if after else "", "limit": limit}
        with self._connections.reading() as connection:
            return [rows.decode(row) for row in fetch(connection, rows.under_user, place)]

    def check(self) -> None:
        with self._connections.reading() as connection:
            fetch(connection, "SELECT count(*) FROM sqlite_master", {})

    def close(self) -> None:
        self._connections.close()


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection
        self.mutations: list[Mutation] = []

    def look_up(self, *keys: Key[Any]) -> Found:
        return _look_up(self._reading(), keys)

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        return _list_at(self._reading(), keys)

    def write(self, *mutations: Mutation) -> None:
        self._under_way()
        self.mutations.extend(mutations)

    def close(self) -> None:
        self._connection = None

    def _reading(self) -> sqlite3.Connection:
        if self.mutations:
            raise RuntimeError("a transaction reads first and writes last")
        return self._under_way()

    def _under_way(self) -> sqlite3.Connection:
        if self._connection is None:  # the connection is somebody else's by now
            raise RuntimeError("the transaction is over")
        return self._connection


def _look_up(connection: sqlite3.Connection, keys: Iterable[Key[Any]]) -> Found:
    return tuple([_load(connection, key) for key in keys])


def _list_at(connection: sqlite3.Connection, keys: Iterable[Key[A]]) -> list[A]:
    return [record for key in keys if (record := _load(connection, key)) is not None]


def _load(connection: sqlite3.Connection, key: Key[A]) -> A | None:
    rows = rows_of(key.kind)
    found = fetch(connection, rows.select, rows.key(key.path))
    return rows.decode(found[0]) if found else None


def _write(connection: sqlite3.Connection, mutations: Iterable[Mutation]) -> None:
    for mutation in mutations:
        match mutation:
            case Insert(record):
                rows = rows_of(type(record))
                _insert(connection, rows.insert, rows.encode(record))
            case Update(record):
                rows = rows_of(type(record))
                if not run(connection, rows.update, rows.encode(record)):
                    raise NotFound
            case Delete(key):
                rows = rows_of(key.kind)
                run(connection, rows.delete, rows.key(key.path))
            case _:
                assert_never(mutation)


def _insert(connection: sqlite3.Connection, statement: str, parameters: dict[str, Any]) -> None:
    try:
        connection.execute(statement, parameters)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            raise AlreadyExists from None
        raise store_error(error) from None
    except sqlite3.Error as error:
        raise store_error(error) from None
