"""Looks at many things at once, and waits for none beyond a common end. It doesn't know what they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from portal.setup.findings import Finding, problem

Look: TypeAlias = Callable[[], list[Finding]]


def look_at_all(looks: Mapping[str, Look], *, seconds: float) -> list[Finding]:
    """What all of them found, in their order. One that fails, or hasn't ended by then, is a finding of its own."""
    ends = time.monotonic() + seconds
    found: dict[str, list[Finding]] = {}
    threads = {
        # Daemons: a name server that never answers knows no deadline, and must not keep the command from ending.
        name: threading.Thread(target=partial(_look, name, look, found), name=f"check {name}", daemon=True)
        for name, look in looks.items()
    }
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, ends - time.monotonic()))
    late = f"took longer than {seconds:.0f} s, and was given up"
    return [finding for name in looks for finding in found.get(name) or [problem(name, late)]]


def _look(name: str, look: Look, found: dict[str, list[Finding]]) -> None:
    try:
        found[name] = look()
    except Exception as error:  # noqa: BLE001 - the others' results must be told all the same
        # Only its name: the text of what nobody foresaw may quote a secret (T70).
        found[name] = [problem(name, f"could not be looked at: {type(error).__name__}; please report it as a bug")]
