"""Serves an application as in production, on gunicorn with threads, and the sandbox beside it, each its own process."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from providers.sandbox import settings

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two files, for `localhost` and the loopback addresses."""

    certificate: Path
    key: Path

    @property
    def options(self) -> list[str]:
        """What makes gunicorn speak https with it."""
        return ["--certfile", str(self.certificate), "--keyfile", str(self.key)]


@dataclass(frozen=True, slots=True)
class Served:
    """Where the application answers, the sandbox it uses, what gunicorn says, and the settings it was given."""

    base: str
    sandbox: str
    log: Path
    environment: dict[str, str] = field(repr=False)


@contextmanager
def served(
    application: str,
    *,
    folder: Path,
    threads: int = 16,
    options: Sequence[str] = (),
    stand_ins: str | None = None,
    certificate: Certificate | None = None,
    **environment: str,
) -> Iterator[Served]:
    """`application` is gunicorn's `module:callable()`; what it and the sandbox write goes into `folder`.

    `stand_ins` is another such callable, to take the sandbox's place, on 127.0.0.2 too; it finds the address of the
    application in REDIRECT_BASE. With a `certificate`, which needs `stand_ins`, both speak https: production.
    """
    portal_port, sandbox_port = _free_ports(2)
    scheme, secure = ("https", certificate.options) if certificate else ("http", [])
    base, sandbox = f"{scheme}://localhost:{portal_port}", f"{scheme}://127.0.0.1:{sandbox_port}"
    # Not what an application in this very process has set for itself: production refuses to start with it (T30).
    ours = ("PORTAL_", "OAUTHLIB_INSECURE_TRANSPORT")
    configured = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    configured |= {
        "PORTAL_BASE_URL": base,
        "PORTAL_STORE": f"sqlite:///{folder}/portal.db",
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(32),
        "PORTAL_TOKEN_KEYS": secrets.token_urlsafe(32),
        "SANDBOX": sandbox,
        "REDIRECT_BASE": base,
        **({"SSL_CERT_FILE": str(certificate.certificate)} if certificate else {}),
        **environment,
    }
    for name, values in settings(sandbox).items():
        configured |= {f"PORTAL_PROVIDERS__{name}__{key}".upper(): value for key, value in values.items()}
    if stand_ins is None:
        sandbox_process = ["-m", "providers.sandbox", "--port", str(sandbox_port), "--redirect-base", base]
    else:
        sandbox_process = _gunicorn(stand_ins, *(f"127.0.0.{last}:{sandbox_port}" for last in (1, 2)), options=secure)
    portal_process = _gunicorn(
        application, f"127.0.0.1:{portal_port}", options=["--threads", str(threads), *secure, *options]
    )
    with ExitStack() as stack:
        for arguments, port in ((sandbox_process, sandbox_port), (portal_process, portal_port)):
            stack.enter_context(_process(arguments, port, scheme, configured, folder))
        yield Served(base, sandbox, _log(folder, portal_port), configured)


def _gunicorn(application: str, *addresses: str, options: Sequence[str]) -> list[str]:
    return ["-m", "gunicorn", application, *(f"--bind={address}" for address in addresses), *options]


@contextmanager
def _process(arguments: list[str], port: int, scheme: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    output = _log(folder, port)
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        ends = time.monotonic() + 20
        while not _answers(port, scheme):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < ends, output.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _log(folder: Path, port: int) -> Path:
    return folder / f"{port}.log"


def _answers(port: int, scheme: str) -> bool:
    """Whether something behind the port speaks HTTP; gunicorn listens long before its worker has come up."""
    if scheme == "https":
        unchecked = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=1, context=unchecked
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/nowhere", headers={"Host": f"localhost:{port}"})
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
