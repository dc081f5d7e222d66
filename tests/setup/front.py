"""A portal behind something: serves any WSGI application on a loopback port, and plays what proxies do to one."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from providers.sandbox.server import _Server

_REDIRECT_URI = re.compile(r"redirect_uri=https?%3A%2F%2F[^%]+(%3A\d+)?")


class Front:
    """What is served. The application may be put behind it once its port is known."""

    def __init__(self) -> None:
        self.app: Any = Response("nobody yet", 503)
        self.port = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Front]:
    """Until the block ends; by https with a context."""
    front = Front()
    server = _Server(front)
    front.port = server.server_address[1]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()


def changed(app: Any, change: Callable[[Response], object]) -> Any:
    """The application with its answers changed."""

    def wrapped(environ: Any, start_response: Any) -> Any:
        response = Client(app, Response, use_cookies=False).open(Request(environ))
        change(response)
        return response(environ, start_response)

    return wrapped


def without_cookies(app: Any) -> Any:
    return changed(app, lambda response: response.headers.pop("Set-Cookie", None))


def with_cookies_of_its_own(app: Any) -> Any:
    """Takes `Secure` away, as one that thinks that it is on plain http."""

    def change(response: Response) -> None:
        cookies = response.headers.getlist("Set-Cookie")
        response.headers.setlist("Set-Cookie", [cookie.replace("Secure; ", "") for cookie in cookies])

    return changed(app, change)


def naming_itself(app: Any) -> Any:
    return changed(app, lambda response: response.headers.set("Via", "1.1 proxy"))


def deaf_to_cookies(app: Any) -> Any:
    def wrapped(environ: Any, start_response: Any) -> Any:
        environ.pop("HTTP_COOKIE", None)
        return app(environ, start_response)

    return wrapped


def rewriting_redirect_uris(app: Any) -> Any:
    """As of a portal that was started with another base_url."""

    def change(response: Response) -> None:
        if location := response.headers.get("Location"):
            other = re.sub(
                r"redirect_uri=https?%3A%2F%2F[^%]+(%3A\d+)?", "redirect_uri=http%3A%2F%2Fold.example", location
            )
            response.headers["Location"] = other

    return changed(app, change)
