"""A database file of an older version: what it lacks is added at first use, once, and its rows work (T101)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portal.models import Session, User
from portal.storage import Insert, Store, Update, open_store
from portal.storage.sql_tables import columns_to_add
from tests.storage.samples import THEN, make_session, make_user

# Session as it was before it knew of shared computers, and without the index that finds a user's.
OLD = """
    CREATE TABLE "User" (id TEXT NOT NULL, name TEXT, avatar TEXT, created BIGINT NOT NULL, status TEXT NOT NULL,
        epoch BIGINT NOT NULL, oauths TEXT NOT NULL, PRIMARY KEY (id)) WITHOUT ROWID;
    CREATE TABLE "Session" (id TEXT NOT NULL, user_id TEXT NOT NULL, epoch BIGINT NOT NULL, flow TEXT NOT NULL,
        oauth_id TEXT NOT NULL, created BIGINT NOT NULL, seen BIGINT NOT NULL, expires BIGINT NOT NULL,
        fresh_until BIGINT NOT NULL, device TEXT, PRIMARY KEY (id)) WITHOUT ROWID;
    INSERT INTO "User" VALUES ('ada', 'Ada', NULL, 1, 'active', 0, '["ada-github"]');
"""
OLD_INSERT = """
    INSERT INTO "Session" (id, user_id, epoch, flow, oauth_id, created, seen, expires, fresh_until, device)
    VALUES (?, 'ada', 0, 'flow', 'ada-github', 1774749599999999, 1774749599999999, 1774749599999999, 1774749599999999,
        'Firefox on Linux')
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that the older version made and wrote."""
    path = tmp_path / "portal.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
        connection.execute(OLD_INSERT, ("ada-laptop",))
    connection.close()
    return path


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{file}")
    yield store
    store.close()


def test_older_rows_are_read_listed_and_written(store: Store) -> None:
    (user, session) = store.look_up(User.key_of("ada"), Session.key_of("ada-laptop"))
    assert user is not None
    assert user.name == "Ada"
    assert session == make_session()
    assert session.seen == THEN
    assert session.shared is False
    assert store.list_of(Session, "ada", limit=10) == [session]
    store.commit(Update(replace(session, shared=True)))
    store.commit(Insert(make_session("ada-phone")))
    assert [each.shared for each in store.list_of(Session, "ada", limit=10)] == [True, False]


def test_the_older_version_still_writes_beside_the_newer(store: Store, file: Path) -> None:
    """A roll-out is two versions at once, and may be taken back."""
    store.check()
    with sqlite3.connect(file) as older:
        older.execute(OLD_INSERT, ("ada-tablet",))
    older.close()
    (session,) = store.look_up(Session.key_of("ada-tablet"))
    assert session is not None
    assert session.shared is False


def test_a_second_opening_adds_nothing(store: Store, file: Path) -> None:
    store.check()
    schema = schema_of(file)
    again = open_store(f"sqlite:///{file}")
    again.check()
    again.close()
    assert schema_of(file) == schema
    assert "shared" in schema


def schema_of(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        return str(connection.execute("""SELECT group_concat(sql) FROM sqlite_master""").fetchone()[0])
    finally:
        connection.close()


def test_many_that_open_it_at_once_add_it_once(file: Path) -> None:
    """Each with connections of its own, as processes have."""
    stores = [open_store(f"sqlite:///{file}") for _ in range(6)]
    together, failures = threading.Barrier(len(stores)), list[BaseException]()

    def opens(store: Store) -> None:
        together.wait(10)
        try:
            store.look_up(Session.key_of("ada-laptop"))
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=opens, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for store in stores:
        store.close()
    assert failures == []


def test_looking_before_the_lock_would_add_it_twice(file: Path) -> None:
    """The negative control, staged: both look, the first adds, the second adds what is there."""
    first, second = (sqlite3.connect(file, isolation_level=None) for _ in range(2))
    try:
        looked = [
            {name for (name,) in each.execute("""SELECT name FROM pragma_table_info('Session')""")}
            for each in (first, second)
        ]
        addition, *_ = columns_to_add("Session", looked[0])
        first.execute(addition)
        addition, *_ = columns_to_add("Session", looked[1])
        with pytest.raises(sqlite3.OperationalError, match="duplicate column"):
            second.execute(addition)
    finally:
        first.close()
        second.close()


def test_a_file_of_today_lacks_nothing(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new.db")
    store.commit(Insert(make_user("ada")))
    store.close()
    connection = sqlite3.connect(tmp_path / "new.db")
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        there = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        assert list(columns_to_add(table, there)) == []
    connection.close()
