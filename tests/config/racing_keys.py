"""Run by test_dev_keys: processes want the keys of one folder at the same instant. Prints how often they disagreed."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from portal.config.keys import load_or_make_dev_keys

PROCESSES, ROUNDS = 8, 15


def ours(folder: Path) -> str:
    return repr(load_or_make_dev_keys(folder))


def naive(folder: Path) -> str:
    """Exclusive creation of the file itself: the one who comes second can find it empty."""
    path = folder / "naive.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    time.sleep(0.001)
    os.write(descriptor, b"key-%d" % os.getpid())
    return path.read_text()


def outcomes(load: Callable[[Path], str], folder: Path) -> set[str]:
    """What each of the processes got, that all start when a pipe is closed."""
    (gate, gun), (results, result) = os.pipe(), os.pipe()
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if not child:
            os.close(gun)
            os.read(gate, 1)
            try:
                got = load(folder)
            except Exception as error:  # noqa: BLE001 - a failure is an outcome that agrees with nobody's
                got = f"{error!r} in {os.getpid()}"
            os.write(result, f"{got}\n".encode())
            os._exit(0)
        children.append(child)
    for descriptor in (gate, gun, result):
        os.close(descriptor)
    for child in children:
        os.waitpid(child, 0)
    with open(results) as lines:
        return set(lines)


def slowly(link: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    def slow(draft: Path, path: Path) -> None:
        time.sleep(0.001)
        link(draft, path)

    return slow


if __name__ == "__main__":
    os.link = slowly(os.link)  # type: ignore[assignment]
    chosen = {"ours": ours, "naive": naive}[sys.argv[1]]
    disagreed = 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as fresh:
            disagreed += len(outcomes(chosen, Path(fresh))) > 1
    print(disagreed)
