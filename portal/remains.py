"""Clears away what a deleted user left: the history, and the sessions that opened nothing any more.

Ten thousand events fit into no commit and into no page's few seconds. So the deletion itself leaves a mark in the same
transaction, and whoever comes first goes on: the page for a moment, then each tick. The mark stays for an hour, because
a request that was under way may still write what it had begun to.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from portal.crypto import digest
from portal.models import Event, Pending, Session
from portal.storage import Delete, Mutation, Store

PURPOSE = "remains"
AT_ONCE = 200  # of each kind; Datastore takes 500 mutations
LATE = timedelta(hours=1)  # far more than any request lasts


def make_mark(user_id: str, now: datetime) -> Pending:
    """The record that says that a user was deleted."""
    key = digest("Remains", user_id)
    return Pending(id=key, purpose=PURPOSE, user_id=user_id, epoch=None, sealed=None, expires=now + LATE)


def clear(store: Store, user_id: str, *, seconds: float) -> bool:
    """Delete what is left of a user who is gone, for so long; whether that was all. Raises StoreError."""
    ends = time.monotonic() + seconds
    while True:
        events = store.list_under(Event, user_id, limit=AT_ONCE)
        sessions = store.list_of(Session, user_id, limit=AT_ONCE)
        named = {event.session_id for event in events if event.session_id} | {session.id for session in sessions}
        if not events and not named:
            return True
        mutations: list[Mutation] = [Delete(event.key) for event in events]
        mutations += [Delete(Session.key_of(each)) for each in sorted(named)]
        store.commit(*mutations)
        if time.monotonic() >= ends:
            return False


def clear_all(store: Store, now: datetime, *, seconds: float) -> int:
    """Go on with every deletion that is not finished, for so long; how many are done with. Raises StoreError."""
    ends = time.monotonic() + seconds
    after, done = None, 0
    while page := store.scan(Pending, after=after, limit=AT_ONCE):
        for mark in page:
            if mark.purpose != PURPOSE or mark.user_id is None:
                continue
            cleared = clear(store, mark.user_id, seconds=ends - time.monotonic())
            if cleared and now >= mark.expires:
                store.commit(Delete(mark.key))
                done += 1
            if time.monotonic() >= ends:
                return done
        after = page[-1].key
    return done
