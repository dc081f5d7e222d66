"""The web edge: headers of our pages, where a person may be sent next, and whether a POST came from our own page."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from flask import Request, Response, current_app, g, request, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect
from wtforms import ValidationError

from portal.errors import Outcome, Stop
from portal.protected import rebuild

View = TypeVar("View", bound=Callable[..., Any])

CSRF_KEY = "portal_csrf"  # in Flask's session; an application's own Flask-WTF token lives beside it
CSRF_LIFETIME = 86_400  # seconds; a sign-in page left open overnight is no attack
LONGEST_NEXT = 400
LARGEST_BODY = 64 * 1024  # bytes; our forms need less than one (T27)
LONGEST_QUERY = 8 * 1024  # bytes; a callback with the longest code there is needs a third of it
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
_QUERY_CHARACTERS = re.compile(r"[A-Za-z0-9._~%+=&:@!,*()/-]*")


def may_be_next(view: View) -> View:
    """Mark a view of ours that a sign-in may end on: of the portal's pages no other is accepted as `next` (T22)."""
    view.may_be_next = True  # type: ignore[attr-defined]
    return view


def next_target(raw: object) -> str:
    """A page of this application to go on to, by its path with whatever prefix the application is mounted under, or an
    address on a host that `[forward_auth]` lists, rebuilt from its parts; "/" for whatever is neither. Never raises.

    What comes out is made of our own characters only, so no reading of URLs can see another site in it (T20, T21).
    """
    if isinstance(raw, str) and raw.startswith(("https://", "http://")):  # a protected page elsewhere, or nothing
        return rebuild(raw, _protected_origins(), longest=LONGEST_NEXT) or "/"
    if not isinstance(raw, str) or not 0 < len(raw) <= LONGEST_NEXT:
        return "/"
    path, _, query = raw.partition("?")
    path = _rebuilt_path(path)
    if not path or not _QUERY_CHARACTERS.fullmatch(query) or not answers_get(path):
        return "/"
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        return "/"
    rebuilt = path + ("?" + urlencode(pairs, quote_via=quote) if pairs else "")
    return rebuilt if len(rebuilt) <= LONGEST_NEXT else "/"  # quoting makes it longer, and a cookie must hold it (T64)


def _rebuilt_path(raw: str) -> str:
    """The path segment by segment, each decoded, looked at and encoded anew; "" for one that can't be."""
    first, *segments = raw.split("/")
    if first or not segments:
        return ""
    *inner, last = segments
    if not all(map(_is_plain, inner)) or not (last == "" or _is_plain(last)):
        return ""
    return "".join("/" + quote(unquote(segment), safe="") for segment in segments)


def _is_plain(segment: str) -> bool:
    """Whether a segment is text, and can be nothing but the name of one step: no server and no browser splits it."""
    if not _SEGMENT.fullmatch(segment):
        return False
    try:
        name = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return False
    return name not in {".", ".."} and name.isprintable() and not set(name) & set("/\\")


def answers_get(path: str) -> bool:
    """Whether a sign-in may end on this path: a marked page of ours, or any page of the application that embeds us."""
    root = quote(request.script_root)
    if not path.startswith(root + "/"):
        return False
    rules = current_app.url_map
    adapter = rules.bind(request.host) if rules.host_matching else rules.bind("localhost")
    try:
        endpoint, _ = adapter.match(unquote(path[len(root) :]), method="GET")
    except (HTTPException, RequestRedirect):
        return False
    view = current_app.view_functions.get(endpoint)  # an endpoint may have no view
    if getattr(view, "may_be_next", False):
        return True
    embeds_us = not getattr(current_app.extensions.get("portal"), "owns_app", True)
    return view is not None and embeds_us and endpoint.partition(".")[0] != "portal"


def _protected_origins() -> Collection[str]:
    portal = current_app.extensions.get("portal")  # the Parts, which stand above this module
    return portal.config.protected_origins if portal else ()


def limit_request() -> None:
    """Refuse what is larger than anything of ours, before it is parsed, whatever the server or the application allows
    (T27). Raises RequestEntityTooLarge, and lets the form raise it."""
    if len(request.query_string) > LONGEST_QUERY:
        raise RequestEntityTooLarge
    allowed = request.max_content_length
    request.max_content_length = LARGEST_BODY if allowed is None else min(allowed, LARGEST_BODY)


def make_csrf_token(keys: Iterable[str]) -> str:
    """The token for this browser's forms, the same all through a request. The first key signs."""
    token: str = generate_csrf(secret_key=_oldest_first(keys), token_key=CSRF_KEY)
    return token


def check_post(keys: Iterable[str], origin: str | None) -> None:
    """Let a POST pass only with its browser's CSRF token and from our own page. Raises Stop.

    `Sec-Fetch-Site` decides where sent, else `Origin`, else the token alone: what an attacker's page sends can lack
    none of the first two in a browser of today (T02, T03, T53).
    """
    site, sent_origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = sent_origin is None or sent_origin == (origin or request.host_url.rstrip("/"))
    if not ours:
        raise Stop(Outcome.CROSS_SITE, detail=f"Sec-Fetch-Site {site!r}, Origin {sent_origin!r}"[:200])
    try:
        validate_csrf(request.form.get("csrf_token"), _oldest_first(keys), time_limit=CSRF_LIFETIME, token_key=CSRF_KEY)
    except ValidationError as error:
        raise Stop(Outcome.FORM_EXPIRED, next=next_target(request.form.get("next")), detail=str(error)) from None


def forget_before_sign_in(*, everything: bool) -> None:
    """Drop what was in Flask's session before a sign-in: all of it, or our keys where it is another's (T52)."""
    if everything:
        session.clear()
    else:
        session.pop(CSRF_KEY, None)
    g.pop(CSRF_KEY, None)


def add_headers(response: Response, *, https: bool, starts_dance: bool) -> Response:
    """The headers of a page of ours, whatever its status (T19, T24, T25, T74). `https` promises it for a year: not
    on localhost, where browsers would hold every other port to it."""
    # `form-action` is enforced across redirects: on a page that starts a dance it would silently block a provider
    # that redirects on to a host nobody can list (T26).
    form_action = "" if starts_dance else "; form-action 'self'"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'" + form_action
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"  # `no-referrer` would make Chromium send `Origin: null`
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if _is_static(request) and response.status_code < 400:  # its address carries a fingerprint of its content
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response


def _is_static(asked: Request) -> bool:
    return (asked.endpoint or "").endswith(".static")


def _oldest_first(keys: Iterable[str]) -> list[str]:
    return list(keys)[::-1]  # itsdangerous signs with the last of a list


def origin_of(url: str) -> str:
    """Scheme, host and port of an absolute URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
