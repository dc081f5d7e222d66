"""Serves an application as in production, on gunicorn with threads, and the sandbox beside it, each its own process."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from providers.sandbox import settings

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Served:
    """Where the application answers, the sandbox it uses, and what gunicorn says."""

    base: str
    sandbox: str
    log: Path


@contextmanager
def served(
    application: str, *, folder: Path, threads: int = 16, options: Sequence[str] = (), **environment: str
) -> Iterator[Served]:
    """`application` is gunicorn's `module:callable()`; what it and the sandbox write goes into `folder`."""
    portal_port, sandbox_port = _free_ports(2)
    base, sandbox = f"http://localhost:{portal_port}", f"http://127.0.0.1:{sandbox_port}"
    configured = {key: value for key, value in os.environ.items() if not key.startswith("PORTAL_")}
    configured |= {
        "PORTAL_BASE_URL": base,
        "PORTAL_STORE": f"sqlite:///{folder}/portal.db",
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(32),
        "PORTAL_TOKEN_KEYS": secrets.token_urlsafe(32),
        "SANDBOX": sandbox,
        **environment,
    }
    for name, values in settings(sandbox).items():
        configured |= {f"PORTAL_PROVIDERS__{name}__{key}".upper(): value for key, value in values.items()}
    stand_ins = ["-m", "providers.sandbox", "--port", str(sandbox_port), "--redirect-base", base]
    gunicorn = [
        "-m",
        "gunicorn",
        application,
        "--bind",
        f"127.0.0.1:{portal_port}",
        "--threads",
        str(threads),
        *options,
    ]
    with ExitStack() as stack:
        for arguments, port in ((stand_ins, sandbox_port), (gunicorn, portal_port)):
            stack.enter_context(_process(arguments, port, configured, folder))
        yield Served(base, sandbox, _log(folder, portal_port))


@contextmanager
def _process(arguments: list[str], port: int, environment: dict[str, str], folder: Path) -> Iterator[None]:
    output = _log(folder, port)
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        ends = time.monotonic() + 20
        while not _answers(port):
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


def _answers(port: int) -> bool:
    """Whether something behind the port speaks HTTP; gunicorn listens long before its worker has come up."""
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
