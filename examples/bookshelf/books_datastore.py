"""The books in Google Cloud Datastore. A cursor is Datastore's own; "My books" needs the index in `index.yaml`."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.api_core.exceptions import GoogleAPIError, InvalidArgument
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import datastore

from .books import PAGE, BadCursor, Book

# Without them a call to a Datastore that is out of reach goes on for most of a minute.
IN_TIME: dict[str, Any] = {"timeout": 4, "retry": Retry(timeout=4)}


class DatastoreBooks:
    errors: tuple[type[Exception], ...] = (GoogleAPIError, GoogleAuthError)

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _client(self) -> datastore.Client:
        # Made at the first call, and so after gunicorn has forked: gRPC does not survive that.
        parts = urlsplit(self._url)
        namespace = parse_qs(parts.query).get("namespace", [None])[0]
        return datastore.Client(project=parts.netloc, database=parts.path.strip("/") or None, namespace=namespace)

    def list(self, cursor: str | None, created_by: str | None = None) -> tuple[list[Book], str | None]:
        query = self._client.query(kind="Book", order=["-created"])
        if created_by is not None:
            query.add_filter(filter=datastore.query.PropertyFilter("created_by", "=", created_by))
        try:
            found = query.fetch(limit=PAGE, start_cursor=cursor, **IN_TIME)
            books = [_book(entity) for entity in found]
        except (InvalidArgument, ValueError) as error:  # ValueError: it isn't even base64
            raise BadCursor(cursor) from error
        following = found.next_page_token if len(books) == PAGE else None
        return books, following.decode() if following else None

    def get(self, book_id: str) -> Book | None:
        entity = self._client.get(self._client.key("Book", book_id), **IN_TIME)
        return _book(entity) if entity is not None else None

    def add(self, book: Book) -> None:
        self._client.put(self._entity(book), **IN_TIME)

    def change(self, book: Book) -> None:
        with self._client.transaction():  # `put` alone would bring a book back that was deleted meanwhile
            if self._client.get(self._client.key("Book", book.id), **IN_TIME) is not None:
                self._client.put(self._entity(book))

    def delete(self, book: Book) -> None:
        self._client.delete(self._client.key("Book", book.id), **IN_TIME)

    def _entity(self, book: Book) -> datastore.Entity:
        entity = datastore.Entity(self._client.key("Book", book.id), exclude_from_indexes=("title", "author"))
        entity.update(title=book.title, author=book.author, created_by=book.created_by, created=book.created)
        return entity


def _book(entity: datastore.Entity) -> Book:
    return Book(id=entity.key.name, **entity)
