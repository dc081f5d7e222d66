"""The bookshelf as somebody else's application: it is tested with what `portal.testing` gives to all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from examples.bookshelf import create_app
from examples.bookshelf.books import Book, Books
from portal.testing import Person, people, person, portal_prefix, portal_sandbox, portal_settings, sign_in_as
from tests.emulator import ROOT, NoEmulator, running_emulator

__all__ = ["people", "person", "portal_prefix", "portal_sandbox", "portal_settings"]

SignedIn = Callable[[str], Person]


@pytest.fixture(scope="session")
def shelf_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of an emulator that refuses every query which the two index.yaml together don't serve."""
    files = [ROOT / "index.yaml", ROOT / "examples/bookshelf/index.yaml"]
    indexes = [index for file in files for index in yaml.safe_load(file.read_text())["indexes"]]
    both = tmp_path_factory.mktemp("indexes") / "index.yaml"
    both.write_text(yaml.safe_dump({"indexes": indexes}))
    try:
        with running_emulator(both) as emulator:
            yield emulator.host
    except NoEmulator as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", pytest.param("datastore", marks=pytest.mark.full)])
def app(
    request: pytest.FixtureRequest,
    portal_settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Flask]:
    """A bookshelf of its own, on each of the stores."""
    if request.param == "datastore":
        monkeypatch.setenv("DATASTORE_EMULATOR_HOST", request.getfixturevalue("shelf_emulator"))
        portal_settings |= {"store": f"datastore://demo?namespace={tmp_path.name.replace('_', '-')}"}
    app = create_app(PORTAL=portal_settings, SECRET_KEY="of-the-bookshelf-itself")
    yield app
    app.extensions["portal"].store.close()


@pytest.fixture
def books(app: Flask) -> Books:
    return app.extensions["books"]


@pytest.fixture
def signed_in(app: Flask) -> SignedIn:
    """Somebody of this name, signed in."""

    def sign_in(name: str) -> Person:
        somebody = Person(app)
        sign_in_as(somebody.browser, name)
        return somebody

    return sign_in


@pytest.fixture
def ada(signed_in: SignedIn) -> Person:
    return signed_in("Ada Lovelace")


def put(person: Person, *titles: str, author: str = "") -> None:
    """Adds books by the form, the first one first."""
    for title in titles:
        person.opens("/books/add")
        assert person.posts("/books/add", title=title, author=author).status_code == 303


def book_of(books: Books, title: str) -> Book:
    (found,) = [book for book in books.list(None)[0] if book.title == title]
    return found
