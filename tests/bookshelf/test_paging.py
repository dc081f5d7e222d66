"""My books, newest first, page by page: each book once, at the same cost however far down, and no page for a forger."""

from __future__ import annotations

import re
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from examples.bookshelf.books import PAGE, BadCursor, Book, Books
from examples.bookshelf.books_sql import ALL, MINE
from portal.testing import Person, sign_in_as
from tests.bookshelf.test_bookshelf import titles_on
from tests.emulator import running_emulator

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def fill(books: Books, created_by: str, count: int, *, minute: int = 0) -> list[str]:
    """Books whose titles are numbers, one a second; gives them back newest first."""
    for number in range(count):
        time = NOON + timedelta(minutes=minute, seconds=number)
        books.add(Book(title=f"{created_by[:2]}{number:03}", author="", created_by=created_by, created=time))
    return [f"{created_by[:2]}{number:03}" for number in reversed(range(count))]


def pages_of(person: Person, path: str) -> list[list[str]]:
    """What is on each page, with the link to the next one followed to its end."""
    pages = []
    while path:
        pages.append(titles_on(person.opens(path).text))
        path = next((link for link in person.sees.links if "after=" in link), "")
    return pages


def all_of(pages: list[list[str]]) -> list[str]:
    return [title for page in pages for title in page]


def test_each_of_my_books_is_on_one_page_newest_first(ada: Person, books: Books) -> None:
    me = sign_in_as(ada.browser, "Ada Lovelace").id
    mine = fill(books, me, 2 * PAGE + 3)
    others = fill(books, "somebody else", 5, minute=1)
    pages = pages_of(ada, "/mine")
    assert [len(page) for page in pages] == [PAGE, PAGE, 3]
    assert all_of(pages) == mine
    assert all_of(pages_of(ada, "/")) == others + mine


def test_a_last_page_that_is_full_ends_well(ada: Person, books: Books) -> None:
    mine = fill(books, sign_in_as(ada.browser, "Ada Lovelace").id, PAGE)
    pages = pages_of(ada, "/mine")
    assert all_of(pages) == mine
    assert len(pages) == 1 or "That is all." in ada.page.text  # Datastore says only that there may be more


def test_what_comes_and_goes_meanwhile_moves_no_page(books: Books) -> None:
    mine = fill(books, "ada", 2 * PAGE)
    first, cursor = books.list(None, "ada")
    books.add(Book(title="new", author="", created_by="ada", created=NOON + timedelta(days=1)))
    books.delete(first[0])
    books.delete(first[-1])  # the very place that the cursor says
    assert [book.title for book in books.list(cursor, "ada")[0]] == mine[PAGE:]


def test_books_of_one_moment_are_all_there(books: Books) -> None:
    for number in range(PAGE + 5):
        books.add(Book(title=str(number), author="", created_by="ada", created=NOON))
    first, cursor = books.list(None, "ada")
    assert len({book.title for book in first + books.list(cursor, "ada")[0]}) == PAGE + 5


FORGED = [
    "x",
    "é",
    "\x00",
    "0.",
    "9" * 18 + ".",
    "9" * 19 + ".a",
    "-1.a",
    "1.a'; DROP TABLE Book; --",
    "1",
    "٣.a",
    "=",
    "====",
    "A" * 5000,
    urlsafe_b64encode(b"garbage that no query ever gave").decode(),
    urlsafe_b64encode(bytes(range(64))).decode(),
]


@pytest.mark.parametrize("path", ["/mine", "/"])
def test_a_forged_cursor_leads_to_a_page_and_never_to_an_error(ada: Person, books: Books, path: str) -> None:
    fill(books, sign_in_as(ada.browser, "Ada Lovelace").id, 2)
    for cursor in FORGED:
        answer = ada.opens(path, query_string={"after": cursor})
        assert (answer.status_code, answer.location) in {(200, None), (303, path)}, cursor


def test_somebody_else_s_cursor_shows_only_one_s_own(ada: Person, books: Books) -> None:
    mine = fill(books, sign_in_as(ada.browser, "Ada Lovelace").id, 3)
    fill(books, "somebody else", 2 * PAGE, minute=1)
    for _, cursor in (books.list(None, "somebody else"), books.list(None)):
        shown = titles_on(ada.opens("/mine", query_string={"after": cursor}).text)
        assert set(shown) <= set(mine)


# What a page costs.


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_on_sqlite_the_last_page_costs_what_the_first_did(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    with books._connection() as connection, connection:
        rows = [(f"{n}", "", "", "ada" if n % 2 else "somebody else", n) for n in range(1000)]
        connection.executemany("INSERT INTO Book VALUES (?, ?, ?, ?, ?)", rows)
    with books._connection() as connection:
        assert cost(connection, MINE, last_page(books, "ada")) < 1.5 * cost(connection, MINE, first_page())
        assert cost(connection, ALL, last_page(books, None)) < 1.5 * cost(connection, ALL, first_page())
        # The negative control: pages that are counted off.
        counted = "SELECT * FROM Book WHERE created_by = :created_by ORDER BY created DESC LIMIT :limit OFFSET :id"
        assert cost(connection, counted, first_page() | {"id": 480}) > 5 * cost(connection, MINE, first_page())


def first_page() -> dict[str, object]:
    return {"created_by": "ada", "created": 10**18, "id": "", "limit": PAGE + 1}


def last_page(books: Books, created_by: str | None) -> dict[str, object]:
    at, cursor = None, None
    while True:
        _, cursor = books.list(at, created_by)
        if cursor is None:
            break
        at = cursor
    created, _, book_id = str(at).partition(".")
    return first_page() | {"created": int(created), "id": book_id}


def cost(connection: sqlite3.Connection, query: str, asked: dict[str, object]) -> int:
    """Steps of SQLite's machine, per row that came."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    with closing(connection.execute(query, asked)) as cursor:
        rows = cursor.fetchall()
    connection.set_progress_handler(None, 0)
    return steps // max(1, len(rows))


@pytest.mark.parametrize("app", [pytest.param("datastore", marks=pytest.mark.full)], indirect=True)
def test_on_datastore_each_page_is_one_query_for_no_more_than_it_shows(app: Flask, books: Books) -> None:
    fill(books, "ada", 3 * PAGE + 1)
    api = books._client._datastore_api
    asked = []
    run_query = api.run_query
    api.run_query = lambda request, **kwargs: (asked.append(request), run_query(request=request, **kwargs))[1]
    cursor, shown = None, 0
    while True:
        found, cursor = books.list(cursor, "ada")
        shown += len(found)
        if cursor is None:
            break
    del api.run_query
    assert shown == 3 * PAGE + 1
    assert len(asked) == 4
    queries = [request["query"] for request in asked]
    assert [
        (int(query.limit.value if hasattr(query.limit, "value") else query.limit), query.offset) for query in queries
    ] == [(PAGE, 0)] * 4
    assert [bool(query.start_cursor) for query in queries] == [False, True, True, True]


@pytest.mark.full
def test_without_its_index_datastore_refuses_my_books(shelf_emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: the emulator asks for the indexes that production asks for."""
    from google.api_core.exceptions import FailedPrecondition

    from examples.bookshelf.books_datastore import DatastoreBooks

    with running_emulator() as without:
        monkeypatch.setenv("DATASTORE_EMULATOR_HOST", without.host)
        books = DatastoreBooks("datastore://demo")
        assert books.list(None) == ([], None)
        with pytest.raises(FailedPrecondition):
            books.list(None, "ada")


def test_a_cursor_that_is_none_of_ours_is_told_as_that(books: Books) -> None:
    with pytest.raises(BadCursor):
        books.list("é", "ada")


def test_a_book_keeps_all_it_is_made_of(books: Books) -> None:
    book = replace(Book("Ω <b>", "é", "ada"), created=NOON + timedelta(microseconds=1))
    books.add(book)
    assert books.get(book.id) == book
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", book.id)
