"""Clears away sessions, and identities waiting for an answer, whose time is over. They were dead, and took up room.

Time alone decides. A row tells it by itself and it never becomes untrue, so no user is looked up, no transaction is
needed and nobody who is signed in can be hit. A session that died earlier, with its user or by its epoch, can't be seen
again either: its idle limit brings it here.

Where a walk begins is drawn by lot, and nothing is remembered from one to the next: no row to write, no two ticks in
each other's way, nothing lost with an instance. Session ids are hashes, so each walk goes over a fair share of them:
one over a tenth of all leaves the same session out forty times running in 15 cases of 1,000.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal import remains
from portal.lifetimes import Lifetimes
from portal.models import Key, Pending, Receipt, Session
from portal.storage import Delete, Store
from portal.storage.budget import CALL, request_budget

PAGE = 200  # rows a look, and deletions a commit; Datastore takes 500
ROWS = 2_000  # of a tick; on Datastore each is a read that costs money
SECONDS = 20.0  # of a tick
GRACE = timedelta(hours=1)  # for an instance whose clock is slow, and which may still see the session

_DIGITS = sorted(f"-_{string.digits}{string.ascii_letters}")  # base64url in the order of its code points


@dataclass(frozen=True, slots=True)
class Swept:
    """How far a walk has come."""

    seen: int = 0
    deleted: int = 0
    share: float = 0.0  # of all sessions, from 0 to 1, as the keys' even spread lets one guess


def tick(store: Store, now: datetime, lifetimes: Lifetimes | None = None) -> Swept:
    """A walk that ends after ROWS or SECONDS, if it hasn't seen all by then. Raises StoreError."""
    ends = time.monotonic() + SECONDS
    swept = Swept()
    with request_budget(SECONDS + CALL):  # a page's few seconds would not do
        clear_pending(store, now)
        clear_receipts(store, now)
        for swept in walk(store, now, lifetimes):
            if swept.seen >= ROWS or time.monotonic() >= ends:
                break
    return swept


def clear_pending(store: Store, now: datetime) -> int:
    """Delete what waited for an answer for too long, at most ROWS of it; how many. Raises StoreError.

    There is never much: whatever waits is used up or over within a quarter of an hour, but for invitations.
    """
    after: Key[Pending] | None = None
    deleted = 0
    while deleted < ROWS and (page := store.scan(Pending, after=after, limit=PAGE)):
        waited = [pending for pending in page if pending.purpose != remains.PURPOSE]  # a deletion's mark isn't for here
        over = [Delete(pending.key) for pending in waited if now >= pending.expires + GRACE]
        if over:
            store.commit(*over)
        deleted += len(over)
        after = page[-1].key
    return deleted


def clear_receipts(store: Store, now: datetime) -> int:
    """Delete what deletions left behind for who asks what became of them, at most ROWS of it; how many. Raises
    StoreError."""
    after: Key[Receipt] | None = None
    seen = deleted = 0
    while seen < ROWS and (page := store.scan(Receipt, after=after, limit=PAGE)):
        over = [Delete(receipt.key) for receipt in page if now >= receipt.expires]
        if over:
            store.commit(*over)
        seen, deleted = seen + len(page), deleted + len(over)
        after = page[-1].key
    return deleted


def walk(store: Store, now: datetime, lifetimes: Lifetimes | None = None) -> Iterator[Swept]:
    """Go over every session once, a page at each step, and delete those that are over. Raises StoreError."""
    lifetimes = lifetimes or Lifetimes()
    start = secrets.token_urlsafe(32)  # formed as a session's id is
    seen = deleted = 0
    for after, last in ((Session.key_of(start), None), (None, start)):
        more = True
        while more:
            found = store.scan(Session, after=after, limit=PAGE)
            page = [session for session in found if last is None or session.id <= last]
            over = [Delete(session.key) for session in page if now >= lifetimes.ends(session) + GRACE]
            if over:
                store.commit(*over)
            seen, deleted = seen + len(page), deleted + len(over)
            more = len(page) == PAGE
            if more:
                after = page[-1].key
                yield Swept(seen, deleted, (place(page[-1].id) - place(start)) % 1)
    yield Swept(seen, deleted, 1.0)


def place(key: str) -> float:
    """Where an id in base64url stands among all that could be, from 0 to 1."""
    place = 0
    for digit in key[:8]:
        place = place * 64 + _DIGITS.index(digit)
    return place / 64**8
