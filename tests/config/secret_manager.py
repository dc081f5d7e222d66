"""A Secret Manager on loopback, over real HTTP, and sessions that reach it by the real one's address."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from requests.adapters import HTTPAdapter

HOST = "https://secretmanager.googleapis.com"


@dataclass
class SecretManager:
    """Secrets by `PROJECT/NAME/VERSION`; an answer of one's own in a secret's place; and what was asked."""

    port: int
    secrets: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bearers: set[str | None] = field(default_factory=set)
    connections: int = 0
    sessions: int = 0
    hanging: threading.Event = field(default_factory=threading.Event)

    def open_session(self) -> requests.Session:
        """As `secret_manager.open_session`, without credentials."""
        self.sessions += 1
        return self.redirect(requests.Session())

    def redirect(self, session: requests.Session) -> requests.Session:
        """Let a session's calls for the real one arrive here."""
        session.mount(HOST, _Elsewhere(f"http://127.0.0.1:{self.port}"))
        return session

    def answer(self, path: str) -> tuple[int, Any]:
        # /v1/projects/PROJECT/secrets/NAME/versions/VERSION:access
        _, v1, _, project, _, name, _, version = path.removesuffix(":access").split("/")
        key = f"{project}/{name}/{version}"
        self.asked.append(key)
        assert v1 == "v1"
        assert path.endswith(":access")
        if key in self.answers:
            return self.answers[key]
        if key not in self.secrets:
            return 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
        return 200, {"name": path, "payload": {"data": base64.b64encode(self.secrets[key].encode()).decode()}}


class _Elsewhere(HTTPAdapter):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = (request.url or "").replace(HOST, self.base)
        return super().send(request, *args, **kwargs)


@contextmanager
def running_secret_manager() -> Iterator[SecretManager]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            manager.connections += 1

        def do_GET(self) -> None:
            manager.bearers.add(self.headers["Authorization"])
            status, answer = manager.answer(self.path)
            if status == 0:
                manager.hanging.wait(10)
                self.close_connection = True
                return
            self._say(status, answer)

        def do_POST(self) -> None:
            """Google's token endpoint, for a service account that signs for itself."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say(200, {"access_token": "a-google-token", "expires_in": 3600, "token_type": "Bearer"})

        def _say(self, status: int, answer: Any) -> None:
            body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        manager = SecretManager(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield manager
        finally:
            manager.hanging.set()
            server.shutdown()
            thread.join()
