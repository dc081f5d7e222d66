"""Google's own Datastore emulator, started for the tests, or the one that `DATASTORE_EMULATOR_HOST` names.

It refuses the queries that production would refuse, and behaves as the databases that are made today.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).parents[1]
JAR = Path("platform/cloud-datastore-emulator/CloudDatastore.jar")
SDKS = ["/usr/lib/google-cloud-sdk", "/opt/google-cloud-sdk", "/usr/share/google-cloud-sdk", "~/google-cloud-sdk"]
MISSING = (
    "no Datastore emulator: install java and `gcloud components install cloud-datastore-emulator` (Debian's package: "
    "google-cloud-cli-datastore-emulator), or name a running one in DATASTORE_EMULATOR_HOST"
)
OPTIONS = [
    "--host=127.0.0.1",
    "--store_on_disk=False",
    "--consistency=1.0",
    "--require_indexes",
    "--firestore_in_datastore_mode",  # without it, 25 root entities a commit are the most, as before 2021
]
PATIENCE = 30.0  # seconds


class NoEmulator(Exception):
    """This machine lacks what it takes; says what to install."""


class Emulator:
    """An emulator that is ours alone, empty at every start, always at the same `host`, written `127.0.0.1:PORT`."""

    def __init__(self, indexes: Path = ROOT / "index.yaml") -> None:
        java, jar = shutil.which("java"), find_jar()
        if java is None or jar is None:
            raise NoEmulator(MISSING)
        port = _free_port()
        main = "com.google.cloud.datastore.emulator.CloudDatastore"
        self.host = f"127.0.0.1:{port}"
        # Compiling less saves the two cores of a small machine more than it costs: the runs are short.
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self._command = [java, *quick, "-cp", jar, main, "start", f"--port={port}", f"--index_file={indexes}", *OPTIONS]
        self._command.append(tempfile.gettempdir())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, f"the emulator ended: {self._command}"
            assert time.monotonic() < ends, "the emulator doesn't answer"
            time.sleep(0.05)

    def freeze(self) -> None:
        """From now on it takes connections and answers nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Nobody listens any more, and what was stored is gone."""
        self._running.kill()
        self._running.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _answers(self) -> bool:
        try:
            with build_opener(ProxyHandler({})).open(f"http://{self.host}/", timeout=5) as answer:
                return bool(answer.read().strip() == b"Ok")
        except OSError:
            return False


@contextmanager
def running_emulator(indexes: Path = ROOT / "index.yaml") -> Iterator[Emulator]:
    """An emulator for as long as the block runs, with the indexes that a file lists. Raises NoEmulator."""
    emulator = Emulator(indexes)
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.end()


def find_jar() -> str | None:
    """Where the Cloud SDK of this machine has its emulator. Not asked of gcloud itself, which takes seconds."""
    gcloud = shutil.which("gcloud")
    roots = [os.environ.get("CLOUDSDK_ROOT_DIR"), gcloud and Path(gcloud).resolve().parents[1], *SDKS]
    jars = [Path(root).expanduser() / JAR for root in roots if root]
    return next((str(jar) for jar in jars if jar.is_file()), None)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
