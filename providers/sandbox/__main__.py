"""`python -m providers.sandbox`: serves the sandbox on this machine with gunicorn, in one process with many threads.

One process, because everything it knows is in memory; many threads, because a hanging answer holds one for 30 s.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Sequence
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from providers.sandbox.app import create_sandbox, is_loopback
from providers.sandbox.clients import issuer_settings
from providers.sandbox.issuer import Issuer


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, listener: socket.socket, redirect_base: str, issuers: Sequence[Issuer]) -> None:
        self._listener, self._redirect_base, self._issuers = listener, redirect_base, issuers
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener.detach()}",  # bound already: gunicorn itself would try a busy port for 5 s
            "worker_class": "gthread",
            "workers": 1,
            "threads": 64,
            "worker_connections": 1024,
            "keepalive": 65,  # longer than any client keeps an idle connection, so that no request meets a closing one
            "graceful_timeout": 1,  # a hanging answer is not worth waiting for
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_sandbox(redirect_base=self._redirect_base, issuers=self._issuers)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 2 and one sentence where it can't or mustn't be started."""
    parser = argparse.ArgumentParser(
        prog="python -m providers.sandbox", description="A stand-in Google, GitHub and Facebook."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8001, help="default: %(default)s")
    parser.add_argument(
        "--redirect-base", default="http://localhost:8000", help="where the portal is (default: %(default)s)"
    )
    parser.add_argument(
        "--issuer",
        action="append",
        default=[],
        metavar="NAME",
        help="a plain OpenID Provider beside them, for the portal's entry of the same name; may be repeated",
    )
    options = parser.parse_args(arguments)
    if not is_loopback(options.host):
        return _fail(
            f"{options.host} is not this machine's own (loopback) address, and the sandbox is for development."
        )
    if not 0 <= options.port <= 65535:
        return _fail(f"{options.port} is no port: ports go from 0 to 65535.")
    try:
        issuers = [Issuer(name=name) for name in options.issuer]
        create_sandbox(redirect_base=options.redirect_base, issuers=issuers)
        listener = socket.create_server((options.host, options.port), backlog=1024)
    except ValueError as error:
        return _fail(str(error))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _fail(f"Port {options.port} is in use: end what listens there, or choose another with --port.")
        return _fail(f"Can't listen on {options.host}, port {options.port}: {error.strerror}.")
    base = f"http://{options.host}:{listener.getsockname()[1]}"
    print(f"The sandbox providers are at {base} (for development only).", flush=True)
    for name in options.issuer:
        settings = "".join(f'  {key} = "{value}"\n' for key, value in issuer_settings(base, name).items())
        print(f"\n  [providers.{name}]\n{settings}", end="", flush=True)
    _Server(listener, options.redirect_base, issuers).run()
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
