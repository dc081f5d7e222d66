"""Reads what happened: a user's own history a page at a time, and everybody's since a time. It writes nothing.

The ids of a user's Events fall as time rises, so key order is newest first and no index on time is needed. A page
begins after a key, so the five-hundredth costs what the first does; with an offset the store would read all it skips.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from portal.models import Event, Key
from portal.records import event_ids_before
from portal.storage import Store

SHOWN = 20  # of a page
AT_ONCE = 200  # rows a look of a walk

_ID = re.compile(r"[0-9a-f]{20}")
_AFTER_ALL = "~"  # in key order after every id


@dataclass(frozen=True, slots=True)
class Page:
    """A part of one user's history, newest first; `older` is the cursor of the next part, None where there is none."""

    events: tuple[Event, ...]
    older: str | None


class History:
    """What happened, over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, user_id: str, cursor: str = "", *, limit: int = SHOWN) -> Page:
        """The part of a user's history that begins after a cursor, in one round trip; from the newest on for "", and
        for whatever is no cursor. One of somebody else's history is a place in one's own. Raises StoreError."""
        after = Event.key_of(user_id, cursor) if _ID.fullmatch(cursor) else None
        found = self._store.list_under(Event, user_id, after=after, limit=limit + 1)
        events = tuple(found[:limit])
        return Page(events, events[-1].id if len(found) > limit else None)

    def walk(self, user_id: str, *, before: datetime | None = None) -> Iterator[Event]:
        """All of a user's history, newest first; with `before` only what is older than that. Raises StoreError."""
        after = Event.key_of(user_id, event_ids_before(before)) if before else None
        while found := self._store.list_under(Event, user_id, after=after, limit=AT_ONCE):
            yield from found
            if len(found) < AT_ONCE:
                return
            after = found[-1].key

    def everybody(self, since: datetime | None = None) -> Iterator[list[Event]]:
        """What happened to anybody since a time, user by user, a look at each step. What is older is jumped over: each
        user costs one row of it at most. Raises StoreError."""
        after: Key[Event] | None = None
        while found := self._store.scan(Event, after=after, limit=AT_ONCE):
            yield [event for event in found if since is None or event.when >= since]
            if len(found) < AT_ONCE:
                return
            last = found[-1]
            is_old = since is not None and last.when < since
            after = Event.key_of(last.user_id, _AFTER_ALL) if is_old else last.key
