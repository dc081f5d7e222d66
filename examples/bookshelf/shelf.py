"""The pages: everybody's books, one's own, and the form to add and edit one. `created_by` decides whose a book is."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import current_user, login_required

from .books import BadCursor, Book, Books

LONGEST = 200  # characters of a title, or an author
shelf = Blueprint("shelf", __name__)


@shelf.get("/")
def everybody_s() -> ResponseReturnValue:
    return _show_list("All books")


@shelf.get("/mine")
@login_required
def mine() -> ResponseReturnValue:
    return _show_list("My books", created_by=current_user.id)


@shelf.route("/books/add", methods=["GET", "POST"])
@login_required
def add() -> ResponseReturnValue:
    return _edit(Book(title="", author="", created_by=cast(str, current_user.id)), new=True)


@shelf.route("/books/<book_id>/edit", methods=["GET", "POST"])
@login_required
def edit(book_id: str) -> ResponseReturnValue:
    return _edit(_own(book_id), new=False)


@shelf.post("/books/<book_id>/delete")
@login_required
def delete(book_id: str) -> ResponseReturnValue:
    book = _own(book_id)
    _books().delete(book)
    flash(f"“{book.title}” is off the shelf.")
    return redirect(url_for("shelf.mine"), 303)


def _show_list(heading: str, created_by: str | None = None) -> ResponseReturnValue:
    try:
        books, following = _books().list(request.args.get("after"), created_by)
    except BadCursor:
        return redirect(url_for(request.endpoint or "shelf.everybody_s"), 303)  # the first page
    return render_template("bookshelf/list.html", heading=heading, books=books, following=following)


def _edit(book: Book, *, new: bool) -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("bookshelf/edit.html", book=book, new=new, wrong=None)
    book = replace(book, title=_read("title"), author=_read("author"))
    if not book.title or max(len(book.title), len(book.author)) > LONGEST:
        wrong = f"A book needs a title, and neither title nor author can be longer than {LONGEST} characters."
        return render_template("bookshelf/edit.html", book=book, new=new, wrong=wrong), 400
    (_books().add if new else _books().change)(book)
    flash(f"“{book.title}” is on the shelf.")
    return redirect(url_for("shelf.mine"), 303)


def _own(book_id: str) -> Book:
    book = _books().get(book_id)
    if book is None:
        abort(404)
    if book.created_by != current_user.id:
        abort(403)
    return book


def _read(name: str) -> str:
    return " ".join(request.form.get(name, "").split())


def _books() -> Books:
    return cast(Books, current_app.extensions["books"])
