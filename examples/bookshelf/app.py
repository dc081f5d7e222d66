"""Puts the application together: the portal, the books, and protection for its own forms."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, Response, render_template
from flask_wtf.csrf import CSRFError, CSRFProtect

from portal import Portal

from .books import open_books
from .shelf import shelf


def create_app(**settings: Any) -> Flask:
    """`PORTAL`, of the form of `portal.toml`, goes to the portal; where it is absent the portal reads its own file."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY=os.environ.get("BOOKSHELF_SECRET_KEY"), SESSION_COOKIE_SAMESITE="Lax")
    app.config.update(settings)

    Portal(app)  # adds /login, /account and their like
    CSRFProtect(app)  # our own forms; the portal looks after its own
    app.extensions["books"] = books = open_books(app.extensions["portal"].config.store)  # beside the portal's records

    app.register_blueprint(shelf)
    app.register_error_handler(404, lambda _: _say("There is no such book.", 404))
    app.register_error_handler(403, lambda _: _say("That book is somebody else's; only they can change it.", 403))
    app.register_error_handler(CSRFError, lambda _: _say("That page was open too long. Go back and try again.", 400))
    for error in books.errors:
        app.register_error_handler(error, lambda _: _say("The shelf is out of reach. Try again in a minute.", 503))
    app.after_request(_add_headers)
    return app


def _say(sentence: str, status: int) -> tuple[str, int]:
    return render_template("bookshelf/sorry.html", sentence=sentence), status


def _add_headers(response: Response) -> Response:
    # `setdefault`, for the portal's pages have headers of their own. Nothing here comes from another site.
    response.headers.setdefault("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-cache")
    return response
