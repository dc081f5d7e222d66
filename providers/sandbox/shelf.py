"""A thread-safe place for things that expire, each under a random key.

Bounded, so that a long load test can't fill the memory.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

Clock = Callable[[], float]


class Shelf(Generic[T]):
    """Things on one shelf live for `life` seconds, unless put there for another time; the oldest is the first to go."""

    def __init__(self, *, life: float, clock: Clock, prefix: str = "", most: int = 50_000) -> None:
        self._life, self._clock, self._prefix, self._most = life, clock, prefix, most
        self._things: dict[str, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def put(self, thing: T, *, life: float | None = None) -> str:
        key = self._prefix + secrets.token_urlsafe(32)
        with self._lock:
            if len(self._things) >= self._most:
                del self._things[next(iter(self._things))]
            self._things[key] = (self._clock() + (self._life if life is None else life), thing)
        return key

    def get(self, key: str) -> T | None:
        with self._lock:
            return self._alive(self._things.get(key))

    def take(self, key: str) -> T | None:
        """Get it and remove it in one step: of many who ask at once, one gets it."""
        with self._lock:
            return self._alive(self._things.pop(key, None))

    def drop(self, thing: T) -> None:
        """Remove this very thing, under whatever keys."""
        with self._lock:
            for key in [key for key, (_, kept) in self._things.items() if kept is thing]:
                del self._things[key]

    def drop_where(self, is_meant: Callable[[T], bool]) -> None:
        """Remove whatever is meant, under whatever keys."""
        with self._lock:
            for key in [key for key, (_, kept) in self._things.items() if is_meant(kept)]:
                del self._things[key]

    def clear(self) -> None:
        with self._lock:
            self._things.clear()

    def _alive(self, kept: tuple[float, T] | None) -> T | None:
        return kept[1] if kept is not None and self._clock() < kept[0] else None
