"""Who asks: `current_user`, for the portal's pages and an application's alike, loaded once a request and when needed.

It turns nobody away; that is `portal.views.guards`.
"""

from __future__ import annotations

from typing import cast

from flask import Response, after_this_request, has_request_context, request
from werkzeug.local import LocalProxy

from portal.accounts import SignedIn
from portal.errors import StoreError
from portal.logs import incident, log, printable
from portal.parts import parts
from portal.storage.budget import request_budget
from portal.user import CurrentUser, Nobody

_USER = "portal.user"  # in the request's own environment: `g` may outlive a request in somebody's tests


def get_current() -> CurrentUser | Nobody:
    """This request's user. Raises StoreError on the portal's own pages; on an application's, whose page has to answer
    all the same, nobody can be told to be signed in, and `is_unknown` says so."""
    if not has_request_context():
        return Nobody()
    if _USER not in request.environ:
        request.environ[_USER] = _load()
    return cast("CurrentUser | Nobody", request.environ[_USER])


current_user = cast("CurrentUser | Nobody", LocalProxy(get_current))


def load_signed_in() -> SignedIn:
    """The user and session of this request, behind a guard that lets nobody else in."""
    user = get_current()
    assert isinstance(user, CurrentUser)  # noqa: S101 - the guard has looked
    return user.signed_in


def is_portal_s_own() -> bool:
    """Whether this request is for a page of the portal's."""
    return "portal" in request.blueprints


def forget_current() -> None:
    """Nobody is signed in any more, for the rest of this request as well."""
    request.environ[_USER] = Nobody()


def end_here() -> None:
    """End this browser's session, from whatever page of the application. The cookie goes even where the store is out of
    reach, and the log says then that the session did not."""
    here, user = parts(), get_current()
    forget_current()
    after_this_request(here.sessions.forget)
    if isinstance(user, CurrentUser):
        try:
            with request_budget():
                here.accounts.sign_out(user.signed_in)
        except StoreError as error:
            log.error("a session was not ended: incident=%s %s", incident(), printable(error))


def _load() -> CurrentUser | Nobody:
    here = parts()
    if is_portal_s_own():
        return here.sessions.get_user(request) or Nobody()
    after_this_request(_vary)
    try:
        with request_budget():
            return here.sessions.get_user(request) or Nobody()
    except StoreError as error:
        log.warning("nobody knows who asks: incident=%s %s", incident(), printable(error))
        return Nobody(is_unknown=True)


def _vary(response: Response) -> Response:
    """A page that looks at who asks is another for each; a cache in between must know (T74)."""
    response.vary.add("Cookie")
    return response
