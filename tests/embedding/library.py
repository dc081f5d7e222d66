"""A public library's application, made without a thought of the portal: a LoginManager, passwords and a `/login` of its
own, CSRF protection, error pages, a blueprint `account`. Nothing in it is renamed for the portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flask_login
from flask import Blueprint, Flask, abort, redirect, render_template_string, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect

import portal
from tests.flows.conftest import _CompiledOnce

SECRET = "the library's own, of more than enough characters"
PAGE = """<!doctype html>{% from "portal/macros.html" import sign_in_button, user_menu %}<html lang="en">
<title>x</title>
<header>{{ user_menu() }}</header><main><h1>{{ heading }}</h1>
{% if provider %}{{ sign_in_button(provider) }}{% endif %}
<form method="post" action="{{ action }}"><input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<input name="text"><button>Send</button></form></main></html>"""


@dataclass
class Reader(flask_login.UserMixin):
    """A row of the library's, with a field of its own."""

    id: int
    name: str
    card: str
    portal_id: str | None = None


def make_library(**config: Any) -> Flask:
    """The application as it was before there was a portal; `readers` is its table."""
    app = Flask("library", static_folder=None)
    app.config.update(SECRET_KEY=SECRET, TESTING=True, PROPAGATE_EXCEPTIONS=False, **config)
    app.extensions["readers"] = [Reader(0, "Grace", "card 0")]
    account = Blueprint("account", __name__, url_prefix="/account")
    account.add_url_rule("/", "card", flask_login.login_required(lambda: flask_login.current_user.card))
    app.register_blueprint(account)
    for rule, view in {"/": front, "/basket": basket, "/who": who, "/moved": moved, "/broken": broken}.items():
        app.add_url_rule(rule, view_func=view)
    app.add_url_rule("/login", "login", login, methods=["GET", "POST"])
    app.add_url_rule("/logout", "logout", logout, methods=["POST"])
    app.add_url_rule("/shelf/<name>", "shelf", lambda name: f"shelf {name}")
    app.add_url_rule("/wish", "wish", portal.login_required(wish), methods=["GET", "POST"])
    app.add_url_rule("/wish/send", "send_wish", portal.login_required(lambda: "sent"), methods=["POST"])
    app.add_url_rule("/close", "close", portal.fresh_login_required(lambda: "closed"), methods=["GET", "POST"])
    for error, words in (
        (404, "no such shelf"),
        (400, "not like this"),
        (405, "not by that"),
        (500, "the roof fell in"),
    ):
        app.register_error_handler(error, lambda _, words=words, error=error: (f"The library: {words}", error))
    app.jinja_env.bytecode_cache = _CompiledOnce()  # for the tests' sake
    app.register_error_handler(CSRFError, lambda error: (f"The library: {error.description}", 400))
    return app


def protect(app: Flask) -> None:
    CSRFProtect(app)


def manage_logins(app: Flask) -> None:
    manager = flask_login.LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda key: app.extensions["readers"][int(key)])


def reader_of(user: portal.user.CurrentUser) -> Reader:
    """The library's row for a person of the portal's: found, or made at the first visit."""
    from flask import current_app

    readers: list[Reader] = current_app.extensions["readers"]
    found = next((each for each in readers if each.portal_id == user.id), None)
    if found is None:
        found = Reader(len(readers), user.name or "", f"card {len(readers)}", user.id)
        readers.append(found)
    return found


def front() -> str:
    return render_template_string(PAGE, heading="The library", action="/basket", provider=None)


def basket() -> str:
    session["basket"] = [*session.get("basket", []), "a book"]
    return str(len(session["basket"]))


def who() -> dict[str, Any]:
    """What the two names say."""
    theirs, ours = flask_login.current_user, portal.current_user
    return {
        "theirs": getattr(theirs, "card", None),
        "ours": ours.name,
        "unknown": ours.is_unknown,
        "identities": [(each.provider, each.email) for each in ours.identities] if request.args else [],
    }


def wish() -> str:
    if request.method == "POST":
        return f"wished for {request.form['text']}"
    return render_template_string(PAGE, heading="A wish", action="/wish", provider="github")


def login() -> Any:
    if request.method == "POST":
        flask_login.login_user(abort_unless(request.form["text"] == "Grace"))
        return redirect(url_for("account.card"))
    return render_template_string(PAGE, heading="The library's own door", action="/login", provider=None)


def abort_unless(right: bool) -> Reader:
    from flask import current_app

    if not right:
        abort(403)
    return current_app.extensions["readers"][0]


def logout() -> Any:
    flask_login.logout_user()
    return redirect("/")


def moved() -> Any:
    return redirect("/")


def broken() -> Any:
    raise ZeroDivisionError
