"""One process's connections to a SQLite file: how they are opened, lent, queued for and kept out of a fork.

It begins every transaction itself, for neither sqlite3 nor SQLAlchemy begins one before the first write, and two
transactions that read first would both go through. It doesn't know what the rows mean.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from portal.errors import CommitUnknown, Contended, StoreError
from portal.storage.budget import call_deadline
from portal.storage.sql_tables import INDEXES, TABLES, columns_to_add

DEADLINE = 2.0  # seconds, for the whole of a call
POOL = 16  # connections at most; a look-up holds one for some 40 µs


class Connections:
    """The way to the database of one file. Opens nothing before its first use, and nothing open goes through a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = QueuePool(
            lambda: cast(DBAPIConnection, _open(self._path)),
            pool_size=POOL,
            max_overflow=0,
            timeout=DEADLINE,
            use_lifo=True,  # the one used last has its pages and statements at hand
        )
        self._made = False
        self._making = Lock()
        # SQLite's own waiting is sleeping and trying again, in no order: of 200 threads some would never have a turn.
        self._writing = Lock()
        _everyones.add(self)

    def close(self) -> None:
        """Close what nobody uses at the moment."""
        self._pool.dispose()
        self._pool = self._pool.recreate()
        self._made = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database, whatever is written meanwhile."""
        with call_deadline(DEADLINE) as deadline, self._lent(deadline) as connection:
            run(connection, "BEGIN")
            yield connection
            run(connection, "COMMIT")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The only connection that may write. What it wrote is kept if the block ends without an exception."""
        with (
            call_deadline(DEADLINE) as deadline,
            _held(self._writing, deadline),
            self._lent(deadline) as connection,
        ):
            run(connection, "BEGIN IMMEDIATE")  # others can't write from before the first read
            yield connection
            _commit(connection)

    @contextmanager
    def _lent(self, deadline: float) -> Iterator[sqlite3.Connection]:
        try:
            if not self._made:
                self._make(deadline)
            lent = self._pool.connect()
        except (sqlite3.Error, OSError, PoolTimeout) as error:
            raise store_error(error) from None
        try:
            connection = cast(sqlite3.Connection, lent.dbapi_connection)
            _wait_until(connection, deadline)
            yield connection
        finally:
            lent.close()  # rolls back what is still open

    def _make(self, deadline: float) -> None:
        with _held(self._making, deadline):
            if self._made:
                return
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):  # SQLite would let all read it; its -wal and -shm take after it
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL, 0o600))
            with closing(_open(self._path)) as connection:
                _set_wal(connection, deadline)
                _wait_until(connection, deadline)
                # Others wait from before the first look: of two processes that start together, one adds a column.
                connection.execute("BEGIN IMMEDIATE")
                for table, statement in TABLES.items():
                    connection.execute(statement)
                    there = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
                    for addition in columns_to_add(table, there):
                        connection.execute(addition)
                for statement in INDEXES:
                    connection.execute(statement)
                connection.execute("COMMIT")
            self._made = True


def fetch(connection: sqlite3.Connection, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one query. Raises StoreError for whatever the driver raises, be it at the last row."""
    try:
        return connection.execute(statement, parameters).fetchall()
    except sqlite3.Error as error:
        raise store_error(error) from None


def run(connection: sqlite3.Connection, statement: str, parameters: dict[str, Any] | None = None) -> int:
    """Execute one statement and say how many rows it changed. Raises StoreError for whatever the driver raises."""
    try:
        return connection.execute(statement, parameters or {}).rowcount
    except sqlite3.Error as error:
        raise store_error(error) from None


def store_error(error: Exception) -> StoreError:
    """What the portal says instead of the driver's error. Raise it `from None`: see `_words_of`."""
    words = _words_of(error)
    return Contended(words) if words.startswith("SQLITE_BUSY") else StoreError(words)


def _words_of(error: Exception) -> str:
    # SQLite names tables and columns, never what is in them; Python quotes the row that it can't decode (T70).
    name = getattr(error, "sqlite_errorname", None)
    return f"{name}: {error}" if name else type(error).__name__


def _open(path: Path) -> sqlite3.Connection:
    # isolation_level=None: sqlite3 begins nothing on its own
    connection = sqlite3.connect(path, timeout=DEADLINE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL, NORMAL may lose the last commits with the power
    return connection


def _set_wal(connection: sqlite3.Connection, deadline: float) -> None:
    # SQLite doesn't wait here while another process that starts writes (12 of 4,600, with eight starting together).
    while True:
        _wait_until(connection, deadline)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.01)
        else:
            return


def _wait_until(connection: sqlite3.Connection, deadline: float) -> None:
    run(connection, f"PRAGMA busy_timeout = {max(0, round(1000 * (deadline - monotonic())))}")


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.IntegrityError as error:  # a parent is missing: foreign keys are checked here
        raise store_error(error) from None
    except sqlite3.Error as error:  # a failed write or fsync doesn't say what reached the disk
        raise CommitUnknown(_words_of(error)) from None


@contextmanager
def _held(lock: Lock, deadline: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(0.0, deadline - monotonic())):
        raise Contended("in this process")
    try:
        yield
    finally:
        lock.release()


# SQLite counts a process's locks in memory. A child that inherits an open connection believes it holds its parent's
# locks; when the parent then closes the file, the write-ahead log is deleted under the child, and what the child
# commits is lost (seen with 3.40). So what is idle is closed before a fork (T97), and parent and child open their own.
# A fork beside a call under way in another thread is not provided for: gunicorn's master, which forks, has no threads.
_everyones: WeakSet[Connections] = WeakSet()


def _close_before_fork() -> None:
    for connections in list(_everyones):
        connections.close()


os.register_at_fork(before=_close_before_fork)
