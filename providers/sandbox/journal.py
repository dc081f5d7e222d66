"""Which requests came in, for tests to read: in this process, or over HTTP."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import NamedTuple


class Line(NamedTuple):
    method: str
    path: str  # without the query, which may hold codes and tokens
    status: int


class Journal:
    """A request is written down once its answer is ready: a slow one late, a hanging one when it ends."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=20_000)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def write(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self._lines.append(Line(method, path, status))
            self._counts[f"{method} {path}"] += 1

    @property
    def lines(self) -> list[Line]:
        """The last 20,000, oldest first."""
        with self._lock:
            return list(self._lines)

    @property
    def counts(self) -> dict[str, int]:
        """How often each `METHOD /path` came."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()
            self._counts.clear()
