"""What is SQLite's own: the file, the statements of each call, rows of another version, and answers in trouble."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from portal.errors import Contended, StoreError
from portal.models import User
from portal.storage import Delete, Insert, Store, Update, open_store
from portal.storage.sql_tables import rows_of
from tests.storage.samples import get_user, make_household, make_oauth, make_session, make_user, move_in
from tests.storage.stages import Pause, Running, one_in_the_middle_of_the_other


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "instance" / "portal.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


@pytest.fixture
def file(path: Path, store: Store) -> Iterator[sqlite3.Connection]:
    """The store's file as another program opens it, in autocommit."""
    store.check()
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        yield connection


# --- the address and the file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://",
        "sqlite:portal.db",
        "sqlite:///portal.db?mode=ro",
        "postgresql:///portal",
        "",
    ],
)
def test_an_address_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///PATH"):
        open_store(url)


def test_a_relative_path_begins_in_the_working_directory_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///instance/portal.db")
    monkeypatch.chdir("/")
    store.check()
    store.close()
    assert (tmp_path / "instance" / "portal.db").exists()


def test_nothing_is_made_before_the_first_use(path: Path, store: Store) -> None:
    store.close()
    assert not path.parent.exists()
    store.check()
    assert path.exists()


def test_what_is_made_is_for_its_owner_alone(path: Path, store: Store) -> None:
    before = os.umask(0)
    try:
        move_in(store)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in [path.parent, *path.parent.iterdir()]}
    finally:
        os.umask(before)
    assert modes == {"instance": 0o700, "portal.db": 0o600, "portal.db-wal": 0o600, "portal.db-shm": 0o600}


def test_the_mode_of_a_file_that_is_there_is_left_to_its_admin(path: Path, store: Store) -> None:
    path.parent.mkdir(mode=0o750)
    path.touch(mode=0o640)
    move_in(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


# --- statements -----------------------------------------------------------------------------------------------------


@pytest.fixture
def statements(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first words of each statement that the driver is given, from the second use of the store on."""
    seen: list[str] = []
    connect = sqlite3.connect

    def connect_and_listen(*args: object, **options: object) -> sqlite3.Connection:
        connection = connect(*args, **options)  # type: ignore[call-overload]
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(lambda statement: seen.append(" ".join(statement.split()[:2])))
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_listen)
    store.check()
    seen.clear()
    return seen


def test_each_connection_keeps_the_foreign_keys_and_waits_for_the_disk(store: Store, statements: list[str]) -> None:
    store.close()
    store.check()
    assert statements[:2] == ["PRAGMA foreign_keys", "PRAGMA synchronous"]


def test_a_look_up_is_one_read_transaction(store: Store, statements: list[str]) -> None:
    home = make_household()
    store.look_up(home.oauth.key, home.token.key, home.session.key, home.user.key)
    assert statements == [
        "PRAGMA busy_timeout",
        "BEGIN",
        'SELECT "OAuth".id,',
        'SELECT "Token".oauth_id,',
        'SELECT "Session".id,',
        'SELECT "User".id,',
        "COMMIT",
    ]


def test_a_commit_is_one_write_transaction(store: Store, statements: list[str]) -> None:
    home = make_household()
    store.commit(Insert(home.user), Insert(home.event), Delete(home.session.key))
    store.commit(Update(home.user))
    assert statements == [
        "PRAGMA busy_timeout",
        "BEGIN IMMEDIATE",
        "INSERT INTO",
        "INSERT INTO",
        "DELETE FROM",
        "COMMIT",
        "PRAGMA busy_timeout",
        "BEGIN IMMEDIATE",
        'UPDATE "User"',
        "COMMIT",
    ]


def test_a_transaction_locks_before_it_reads(store: Store, statements: list[str]) -> None:
    home = make_household()
    store.transact(lambda transaction: transaction.look_up(home.user.key))
    assert statements == ["PRAGMA busy_timeout", "BEGIN IMMEDIATE", 'SELECT "User".id,', "COMMIT"]


def test_the_writers_of_one_process_queue_in_memory_and_not_at_the_file(store: Store, statements: list[str]) -> None:
    def work(pause: Pause) -> None:
        pause()
        statements.append("the first goes on")

    one_in_the_middle_of_the_other(
        lambda pause: store.transact(lambda _: work(pause)),
        lambda: store.commit(Insert(make_user())),
        waits_after=0.1,
    )
    turns = [each for each in statements if each in ("BEGIN IMMEDIATE", "the first goes on")]
    assert turns == ["BEGIN IMMEDIATE", "the first goes on", "BEGIN IMMEDIATE"]


def test_every_statement_finds_its_rows_by_an_index(file: sqlite3.Connection, store: Store) -> None:
    for record in make_household().records:
        rows = rows_of(type(record))
        values = rows.encode(record) | {"limit": 1}
        parents = file.execute(f'PRAGMA foreign_key_list("{record.KIND}")')
        children = [f'SELECT 1 FROM "{record.KIND}" WHERE {column} = :{column}' for _, _, _, column, *_ in parents]
        for statement in (rows.select, rows.scan, rows.update, rows.delete, *children):
            plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert plan
            assert all("SCAN" not in step and "TEMP B-TREE" not in step for step in plan), (statement, plan)


def test_a_look_up_of_several_keys_sees_one_state(path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    home = move_in(store)
    beside = open_store(f"sqlite:///{path}")
    user, token = home.user, home.token
    later = make_user("ada", epoch=7, oauths=user.oauths)
    connect = sqlite3.connect
    between: list[Callable[[], None]] = []

    def connect_and_interrupt(*args: object, **options: object) -> sqlite3.Connection:
        connection = connect(*args, **options)  # type: ignore[call-overload]
        assert isinstance(connection, sqlite3.Connection)

        def before_statement(statement: str) -> None:
            if 'FROM "Token"' in statement and between:
                between.pop()()

        connection.set_trace_callback(before_statement)
        return connection

    def change_user() -> None:
        changing = Running(lambda: beside.commit(Update(later)))
        assert changing.outcome_at_end() is None

    beside.check()
    store.close()
    monkeypatch.setattr(sqlite3, "connect", connect_and_interrupt)
    between.append(change_user)
    assert store.look_up(user.key, token.key, user.key) == (user, token, user)
    between.append(change_user)
    store.commit(Update(user))
    assert (*store.look_up(user.key), *store.look_up(token.key), *store.look_up(user.key)) == (user, token, later)
    beside.close()


# --- rows of another version ----------------------------------------------------------------------------------------


def test_columns_of_a_newer_version_are_left_alone(store: Store, file: sqlite3.Connection) -> None:
    file.execute("""ALTER TABLE "User" ADD COLUMN pronouns TEXT""")
    file.execute("""ALTER TABLE "User" ADD COLUMN shoe_size INTEGER NOT NULL DEFAULT 0""")
    user = move_in(store).user
    file.execute("""UPDATE "User" SET pronouns = 'she'""")
    renamed = make_user("ada", name="Countess", oauths=user.oauths)
    store.commit(Update(renamed))
    assert store.look_up(user.key) == (renamed,)
    assert store.scan(User) == [renamed]
    assert file.execute("""SELECT pronouns, shoe_size FROM "User" """).fetchall() == [("she", 0)]


# --- what is tied together ------------------------------------------------------------------------------------------


def test_an_orphan_is_an_error_and_writes_nothing(store: Store) -> None:
    with pytest.raises(StoreError):
        store.commit(Insert(make_user("bob")), Insert(make_oauth(user_id="nobody")))
    assert store.scan(User) == []
    home = move_in(store)
    with pytest.raises(StoreError):
        store.commit(Delete(home.oauth.key))
    assert store.look_up(home.oauth.key, home.token.key) == (home.oauth, home.token)


def test_a_record_that_lacks_what_it_must_have_is_an_error_of_ours_and_no_taken_key(store: Store) -> None:
    nobodys = replace(make_user(), status=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.commit(Insert(nobodys))


def test_a_session_outlives_its_way_in_and_an_event_its_user(store: Store) -> None:
    home = move_in(store)
    store.commit(*(Delete(each.key) for each in (home.oauth, home.token, home.email)))
    assert store.look_up(home.session.key) == (home.session,)
    store.commit(Delete(home.user.key))
    assert store.look_up(home.event.key) == (home.event,)


# --- faults ---------------------------------------------------------------------------------------------------------


def make_garbage(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database " * 100)


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)


def make_parent_a_file(path: Path) -> None:
    path.parent.write_text("in the way")


@pytest.mark.parametrize("make_trouble", [make_garbage, make_folder, make_parent_a_file])
def test_a_store_that_cannot_be_asked_says_so_and_never_that_something_is_absent(
    path: Path, store: Store, make_trouble: Callable[[Path], None]
) -> None:
    make_trouble(path)
    calls: list[Callable[[], object]] = [
        store.check,
        lambda: store.look_up(User.key_of("ada")),
        lambda: store.list_at([User.key_of("ada")]),
        lambda: store.scan(User),
        lambda: store.commit(Insert(make_user())),
        lambda: store.commit(Update(make_user())),
        lambda: store.transact(lambda transaction: transaction.look_up(User.key_of("ada"))),
    ]
    for call in calls:
        with pytest.raises(StoreError):
            call()


def test_a_damaged_page_in_the_middle_of_a_walk_is_an_error_and_not_its_end(path: Path, store: Store) -> None:
    store.commit(*(Insert(make_user(f"u{number:03}", name="x" * 500)) for number in range(200)))
    store.close()
    pages = path.read_bytes()
    middle = len(pages) * 3 // 4 // 4096 * 4096
    path.write_bytes(pages[:middle] + b"\xff" * (len(pages) - middle))
    assert [user.id for user in store.scan(User, limit=2)] == ["u000", "u001"]
    with pytest.raises(StoreError, match="SQLITE_CORRUPT"):
        store.scan(User, limit=1000)


def test_what_cannot_be_read_is_not_told_to_the_log(store: Store, file: sqlite3.Connection) -> None:
    key = move_in(store).user.key
    file.execute("""UPDATE "User" SET name = CAST(X'7365637265742dff' AS TEXT)""")  # "secret-", and then no UTF-8
    with pytest.raises(sqlite3.OperationalError, match="secret-"):
        file.execute("""SELECT name FROM "User" """).fetchall()
    with pytest.raises(StoreError) as raised:
        store.look_up(key)
    assert "secret-" not in "".join(traceback.format_exception(raised.value))


def test_a_table_that_is_gone_is_an_error_and_no_absence(store: Store, file: sqlite3.Connection) -> None:
    file.execute("""DROP TABLE "Session" """)
    with pytest.raises(StoreError, match="no such table: Session"):
        store.look_up(make_session().key)
    with pytest.raises(StoreError, match="no such table: Session"):
        store.commit(Insert(make_user()), Insert(make_session()))
    assert store.scan(User) == []


def test_the_store_gives_up_after_two_seconds_when_another_process_keeps_the_file(
    store: Store, file: sqlite3.Connection
) -> None:
    move_in(store)
    file.execute("BEGIN IMMEDIATE")

    def timed(call: Callable[[], object]) -> tuple[type[Exception], float]:
        begun = time.monotonic()
        with pytest.raises(StoreError) as raised:
            call()
        return raised.type, time.monotonic() - begun

    calls: list[Callable[[], object]] = [lambda: store.commit(Insert(make_user("bob")))] * 3
    calls += [lambda: store.transact(lambda transaction: transaction.list_at([User.key_of("ada")]))] * 3
    waiting = [Running(lambda call=call: timed(call)) for call in calls]  # type: ignore[misc]
    assert get_user(store).id == "ada"  # who reads doesn't wait
    for each in waiting:
        outcome = each.outcome_at_end()
        assert isinstance(outcome, tuple), outcome
        error, seconds = outcome
        assert error is Contended
        assert 1.8 < seconds < 3.5
    file.execute("ROLLBACK")
    assert [user.id for user in store.scan(User)] == ["ada"]
    store.commit(Insert(make_user("bob")))


def test_the_first_use_waits_for_another_process_that_is_in_the_middle_of_its_own(path: Path, store: Store) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:  # not in WAL yet
        other.execute("BEGIN IMMEDIATE")
        checking = Running(store.check)
        assert not checking.ends_within(0.1)
        other.execute("COMMIT")
        assert checking.outcome_at_end() is None
