"""`/auth`: what a proxy asks before it lets a request through to somebody else's application.

One look-up for who has a pass, none for strangers, and no cookie in the answer: a proxy would keep it to itself.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers

from portal.accounts import SignedIn
from portal.errors import StoreError
from portal.logs import incident, log
from portal.parts import parts
from portal.security import next_target
from portal.views.errors import RETRY_AFTER
from portal.views.health import say

_PLAIN = "!#$&'*+/=?^_`|~.-@"  # what plain addresses are made of, and no header or list ends at


def auth() -> ResponseReturnValue:
    """200 with the person in `X-Portal-...` headers, or 401; with `?redirect=1`, the way to the sign-in page instead
    where the browser asked for a page."""
    here = parts()
    try:
        browser = here.sessions.get_pass(request)
        signed_in = here.accounts.get_signed_in(browser) if browser else None
    except StoreError as error:  # one line: whoever reads it is on another host, where our pages have no stylesheet
        log.error("stopped: store-down (503) at /auth incident=%s %s", incident(), type(error).__name__)
        answer = say(f"Nobody can be let in just now; try again in a moment. ({incident()})", 503)
        answer.headers["Retry-After"] = str(RETRY_AFTER)
        return answer
    if signed_in is not None:
        return _let_in(signed_in)
    if not request.args.get("redirect") or here.config.origin is None:
        return say("Not signed in.", 401)
    if not _asks_for_a_page(request.headers):  # what was sent would be lost on the way to the provider and back
        where = here.config.origin + url_for("portal.login")
        words = f"You are not signed in. Nothing of what you sent was passed on. Sign in at {where} in another tab"
        return say(f"{words}, then send it again.", 401)
    login = url_for("portal.login", next=_asked(request.headers))
    return redirect(f"{here.config.origin}{login}", 303)


def _let_in(signed_in: SignedIn) -> Response:
    """Made of the rows alone: whatever the request says of itself under these names is not looked at."""
    answer = say("Signed in.")
    answer.headers["X-Portal-User"] = signed_in.user.id
    if signed_in.user.name:
        answer.headers["X-Portal-Name"] = quote(signed_in.user.name, safe="")
    if signed_in.session.email:
        answer.headers["X-Portal-Email"] = quote(signed_in.session.email, safe=_PLAIN)
    return answer


def _asks_for_a_page(headers: Headers) -> bool:
    """Whether the request that the proxy holds back can be made again by going there: a GET, and no script's."""
    method = headers.get("X-Forwarded-Method", "GET").upper()
    return method in {"GET", "HEAD"} and headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _asked(headers: Headers) -> str | None:
    """The page that was asked for, as the proxy says; None where it is on no host of the list.

    Anybody can write these headers; they decide about nothing but this, and are rebuilt as every `next` is.
    """
    scheme, host, rest = (headers.get(f"X-Forwarded-{name}", "") for name in ("Proto", "Host", "Uri"))
    target = next_target(f"{scheme}://{host.lower()}{rest}")
    return target if target != "/" else None
