"""How long a store may keep somebody waiting: every call has a deadline, the calls of one request a budget (T93).

The budget is spent inside store calls alone: a provider that took its time costs the store none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

CALL = 1.9  # seconds, for the whole of a call, so that giving up takes less than two
REQUEST = 3.8  # seconds, for the calls of a request together, so that its page comes within four


@dataclass(slots=True)
class _Budget:
    left: float


_budget: ContextVar[_Budget | None] = ContextVar("portal_store_budget", default=None)


@contextmanager
def request_budget(seconds: float = REQUEST) -> Iterator[None]:
    """Give all store calls of this block, in this thread, so many seconds together."""
    before = _budget.get()
    _budget.set(_Budget(seconds))
    try:
        yield
    finally:
        _budget.set(before)  # not by token: a response that is streamed may end in another context than it began in


@contextmanager
def call_deadline(seconds: float | None = None) -> Iterator[float]:
    """The deadline of one store call, by `time.monotonic`: so many seconds from now, or what the budget has left."""
    begun, budget = monotonic(), _budget.get()
    seconds = CALL if seconds is None else seconds
    try:
        yield begun + (seconds if budget is None else min(seconds, budget.left))
    finally:
        if budget is not None:
            budget.left -= monotonic() - begun
