"""Addresses of protected pages on other hosts, rebuilt for a redirect to them. It knows no setting and no request."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote, unquote

_ADDRESS = re.compile(r"(https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?)(?:(/[^?]*)?(\?.*)?)?", re.DOTALL)
# Printable ASCII without a space and what a browser would read in its own way: " # < > \
_CHARACTERS = re.compile(r"(?:[!$&-;=?-\[\]-~]|%[0-9A-Fa-f]{2})*")
_KEPT = "/?%!$&()*+,;=:@"  # beside letters, digits and - . _ ~; all else is percent-encoded


def rebuild(raw: str, origins: Collection[str], *, longest: int) -> str | None:
    """The address on one of `origins` (scheme, host and port, as browsers write them) that `raw` names; None for
    every other. Never raises.

    The origin that comes out is one of ours, not the one that was read, and after it stand a path and a query of plain
    characters only (T20). Where the rest is of no such kind, or too long for a cookie, the front page of that origin
    is what is left.
    """
    match = _ADDRESS.fullmatch(raw)
    if match is None:
        return None
    origin = next((each for each in origins if each == match[1]), None)
    if origin is None:
        return None
    path, query = match[2] or "/", match[3] or ""
    if len(raw) > longest or not _CHARACTERS.fullmatch(path + query) or _climbs(path):
        return f"{origin}/"
    rebuilt = origin + quote(path + query, safe=_KEPT)
    return rebuilt if len(rebuilt) <= longest else f"{origin}/"


def _climbs(path: str) -> bool:
    """Whether a browser would make another path of it before it asks."""
    return any(unquote(segment) in {".", ".."} for segment in path.split("/"))
