"""`/avatar/<id>`: somebody's picture from the portal's own memory, or their initials, so that no page calls a provider.

Whoever has a signed id may see the picture: it was shown to them. Nothing tells them more than the picture; an id that
is not ours, and one of an account that is gone, are both a drawing of nobody (T42).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from flask import Response, request
from flask.typing import ResponseReturnValue
from markupsafe import escape

from portal import security
from portal.errors import StoreError
from portal.models import User
from portal.parts import parts
from portal.pictures import Picture, Source

SECONDS = 3600  # that a browser shows a picture without asking again
SVG = "image/svg+xml"
GREY = "#5c6370"
COLOURS = ("#2f5bd0", "#7a3fb0", "#a8336b", "#a63f17", "#1f6f4a", "#0f6a80", "#6b5a10", "#4a4fb5")  # 4.5:1 under white


def avatar(avatar_id: str) -> ResponseReturnValue:
    """The picture, or the initials in its place. An id that nobody signed costs no look-up."""
    here = parts()
    user_id = here.avatar_ids.read(avatar_id)
    try:
        user = here.accounts.get_active(user_id) if user_id else None
        picture = here.pictures.get((user.id, *user.oauths), lambda: _sources(user)) if user else None
    except StoreError:
        response = _answer(draw(None), None)
        response.status_code = 503  # a browser shows the drawing all the same
        response.headers["Retry-After"] = "10"
        return response
    return _answer(draw(user), picture)


def add_headers(response: Response, *, https: bool) -> Response:
    """Whatever the bytes are, they are an image to the browser and nothing else, and only on this site's pages (T25).

    A picture is for one hour this browser's own; initials are asked for again, since a name or a picture may have come.
    """
    security.add_headers(response, https=https, starts_dance=False)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'"
    )
    response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    response.headers["Content-Disposition"] = "inline; filename=avatar"
    lasts = response.status_code in {200, 304} and response.mimetype != SVG
    response.headers["Cache-Control"] = f"private, max-age={SECONDS}" if lasts else "private, no-cache"
    response.vary.discard("Cookie")  # it is the same for everybody
    return response


def draw(user: User | None) -> bytes:
    """The initials on a colour that stays the user's, as SVG; "?" for nobody, and for who has no name."""
    letters = "".join(_initials((user.name if user else None) or "")) or "?"
    colour = COLOURS[hashlib.sha256(user.id.encode()).digest()[0] % len(COLOURS)] if user else GREY
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">'
        f'<rect width="96" height="96" fill="{colour}"/>'
        '<text x="48" y="50" fill="#fff" font-family="system-ui, sans-serif" font-size="38" font-weight="600" '
        f'text-anchor="middle" dominant-baseline="central">{escape(letters)}</text></svg>'
    ).encode()


def _initials(name: str) -> Iterator[str]:
    """The first letter of the first word and of the last. What is no letter or digit, an emoji's half included, is
    passed over."""
    words = [letters for word in name.split() if (letters := [c for c in word if c.isalnum()])]
    for word in (words[:1] + words[1:][-1:]) if words else ():
        yield word[0].upper()[0]  # "ß" would be two


def _sources(user: User) -> Iterator[Source]:
    """Where the user's pictures are, of the identity used last first: some providers' addresses end after weeks."""
    here = parts()
    identities = sorted(here.accounts.list_identities(user), key=lambda each: each.token.used, reverse=True)
    for identity in identities:
        provider = here.providers.get(identity.oauth.entry)
        if provider is not None and identity.token.avatar:
            yield Source(identity.token.avatar, provider)


def _answer(drawing: bytes, picture: Picture | None) -> Response:
    if picture is not None:
        response = Response(picture.content, content_type=picture.media_type)
        response.set_etag(picture.etag)
    else:
        response = Response(drawing, content_type=f"{SVG}; charset=utf-8")
        response.set_etag(hashlib.sha256(drawing).hexdigest()[:32])
    response.make_conditional(request)
    return response
