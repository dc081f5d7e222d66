"""`manage.py run --https`: serves the portal over TLS on this machine, for providers that insist on it.

Gunicorn does, as in production and with the same `gunicorn.conf.py`, under a certificate made on the spot.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import Application  # type: ignore[import-untyped]

from portal.app import create_app
from portal.certificate import LocalCertificate
from portal.config import Config


class LocalServer(Application):  # type: ignore[misc]
    """Gunicorn with our context instead of files: its own would read the key anew for each connection."""

    def __init__(self, config: Config, *, bind: str, settings: Path, certificate: LocalCertificate) -> None:
        """`bind` is HOST:PORT, `settings` gunicorn's own, as a file. Raises OSError where `config.instance` can't be
        written: the certificate's public half goes there."""
        self._config, self._bind, self._settings = config, bind, settings
        config.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._public = config.instance / "localhost.crt"
        self._public.write_bytes(certificate.pem)
        self._context = certificate.server_context()  # once: a worker that is started again has the same certificate
        super().__init__()

    def load_config(self) -> None:
        self.load_config_from_file(str(self._settings))
        self.cfg.set("bind", self._bind)
        self.cfg.set("certfile", str(self._public))  # what switches TLS on, and is there for `curl --cacert`
        self.cfg.set("ssl_context", self._give_context)

    def _give_context(self, config: Any, default_ssl_context_factory: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:  # noqa: ARG002 - gunicorn's
        return self._context

    def load(self) -> Any:
        """The application, in each worker."""
        return create_app(self._config)


def introduction(config: Config, certificate: LocalCertificate) -> str:
    """Where the portal is, what to register with each provider, and what the browser will say."""
    uris = [f"{config.origin}/login/{name}/authorized" for name in config.providers]
    register = ["Register with each provider, exactly:", *(f"  {uri}" for uri in uris), ""] if uris else []
    lines = [
        f"Portal on {config.origin}  (Ctrl-C stops it)",
        "",
        *register,
        "The certificate was made just now and nobody vouches for it: your browser will ask once whether to go on.",
        "It is the right one if its SHA-256 fingerprint is",
        f"  {certificate.fingerprint}",
    ]
    return "\n".join(lines)
