"""Forgets what happened longer ago than the configuration keeps, and what deleted users left.

It walks the Events in key order, from a place drawn by lot, as `portal.sweep` does with sessions. Within a user the
newest come first and an id tells its time, so the walk jumps over what is too young: of a long history it reads one
look and what it deletes, and nothing needs an index on time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from portal import remains
from portal.models import Event, Key
from portal.records import event_ids_before
from portal.storage import Delete, Store
from portal.storage.budget import CALL, request_budget
from portal.sweep import PAGE, Swept, place

KEEP = timedelta(days=400)
ROWS = 1_000  # of a tick; on Datastore each is a read that costs money
SECONDS = 10.0  # of a tick, for each of the two


def tick(store: Store, now: datetime, keep: timedelta = KEEP) -> Swept:
    """Finish deletions, and walk until ROWS or SECONDS are over, if it hasn't seen all by then. Raises StoreError."""
    swept = Swept()
    with request_budget(2 * (SECONDS + CALL)):
        remains.clear_all(store, now, seconds=SECONDS)
        ends = time.monotonic() + SECONDS
        for swept in walk(store, now, keep):
            if swept.seen >= ROWS or time.monotonic() >= ends:
                break
    return swept


def walk(store: Store, now: datetime, keep: timedelta = KEEP) -> Iterator[Swept]:
    """Go over everybody's history once, a look at each step, and delete what is too old. Raises StoreError."""
    start = secrets.token_urlsafe(16)  # formed as a user's id is
    until = now - keep
    seen = deleted = 0
    after: Key[Event] | None
    for after, last in ((Event.key_of(start, "0"), None), (None, start)):
        more = True
        while more:
            found = store.scan(Event, after=after, limit=PAGE)
            page = [event for event in found if last is None or event.user_id < last]
            old = [Delete(event.key) for event in page if event.when < until]
            if old:
                store.commit(*old)
            seen, deleted = seen + len(page), deleted + len(old)
            more = len(page) == PAGE
            if more:
                end = page[-1]
                after = end.key if end.when < until else Event.key_of(end.user_id, event_ids_before(until))
                yield Swept(seen, deleted, (place(end.user_id) - place(start)) % 1)
    yield Swept(seen, deleted, 1.0)
