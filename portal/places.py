"""Addresses to come back to: the front page, and the page that this request asked for. It redirects nobody."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import request, url_for

from portal.parts import parts
from portal.security import answers_get, next_target


def front_page() -> str:
    """Where "/" leads: the portal's own front page, or that of the application it is embedded in."""
    here = parts()
    if here.owns_app:
        return url_for("portal.home")
    if here.config.home_url:
        return here.config.home_url
    front = quote(request.script_root) + "/"
    return front if answers_get(front) else url_for("portal.home")


def this_page() -> str:
    """The address of this request, with its query. Not rebuilt: that is for whoever goes there."""
    query = request.query_string.decode("ascii", "replace")
    return this_path() + (f"?{query}" if query else "")


def this_path() -> str:
    """The path of this request, as it stands in an address."""
    return quote(request.script_root + request.path)


def page_of_form() -> str:
    """The page that the form of this POST was on: of the same address, or the one that the browser says it came from;
    "/" where neither is a page to go to."""
    target = next_target(this_path())
    host, came_from = _split(request.referrer or "")
    return next_target(came_from) if target == "/" and host == request.host else target


def _split(url: str) -> tuple[str, str]:
    """Host and port, and path with query; both "" for what is no URL."""
    try:
        split = urlsplit(url)
    except ValueError:
        return "", ""
    return split.netloc, split.path + (f"?{split.query}" if split.query else "")
