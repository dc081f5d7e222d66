"""Who is signed in, on which browser: the session cookie, and the user made of it.

Nothing is kept in Flask's session, and there is no remember cookie: a copied cookie dies with its Session (T55, T60).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from flask import Request, after_this_request, g
from werkzeug import Response

from portal.accounts import Accounts, Browser
from portal.avatar_ids import AvatarIds
from portal.crypto import digest
from portal.domain_pass import DomainPass
from portal.models import Session, User
from portal.pending import INVITATION_LIFETIME, LIFETIME
from portal.user import CurrentUser

_NAME = "portal_session"
_DOMAIN_NAME = "__Secure-portal_session"  # `__Host-` forbids a domain (RFC 6265bis, 4.1.3.2)
_LAST_USED = "portal_last"
_WAITING = "portal_waiting"
_INVITED = "portal_invited"
_ASK_NO_MORE = "portal_ask_no_more"
_COOKIE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session secret fresh from the system's randomness, with the id that its Session is stored under."""

    secret: str = field(repr=False)
    session_id: str


class Sessions:
    """Reads and writes the session cookie and the mark of the provider used last."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        avatar_ids: AvatarIds,
        prefix: str = "",
        secure: bool = True,
        domain_pass: DomainPass | None = None,
        is_admin: Callable[[User], bool] = attrgetter("admin"),
    ) -> None:
        """`domain_pass` where `cookie_domain` is set: a second session cookie, for that domain and for `/auth`."""
        self._accounts = accounts
        self._domain_pass = domain_pass
        self._avatar_ids = avatar_ids
        self._is_admin = is_admin
        self._cookie_name = prefix + _NAME
        self._last_used_name = prefix + _LAST_USED
        self._waiting_name = prefix + _WAITING
        self._invited_name = prefix + _INVITED
        self._secure = secure

    def make_ticket(self) -> Ticket:
        """A secret of 256 bits for a session that is about to be made."""
        secret = secrets.token_urlsafe(32)
        return Ticket(secret, digest("Session", secret))

    def get_browser(self, request: Request) -> Browser | None:
        """What the request's cookie claims, unproved; None without a well-formed one."""
        match = _COOKIE.fullmatch(request.cookies.get(self._cookie_name, "")[:100])
        return Browser(match[1], digest("Session", match[2])) if match else None

    def get_pass(self, request: Request) -> Browser | None:
        """What the request may show at `/auth`, unproved; None without one that is well-formed and, where it is the
        domain's, ours. The session cookie where that is the only one there is."""
        if self._domain_pass is None:
            return self.get_browser(request)
        ids = self._domain_pass.read(request.cookies.getlist(_DOMAIN_NAME))
        return Browser(*ids) if ids else None

    def get_user(self, request: Request) -> CurrentUser | None:
        """Whom the cookie stands for, if anybody. A cookie without a live session is cleared (T58), but not beside the
        answer that brings a new one: the browser would obey whichever comes last. Raises StoreError."""
        if g.get(_ASK_NO_MORE):
            return None
        browser = self.get_browser(request)
        signed_in = self._accounts.get_signed_in(browser) if browser else None
        if signed_in is not None:
            return CurrentUser(
                signed_in,
                self._avatar_ids,
                self._accounts.list_identities,
                is_admin=self._is_admin(signed_in.user),
            )
        if self._cookie_name in request.cookies and not (browser and self._accounts.was_replaced(browser)):
            after_this_request(self.forget)
        return None

    def ask_no_more(self) -> None:
        """Leave the store alone for the rest of this request: the page that says that it is out of reach may be part of
        an application which asks for the user on each of its pages."""
        setattr(g, _ASK_NO_MORE, True)

    def remember(self, response: Response, session: Session, ticket: Ticket, *, provider: str | None = None) -> None:
        """Give the browser its session and mark the `provider` it has just used, by name and nothing else (T48).

        On a shared computer the cookie ends with the browser, and the next person finds no mark. (A browser that opens
        again where it was closed keeps such cookies; the limits of the Session hold all the same.)
        """
        lasts = _lasts(session)
        self._set(response, self._cookie_name, f"{session.user_id}.{ticket.secret}", max_age=lasts)
        self.give_pass(response, session)
        if session.shared:
            self._set(response, self._last_used_name, "", max_age=0)
        elif provider is not None:
            self._set(response, self._last_used_name, provider, max_age=lasts)

    def give_pass(self, response: Response, session: Session) -> None:
        """Give the browser the cookie of the whole domain, where there is one: with each new session, and again to who
        is signed in and was sent here for the lack of it."""
        if self._domain_pass is not None:
            value = self._domain_pass.make(session.user_id, session.id)
            self._set(response, _DOMAIN_NAME, value, max_age=_lasts(session), domain=self._domain_pass.domain)

    def forget(self, response: Response) -> Response:
        """Take the session cookie back, the domain's too; the last-used mark stays."""
        self._set(response, self._cookie_name, "", max_age=0)
        if self._domain_pass is not None:  # a browser removes a cookie of the same domain only
            self._set(response, _DOMAIN_NAME, "", max_age=0, domain=self._domain_pass.domain)
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

    def keep_invitation(self, response: Response, secret: str) -> None:
        """Let this browser make an account by an invitation, whichever way it takes; it may have to come back."""
        self._set(response, self._invited_name, secret, max_age=int(INVITATION_LIFETIME.total_seconds()))

    def get_invitation(self, request: Request) -> str:
        """The secret of an invitation that was opened here, unproved; "" for none."""
        return request.cookies.get(self._invited_name, "")[:100]

    def stop_inviting(self, response: Response, request: Request) -> None:
        """An account was made."""
        if self._invited_name in request.cookies:
            self._set(response, self._invited_name, "", max_age=0)

    def _set(
        self, response: Response, name: str, value: str, *, max_age: int | None, domain: str | None = None
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            domain=domain,
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )


def _lasts(session: Session) -> int | None:
    """How long the browser keeps a session's cookie, in seconds; None for until it is closed."""
    return None if session.shared else int((session.expires - session.seen).total_seconds())
