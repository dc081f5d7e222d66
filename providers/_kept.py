"""Keeps documents of other people's servers for this process: each as long as it allows, fetched by one thread at a
time. It doesn't know what is in them, nor how they are fetched."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Generic, TypeAlias, TypeVar

from providers._faults import Call, Fault, ProviderError

V = TypeVar("V")
Fetch: TypeAlias = Callable[[], tuple[V, float]]  # a document, and for how many seconds it may be kept

LIFE: Final = (5 * 60, 24 * 60 * 60)  # seconds a document is kept: at least, at most
FAILURE_LIFE: Final = 1  # seconds: long enough for those who waited for the same call, short enough to try again
PATIENCE: Final = 5  # seconds to wait for another thread's call
COOL_DOWN: Final = 60  # seconds after a renewal in which there is no other


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    outcome: V | ProviderError
    until: float


class Kept(Generic[V]):
    """The documents of one sort, by their names. A failure is kept, too, for a moment."""

    def __init__(self, call: Call, clock: Callable[[], float] = time.monotonic) -> None:
        self._call: Call = call
        self._clock = clock
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        self._entries: dict[str, _Entry[V]] = {}
        self._rests: dict[str, float] = {}  # until when a document isn't renewed

    def load(self, name: str, fetch: Fetch[V]) -> V:
        """The document. Raises ProviderError, the same one to all who waited for the call that failed."""
        if (kept := self._get(name)) is not None:
            return kept
        with _held(self._guard(name), self._call):
            kept = self._get(name)
            return self._fetch(name, fetch) if kept is None else kept

    def renew(self, name: str, seen: V, fetch: Fetch[V]) -> V:
        """A newer document than `seen`, which lacks something; `seen` itself while the last renewal is too recent.

        Where the call fails, what is kept stays: one odd answer must not take their documents from all others.
        """
        with _held(self._guard(name), self._call):
            entry = self._entries.get(name)
            if entry and entry.outcome is not seen and entry.until > self._clock():
                kept = self._get(name)  # another thread was quicker
                return seen if kept is None else kept
            if self._clock() < self._rests.get(name, float("-inf")):
                return seen
            rest: float = FAILURE_LIFE
            try:
                document, seconds = fetch()
                rest = COOL_DOWN
            finally:
                self._rests[name] = self._clock() + rest
            self._entries[name] = _Entry(document, self._clock() + seconds)
            return document

    def forget(self, name: str | None = None) -> None:
        """Drop what is kept under a name, or everything; for tests."""
        for kept in (self._entries, self._rests):
            if name is None:
                kept.clear()
            else:
                kept.pop(name, None)

    def _get(self, name: str) -> V | None:
        entry = self._entries.get(name)
        if entry is None or entry.until <= self._clock():
            return None
        if isinstance(entry.outcome, ProviderError):  # a new one each time: a traceback belongs to one thread
            error = entry.outcome
            raise ProviderError(error.fault, error.call, error.detail, status=error.status)
        return entry.outcome

    def _fetch(self, name: str, fetch: Fetch[V]) -> V:
        try:
            document, seconds = fetch()
        except ProviderError as error:
            self._entries[name] = _Entry(error, self._clock() + FAILURE_LIFE)
            raise
        self._entries[name] = _Entry(document, self._clock() + seconds)
        return document

    def _guard(self, name: str) -> threading.Lock:
        with self._lock:
            return self._fetching.setdefault(name, threading.Lock())


@contextmanager
def _held(lock: threading.Lock, call: Call) -> Iterator[None]:
    if not lock.acquire(timeout=PATIENCE):
        raise ProviderError(Fault.SLOW, call, "another call for the same document is under way")
    try:
        yield
    finally:
        lock.release()


def life(headers: Mapping[str, str]) -> float:
    """For how many seconds an answer may be kept (RFC 9111, section 4.2), within LIFE. `headers` know no case."""
    said = headers.get("Cache-Control", "").lower()
    shortest, longest = LIFE
    if re.search(r"\bno-(store|cache)\b", said):
        return shortest
    if found := re.search(r"(?<![\w-])max-age=\"?([0-9]{1,9})", said):
        age = re.fullmatch(r"[0-9]{1,9}", headers.get("Age", "").strip())  # in the caches on the way here
        seconds = float(found[1]) - (float(age[0]) if age else 0)
    else:
        seconds = _until(headers)
    return min(max(seconds, shortest), longest)


def _until(headers: Mapping[str, str]) -> float:
    try:
        expires, date = (parsedate_to_datetime(headers[name]) for name in ("Expires", "Date"))
        return (expires - date).total_seconds()
    except (KeyError, TypeError, ValueError, OverflowError):  # absent, not a date, or one of them without a zone
        return 0
