"""Who asks, and over what: the client's address from the one configured place, the scheme from `base_url`.

It believes no other header, limits nothing and logs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from flask import request

from portal.config import ClientAddress

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST = 60  # characters; an IPv6 address with its port has 47
_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d+)?")


def read_address(text: str) -> str | None:
    """An IP address in its one canonical form, without the port or zone that some proxies add; None for anything else.

    An IPv4 address written as IPv6 is the IPv4 one: else one client would be two.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if bracketed := _BRACKETED.fullmatch(text):
        text = bracketed[1]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def client_address() -> str:
    """The address this request came from, fit to be printed; "" where there is none."""
    return read_address(request.remote_addr or "") or ""


class Hop:
    """WSGI middleware: sets `REMOTE_ADDR` (absent where nobody can tell) and `wsgi.url_scheme`, and touches no host,
    port or prefix.

    Werkzeug's ProxyFix reads the header as a list with quotes in it: a client that sends one lone `"` swallows the
    entry that the proxy adds, and is then seen under the proxy's own address (T79).
    """

    def __init__(self, app: WSGIApplication, *, place: ClientAddress, scheme: str | None) -> None:
        """`scheme` is None in development without a `base_url`, where the request's own is all there is."""
        self._app = app
        self._header = None if place is ClientAddress.CONNECTION else "HTTP_" + place.value.upper().replace("-", "_")
        self._scheme = scheme

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        said = environ.get(self._header) if self._header else None  # without it nobody stood between: a probe
        address = read_address(said.rpartition(",")[2] if said else environ.get("REMOTE_ADDR") or "")
        if address:
            environ["REMOTE_ADDR"] = address
        else:
            environ.pop("REMOTE_ADDR", None)
        if self._scheme:
            environ["wsgi.url_scheme"] = self._scheme
        return self._app(environ, start_response)
