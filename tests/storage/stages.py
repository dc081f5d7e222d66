"""Stages for races: who reads, who waits and who writes is decided here and not by luck. No wait is without an end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Barrier, Event, Thread

PATIENCE = 30.0  # seconds after which a test has failed rather than hung


def nothing() -> None:
    """The pause of those who don't pause."""


class Running:
    """Something that runs in a thread of its own; whatever it raises is kept."""

    def __init__(self, what: Callable[[], object]) -> None:
        self._what = what
        self.outcome: object = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._what()
        except Exception as error:  # noqa: BLE001 - an outcome like any other
            self.outcome = error

    def ends_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def outcome_at_end(self) -> object:
        assert self.ends_within(PATIENCE), "it hangs"
        return self.outcome


Pause = Callable[[], None]


def one_in_the_middle_of_the_other(
    first: Callable[[Pause], object], second: Callable[[], object], *, waits_after: float
) -> tuple[object, object]:
    """Let `first` read and pause, `second` run to its end or wait (for `waits_after` seconds), `first` go on.

    `first` is given the pause, to call between reading and writing; only its first call pauses, so that a transaction
    that is run again isn't held up again.
    """
    has_read, may_write = Event(), Event()

    def pause() -> None:
        has_read.set()
        assert may_write.wait(PATIENCE)

    one = Running(lambda: first(pause))
    assert has_read.wait(PATIENCE), one.outcome
    other = Running(second)
    other.ends_within(waits_after)
    may_write.set()
    return one.outcome_at_end(), other.outcome_at_end()


def all_at_once(what: Callable[[int], object], *, threads: int) -> list[object]:
    """What each of the threads, which start together, gives back or raises."""
    barrier = Barrier(threads)

    def start(number: int) -> object:
        barrier.wait(PATIENCE)
        return what(number)

    return [each.outcome_at_end() for each in [Running(partial(start, number)) for number in range(threads)]]


@contextmanager
def threads_that_change_often() -> Iterator[None]:
    """Python changes from thread to thread every 10 µs instead of every 5 ms; hidden races show themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
