"""The bookshelf: whose books are whose, by the buttons that people press."""

from __future__ import annotations

import re
from unittest.mock import Mock

import pytest
from flask import Flask

from examples.bookshelf.books import Books
from portal.errors import StoreError
from portal.testing import Person, sign_in_as
from tests.bookshelf.conftest import SignedIn, book_of, put

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202e"


def titles_on(page: str) -> list[str]:
    return re.findall(r"<p><bdi>([^<]*)</bdi>", page)


def test_who_wants_their_books_signs_in_and_is_back_with_name_and_picture(app: Flask, person: Person) -> None:
    asked = person.opens("/mine")
    assert (asked.status_code, asked.location) == (303, "/login?next=/mine")
    assert person.signs_in_with("github", next="/mine").location == "/mine"
    page = person.opens("/mine").text
    assert "<bdi>Ada Lovelace</bdi>" in page
    (picture,) = re.findall(r'<img src="([^"]+)" alt="" width="32" height="32"> <bdi>', page)
    assert person.opens(picture).mimetype == "image/png"
    person.opens("/mine")
    person.posts("/logout")
    assert "Sign in" in person.opens("/").text


def test_everybody_sees_all_books_and_who_put_them_there(ada: Person, person: Person) -> None:
    put(ada, "Notes on the Engine", author="Ada Lovelace")
    page = person.opens("/").text
    assert titles_on(page) == ["Notes on the Engine"]
    assert "Delete" not in page
    (picture,) = re.findall(r'<img src="(/avatar/[^"]+)"', page)
    assert b">AL</text>" in person.opens(picture).data
    assert person.sees.problems == []


def test_one_adds_changes_and_deletes_one_s_own(ada: Person, books: Books) -> None:
    put(ada, "Notes")
    book = book_of(books, "Notes")
    assert book.created_by == sign_in_as(ada.browser, "Ada Lovelace").id
    edit = f"/books/{book.id}/edit"
    assert 'value="Notes"' in ada.opens(edit).text
    assert ada.posts(edit, title="  Better\n notes ", author="A. L.").status_code == 303
    changed = book_of(books, "Better notes")
    assert (changed.id, changed.author, changed.created) == (book.id, "A. L.", book.created)
    ada.opens("/mine")
    assert ada.posts(f"/books/{book.id}/delete").location == "/mine"
    assert "“Better notes” is off the shelf." in ada.opens("/mine").text
    assert books.get(book.id) is None


def test_somebody_else_s_book_can_t_be_changed_or_deleted(ada: Person, signed_in: SignedIn, books: Books) -> None:
    put(ada, "Notes")
    book = book_of(books, "Notes")
    mallory = signed_in("Mallory")
    put(mallory, "Mine")
    assert "Edit Notes" not in mallory.opens("/").text
    token = mallory.sees.forms[-1].fields["csrf_token"]
    for path in (f"/books/{book.id}/edit", f"/books/{book.id}/delete"):
        answer = mallory.sends(path, data={"csrf_token": token, "title": "Taken"})
        assert answer.status_code == 403
        assert "somebody else" in answer.text
    assert mallory.opens(f"/books/{book.id}/edit").status_code == 403
    assert books.get(book.id) == book


@pytest.mark.parametrize("book_id", ["nothing", "é", "x" * 1000, "..", "%00"])
def test_a_book_that_is_not_there_is_not_found(ada: Person, book_id: str) -> None:
    assert ada.opens(f"/books/{book_id}/edit").status_code == 404


def test_who_is_not_signed_in_adds_nothing(ada: Person, person: Person, books: Books) -> None:
    ada.opens("/books/add")
    ada.browser.delete_cookie("portal_session", domain="localhost")
    assert ada.posts("/books/add", title="Lost?").status_code in {303, 401, 403}
    assert person.sends("/books/add", data={"title": "Forged"}).status_code == 400
    assert books.list(None) == ([], None)


def test_a_form_of_another_site_is_refused(ada: Person, books: Books) -> None:
    answer = ada.sends("/books/add", data={"title": "Forged"})
    assert (answer.status_code, "open too long" in answer.text) == (400, True)
    assert books.list(None) == ([], None)


def test_a_hostile_title_is_text_wherever_it_is_shown(ada: Person, books: Books) -> None:
    put(ada, HOSTILE, author=HOSTILE)
    (book,) = books.list(None)[0]
    assert book.title == HOSTILE
    for path in ("/mine", "/", f"/books/{book.id}/edit"):
        page = ada.opens(path).text
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{ 7*7 }}" in page
        assert ada.sees.problems == []
    assert "script" not in ada.sees.tags


@pytest.mark.parametrize(("title", "author"), [("", "A"), (" \t\n", ""), ("x" * 201, ""), ("x", "y" * 201)])
def test_a_book_needs_a_title_of_a_bearable_length_and_what_was_typed_stays(
    ada: Person, books: Books, title: str, author: str
) -> None:
    ada.opens("/books/add")
    answer = ada.posts("/books/add", title=title, author=author)
    assert answer.status_code == 400
    assert "A book needs a title" in answer.text
    assert f'value="{author}"' in answer.text
    assert books.list(None) == ([], None)


def test_a_change_does_not_bring_a_deleted_book_back(ada: Person, books: Books) -> None:
    put(ada, "Notes")
    book = book_of(books, "Notes")
    books.delete(book)
    books.change(book)
    assert books.get(book.id) is None


def test_while_the_shelf_is_out_of_reach_a_page_says_so(
    app: Flask, person: Person, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "list", Mock(side_effect=books.errors[0]("gone")))
    answer = person.opens("/")
    assert (answer.status_code, "Try again in a minute" in answer.text) == (503, True)


def test_while_the_portal_is_out_of_reach_the_shelf_can_still_be_read(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ada, "Notes")
    monkeypatch.setattr(app.extensions["portal"].store, "look_up", Mock(side_effect=StoreError("gone")))
    assert titles_on(ada.opens("/").text) == ["Notes"]
    assert ada.opens("/mine").status_code == 503


def test_the_pages_have_headers_of_their_own_and_the_portal_s_keep_theirs(person: Person) -> None:
    assert person.opens("/").headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'none'"
    assert "default-src 'none'" in person.opens("/login").headers["Content-Security-Policy"]
