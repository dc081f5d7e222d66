"""Real proxies, set up as docs/forward-auth.md says, in front of a small program that shows which headers it got."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from tests.pages import Page
from tests.serving import ROOT

DOCUMENT = ROOT / "docs" / "forward-auth.md"


def documented(language: str) -> str:
    """The one block of that language in the document."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return block


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# The program that is protected.


@dataclass
class Program:
    """Answers every request with what it got, as JSON, and remembers it."""

    port: int
    seen: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def running_program() -> Iterator[Program]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            got = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body}
            program.seen.append(got)
            answer = json.dumps(got).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_HEAD = do_POST = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        program = Program(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield program
        finally:
            server.shutdown()
            thread.join()


# The proxies.


@dataclass(frozen=True)
class Proxy:
    """A proxy's program, its documented configuration, and how that is moved to loopback ports without TLS.

    `drops` finds the lines that keep a browser's own `X-Portal-` headers out, for the negative control.
    """

    name: str
    moves: Callable[[str, int], list[tuple[str, str]]]
    wrap: Callable[[str, Path], str]
    command: Callable[[Path], list[str]]
    drops: re.Pattern[str]
    closed: int  # what people get where the portal is down

    @property
    def program(self) -> str | None:
        return shutil.which(self.name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")

    @contextmanager
    def running(self, folder: Path, *, at: int, portal: int, program: int, careless: bool = False) -> Iterator[str]:
        """The address that it answers at. `careless` leaves out the lines that drop headers."""
        text = documented(self.name)
        if careless:
            text, left_out = self.drops.subn("", text)
            assert left_out
        for found, put in [
            *self.moves(text, at),
            ("127.0.0.1:8000", f"127.0.0.1:{portal}"),
            ("127.0.0.1:9000", f"127.0.0.1:{program}"),
        ]:
            assert found in text, f"{DOCUMENT.name} has no {found!r} for {self.name} any more"
            text = text.replace(found, put)
        folder.mkdir()
        (folder / "configuration").write_text(self.wrap(text, folder), encoding="utf-8")
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [str(self.program), *self.command(folder)],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "XDG_DATA_HOME": str(folder),
                    "XDG_CONFIG_HOME": str(folder),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for(at, process, folder / "output")
            yield f"http://localhost:{at}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    ends = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, _said(output)
            assert time.monotonic() < ends, _said(output)
            time.sleep(0.02)


def _said(output: Path) -> str:
    return "\n".join(file.read_text() for file in (output, output.with_name("error")) if file.exists())


def _move_nginx(text: str, port: int) -> list[tuple[str, str]]:
    certificates = re.findall(r"^ *ssl_certificate.*\n", text, re.MULTILINE)
    moves = [("listen 443 ssl", f"listen 127.0.0.1:{port}"), ("server_name app.example.com", "server_name localhost")]
    return moves + [(line, "") for line in certificates]


def _wrap_nginx(text: str, folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""  # else its workers could not write below a folder of root's
    return f"{user}\ndaemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{places}\n{text}}}\n"


def _move_caddy(_: str, port: int) -> list[tuple[str, str]]:
    return [("app.example.com {", f"http://localhost:{port} {{\n\tbind 127.0.0.1")]


def _wrap_caddy(text: str, _: Path) -> str:
    return f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}"


NGINX = Proxy(
    name="nginx",
    moves=_move_nginx,
    wrap=_wrap_nginx,
    command=lambda folder: ["-p", str(folder), "-c", str(folder / "configuration"), "-e", str(folder / "error")],
    drops=re.compile(r"^ *proxy_set_header X-Portal-.*\n", re.MULTILINE),
    closed=500,
)
CADDY = Proxy(
    name="caddy",
    moves=_move_caddy,
    wrap=_wrap_caddy,
    command=lambda folder: ["run", "--config", str(folder / "configuration"), "--adapter", "caddyfile"],
    drops=re.compile(r"^\s*request_header -.*\n", re.MULTILINE),
    closed=502,
)


# Somebody with a browser.


class Visitor:
    """A browser as far as this goes: cookies by host whatever the port, redirects, forms sent as browsers send them."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False

    def opens(self, url: str, **headers: str) -> requests.Response:
        """A page, wherever the redirects lead."""
        return self.http.get(url, headers={"Sec-Fetch-Mode": "navigate", **headers}, timeout=30)

    def asks(self, url: str, *, method: str = "GET", data: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """One request, without following where it leads."""
        return self.http.request(method, url, data=data, headers=headers, allow_redirects=False, timeout=30)

    def presses(self, page: requests.Response, action: str, **fields: str) -> requests.Response:
        """A button of the open page."""
        form = Page(page.text).form(action)
        at = page.url.partition("/")[2].partition("/")[2].partition("/")[0]
        data = form.fields | fields
        origin = {"Origin": f"http://{at}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
        return self.http.post(requests.compat.urljoin(page.url, action), data=data, headers=origin, timeout=30)

    def signs_in(self, page: requests.Response, provider: str, as_: str = "ada") -> requests.Response:
        """From the portal's sign-in page to wherever that leads."""
        chooser = self.presses(page, f"/login/{provider}")
        (form,) = (form for form in Page(chooser.text).forms if form.fields.get("request"))
        data = {"request": form.fields["request"], "person": as_}
        answer = self.http.post(chooser.url.partition("?")[0], data=data, timeout=30)
        return self.presses(answer, "/welcome") if "/welcome" in answer.url else answer
