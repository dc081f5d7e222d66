"""Who is signed in, on which browser: the session cookie and Flask-Login's `current_user` made of it.

Nothing is kept in Flask's session, and there is no remember cookie: a copied cookie dies with its Session (T55, T60).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from flask import Request, after_this_request, g
from flask_login import LoginManager, UserMixin
from werkzeug import Response

from portal.accounts import Accounts, Browser, SignedIn
from portal.crypto import digest
from portal.models import Session
from portal.pending import LIFETIME

_NAME = "portal_session"
_LAST_USED = "portal_last"
_WAITING = "portal_waiting"
_ASK_NO_MORE = "portal_ask_no_more"
_COOKIE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


class CurrentUser(UserMixin):  # type: ignore[misc]
    """Flask-Login's user: what pages may know of the person who is signed in."""

    def __init__(self, signed_in: SignedIn) -> None:
        self.signed_in = signed_in
        self.id = signed_in.user.id
        self.name = signed_in.user.name
        self.avatar = signed_in.user.avatar


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session secret fresh from the system's randomness, with the id that its Session is stored under."""

    secret: str = field(repr=False)
    session_id: str


class Sessions:
    """Reads and writes the session cookie and the mark of the provider used last."""

    def __init__(self, accounts: Accounts, *, prefix: str = "", secure: bool = True) -> None:
        self._accounts = accounts
        self._cookie_name = prefix + _NAME
        self._last_used_name = prefix + _LAST_USED
        self._waiting_name = prefix + _WAITING
        self._secure = secure

    def make_ticket(self) -> Ticket:
        """A secret of 256 bits for a session that is about to be made."""
        secret = secrets.token_urlsafe(32)
        return Ticket(secret, digest("Session", secret))

    def get_browser(self, request: Request) -> Browser | None:
        """What the request's cookie claims, unproved; None without a well-formed one."""
        match = _COOKIE.fullmatch(request.cookies.get(self._cookie_name, "")[:100])
        return Browser(match[1], digest("Session", match[2])) if match else None

    def get_user(self, request: Request) -> CurrentUser | None:
        """Flask-Login's request loader. A cookie without a live session is cleared (T58), but not beside the answer
        that brings a new one: the browser would obey whichever comes last. Raises StoreError."""
        if g.get(_ASK_NO_MORE):
            return None
        browser = self.get_browser(request)
        signed_in = self._accounts.get_signed_in(browser) if browser else None
        if signed_in is not None:
            return CurrentUser(signed_in)
        if self._cookie_name in request.cookies and not (browser and self._accounts.was_replaced(browser)):
            after_this_request(self.forget)
        return None

    def ask_no_more(self) -> None:
        """Leave the store alone for the rest of this request: Flask-Login loads `current_user` for every template, the
        page that says that the store is out of reach included."""
        setattr(g, _ASK_NO_MORE, True)

    def remember(self, response: Response, session: Session, ticket: Ticket, *, provider: str | None = None) -> None:
        """Give the browser its session and mark the `provider` it has just used, by name and nothing else (T48).

        On a shared computer the cookie ends with the browser, and the next person finds no mark. (A browser that opens
        again where it was closed keeps such cookies; the limits of the Session hold all the same.)
        """
        lasts = None if session.shared else int((session.expires - session.seen).total_seconds())
        self._set(response, self._cookie_name, f"{session.user_id}.{ticket.secret}", max_age=lasts)
        if session.shared:
            self._set(response, self._last_used_name, "", max_age=0)
        elif provider is not None:
            self._set(response, self._last_used_name, provider, max_age=lasts)

    def forget(self, response: Response) -> Response:
        """Take the session cookie back; the last-used mark stays."""
        self._set(response, self._cookie_name, "", max_age=0)
        return response

    def last_used(self, request: Request) -> str:
        """The provider this browser signed in with last, as its cookie says; not checked against anything."""
        return request.cookies.get(self._last_used_name, "")

    def keep_waiting(self, response: Response, secret: str) -> None:
        """Let this browser, and no other, answer for the identity that waits behind the secret."""
        self._set(response, self._waiting_name, secret, max_age=int(LIFETIME.total_seconds()))

    def get_waiting(self, request: Request) -> str:
        """The secret of what waits for this browser's answer, unproved; "" for none."""
        return request.cookies.get(self._waiting_name, "")[:100]

    def stop_waiting(self, response: Response) -> None:
        """The answer was given."""
        self._set(response, self._waiting_name, "", max_age=0)

    def _set(self, response: Response, name: str, value: str, *, max_age: int | None) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="Lax")


def make_login_manager(sessions: Sessions) -> LoginManager:
    """A LoginManager that asks `sessions` on each request and writes nothing into Flask's session."""
    manager = LoginManager()
    manager.session_protection = None  # "basic" would write `_fresh` into Flask's session on every page
    manager.request_loader(sessions.get_user)
    return manager
