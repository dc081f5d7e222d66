"""Flask-Login and the portal in one application: its names work where nobody set it up, and where the application has
a LoginManager of its own, that one is told of the portal's people. There is never a second one: the last one wins.

Nothing is kept in Flask's session, and there is no remember cookie of ours: a copied cookie dies with its Session (T55,
T60).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app, request, session
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, logout_user, user_accessed, user_logged_out

from portal.current import end_here, get_current
from portal.parts import parts
from portal.user import CurrentUser

OnUser = Callable[[CurrentUser], Any]
_LEAVING = "portal.leaving"
_REMEMBER = "remember_token"  # Flask-Login's cookie, where the application gives it no other name


class PortalLoginManager(LoginManager):  # type: ignore[misc]
    """For an application without one: `flask_login.current_user` is the portal's, or the row it is mapped to.

    It hooks into no request and no template of the application, and reads neither Flask's session nor a remember
    cookie: with any value, that one would keep the stock class from asking.
    """

    def __init__(self, turn_away: Callable[[], ResponseReturnValue]) -> None:
        super().__init__()
        self.unauthorized_handler(turn_away)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:  # noqa: ARG002 - the stock one's
        """Be found, and no more."""
        app.login_manager = self  # type: ignore[attr-defined]

    def _load_user(self) -> None:
        self._update_request_context_with_user(_load_row())


def join_flask_login(app: Flask, *, maps_users: bool, turn_away: Callable[[], ResponseReturnValue]) -> None:
    """Give the application a LoginManager if it has none yet (one that comes later takes its place), and where it
    `maps_users`, have its own ask us and tell us."""
    if getattr(app, "login_manager", None) is None:
        PortalLoginManager(turn_away).init_app(app)
    if maps_users:
        _extend(app)
        # By signal, since its LoginManager and the loaders may come after us. Functions of a module: blinker holds
        # them weakly.
        user_accessed.connect(_extend, app)
        user_logged_out.connect(_on_logged_out, app)


def make_room() -> None:
    """Have whoever the application itself has signed in, in this browser, leave: at a sign-in the newcomer counts, not
    what somebody may have planted before it (T52), and signing out is meant for everything."""
    if parts().on_user is None or isinstance(current_app.login_manager, PortalLoginManager):  # type: ignore[attr-defined]
        return
    remembered = current_app.config.get("REMEMBER_COOKIE_NAME", _REMEMBER) in request.cookies
    if "_user_id" in session or remembered:
        request.environ[_LEAVING] = True
        logout_user()


def _extend(app: Flask, **_: Any) -> None:
    """Let the application's LoginManager ask us where its own loaders know nobody."""
    manager = app.login_manager  # type: ignore[attr-defined]
    before = manager.request_callback
    if isinstance(manager, PortalLoginManager) or getattr(before, "asks_portal", False):
        return

    def load(asked: Any) -> Any:
        found = before(asked) if before else None
        return _load_row() if found is None else found

    load.asks_portal = True  # type: ignore[attr-defined]
    manager.request_loader(load)


def _load_row() -> Any:
    """The signed-in person as Flask-Login shall know them; None for nobody."""
    user = get_current()
    if not isinstance(user, CurrentUser):
        return None
    on_user = parts().on_user
    return on_user(user) if on_user else user


def _on_logged_out(_: Flask, **__: Any) -> None:
    """The application's own `logout_user()` ends the portal's session too, or the next request would sign in again."""
    if not request.environ.get(_LEAVING):
        end_here()
