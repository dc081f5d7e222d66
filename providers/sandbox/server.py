"""Serves a sandbox from a thread of this process, for tests; from the command line gunicorn does it.

Werkzeug's own server would do, but it closes every connection after one answer, and what a pooled client makes of
a connection that lives on is worth testing.
"""

from __future__ import annotations

import io
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

from flask import Flask

from providers.sandbox.app import Sandbox, create_sandbox
from providers.sandbox.clients import issuer_settings, settings
from providers.sandbox.journal import Line
from providers.sandbox.keyring import KeyRing
from providers.sandbox.openid import part
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.revoking import Revoking


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    base: str  # such as http://127.0.0.1:40321
    app: Flask

    @property
    def requests(self) -> list[Line]:
        return self._sandbox.journal.lines

    @property
    def counts(self) -> dict[str, int]:
        return self._sandbox.journal.counts

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        return settings(self.base)

    def issuer_settings(self, name: str) -> dict[str, str]:
        return issuer_settings(self.base, name)

    def keys(self, name: str) -> KeyRing:
        """The keys of the stand-in with this name, which speaks OpenID Connect."""
        return part(next(standin for standin in self._sandbox.standins if standin.name == name)).keys

    def refreshing(self, name: str) -> Refreshing:
        """How tokens are refreshed at the stand-in with this name: to be set, and read."""
        return next(standin for standin in self._sandbox.standins if standin.name == name).refreshing

    def revoking(self, name: str) -> Revoking:
        """How access is withdrawn at the stand-in with this name: to be set, and read."""
        return next(standin for standin in self._sandbox.standins if standin.name == name).revoking

    def reset(self) -> None:
        self._sandbox.reset()

    @property
    def _sandbox(self) -> Sandbox:
        sandbox: Sandbox = self.app.extensions["sandbox"]
        return sandbox


@contextmanager
def running_sandbox(app: Flask | None = None, **options: Any) -> Iterator[RunningSandbox]:
    """A sandbox on a free loopback port until the block ends; `options` are those of `create_sandbox`."""
    app = app or create_sandbox(**options)
    server = _Server(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True)
    thread.start()
    try:
        yield RunningSandbox(f"http://127.0.0.1:{server.server_address[1]}", app)
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()  # waits for every answer under way, which notices that its client has gone


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app = app
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)  # before its thread starts, so that hang_up misses none
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for line in list(self._open):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(
            sys.exception(), OSError
        ):  # a client that goes away in mid-answer is what many tests are about
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # header and body leave together; apart, they wait for each other (Nagle, delayed ACK): 40 ms
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = self.server.app(self._environ(body), self._start)
        try:
            for chunk in chunks:
                self.wfile.write(chunk)
                self.wfile.flush()
        finally:
            getattr(chunks, "close", lambda: None)()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()  # the client waits for this before it sends its body
        return go_on

    def log_message(self, format: str, *args: Any) -> None:
        """The journal tells tests what came; nothing is printed."""

    def _start(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        return self.wfile.write

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # PEP 3333
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "sandbox.socket": self.connection,
        }
        return environ | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
