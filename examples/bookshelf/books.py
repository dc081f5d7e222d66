"""What a book is, and what a shelf can do wherever it is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

PAGE = 10  # books


@dataclass(frozen=True)
class Book:
    title: str
    author: str
    created_by: str  # the portal's id of a user; it stays the same, whatever their name or provider
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


class BadCursor(ValueError):
    """A page was asked for that no page of ours leads to."""


class Books(Protocol):
    errors: tuple[type[Exception], ...]  # what its methods raise when it is out of reach

    def list(self, cursor: str | None, created_by: str | None = None) -> tuple[list[Book], str | None]:
        """A page of all books, or of one person's, newest first; and the cursor of the next page, if there may be one.
        However far down, a page costs the same. Raises BadCursor."""
        ...

    def get(self, book_id: str) -> Book | None: ...

    def add(self, book: Book) -> None: ...

    def change(self, book: Book) -> None:
        """Replace a book that is still there."""
        ...

    def delete(self, book: Book) -> None: ...


def open_books(url: str) -> Books:
    """The shelf beside the portal's own records, in the same SQLite file or the same Datastore."""
    if url.startswith("sqlite:///"):
        from .books_sql import SQLBooks

        return SQLBooks(url.removeprefix("sqlite:///"))
    from .books_datastore import DatastoreBooks  # late, so that a laptop needs no Google libraries

    return DatastoreBooks(url)
