"""Runs `manage.py run --https` as an admin does, in a process of its own."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    base: str
    port: int
    said: str
    process: subprocess.Popen[str]
    certificate: str  # PEM, as it was presented; nothing has vouched for it yet

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate)).hexdigest().upper()
        return ":".join(re.findall("..", digest))


@contextmanager
def serving(folder: Path, port: int, **environment: str) -> Iterator[Server]:
    """Until the block ends; its database and temporary files go into `folder`."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PORTAL_")}
    settings = {"PORTAL_STORE": f"sqlite:///{folder}/portal.db", "TMPDIR": str(folder), **environment}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run", "--https", "--port", str(port)],
        cwd=ROOT,
        env=inherited | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        said = ""
        while "Booting worker" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        certificate = ssl.get_server_certificate(("localhost", port), timeout=20)
        yield Server(f"https://localhost:{port}", port, said, process, certificate)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_variables(providers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The settings of provider entries, as the environment has them."""
    return {
        f"PORTAL_PROVIDERS__{name}__{key}".upper(): value
        for name, values in providers.items()
        for key, value in values.items()
    }
