"""The books in a SQLite file. A cursor says where a page ended, and the next one begins there, without counting."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from .books import PAGE, BadCursor, Book

TABLE = """
CREATE TABLE IF NOT EXISTS Book (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL, created_by TEXT NOT NULL, created INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS BookByTime ON Book (created, id);
CREATE INDEX IF NOT EXISTS BookByCreator ON Book (created_by, created, id);
"""
ALL = "SELECT * FROM Book WHERE (created, id) < (:created, :id) ORDER BY created DESC, id DESC LIMIT :limit"
MINE = ALL.replace("WHERE", "WHERE created_by = :created_by AND")
FIRST = "9" * 18 + "."  # the place before all others, thirty thousand years from now


class SQLBooks:
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()

    def list(self, cursor: str | None, created_by: str | None = None) -> tuple[list[Book], str | None]:
        place = re.fullmatch(r"([0-9]{1,18})\.([A-Za-z0-9_-]{0,40})", cursor or FIRST)
        if place is None:
            raise BadCursor(cursor)
        asked = {"created_by": created_by, "created": int(place[1]), "id": place[2], "limit": PAGE + 1}
        with self._connection() as connection:
            rows = connection.execute(MINE if created_by else ALL, asked).fetchall()
        following = f"{rows[PAGE - 1]['created']}.{rows[PAGE - 1]['id']}" if len(rows) > PAGE else None
        return [_book(row) for row in rows[:PAGE]], following

    def get(self, book_id: str) -> Book | None:
        with self._connection() as connection:
            row = connection.execute("SELECT * FROM Book WHERE id = ?", (book_id,)).fetchone()
        return _book(row) if row else None

    def add(self, book: Book) -> None:
        self._run("INSERT INTO Book VALUES (:id, :title, :author, :created_by, :created)", book)

    def change(self, book: Book) -> None:
        self._run("UPDATE Book SET title = :title, author = :author WHERE id = :id", book)

    def delete(self, book: Book) -> None:
        self._run("DELETE FROM Book WHERE id = :id", book)

    def _run(self, statement: str, book: Book) -> None:
        with self._connection() as connection, connection:
            connection.execute(statement, asdict(book) | {"created": round(book.created.timestamp() * 1_000_000)})

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=4)) as connection:
            connection.row_factory = sqlite3.Row
            connection.executescript(TABLE)
            yield connection


def _book(row: sqlite3.Row) -> Book:
    return Book(**dict(row) | {"created": datetime.fromtimestamp(row["created"] / 1_000_000, UTC)})
