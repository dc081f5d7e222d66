"""Goes through the accesses that are still to be withdrawn, and has those tried that are due; `tick` calls it.

Each try is written down before it begins, with the time of the next, so that who is killed in the middle has only
failed, and two ticks never work on one row. It asks no provider itself.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from portal.errors import CommitUnknown, NotFound, SealError
from portal.logs import log
from portal.models import Revocation
from portal.revocation import GIVE_UP, next_due, open_revocation
from portal.revoker import Revoker
from portal.storage import Delete, Transaction, Update
from portal.storage.budget import CALL, request_budget

TRY = 5.0  # seconds for one
PAGE = 200  # rows a look
ROWS = 2_000  # of a tick; on Datastore each is a read that costs money
SECONDS = 20.0  # of a tick


@dataclass(frozen=True, slots=True)
class Retried:
    """What a tick has done."""

    seen: int = 0
    done: int = 0
    failed: int = 0
    given_up: int = 0


def retry_due(revoker: Revoker, *, rows: int = ROWS, seconds: float = SECONDS) -> Retried:
    """Try what is due, until so many rows were seen or so many seconds are over. Raises StoreError."""
    ends, counts, down = time.monotonic() + seconds, Retried(), set[str]()
    with request_budget(seconds + CALL):
        for revocation in _walk(revoker, rows):
            if time.monotonic() >= ends:
                break
            counts = replace(counts, seen=counts.seen + 1)
            if revoker.now() < revocation.due:
                continue
            match _retry(revoker, revocation, down):
                case "":  # somebody else is at it, or its provider is not to be asked again so soon
                    continue
                case "later":
                    counts = replace(counts, failed=counts.failed + 1)
                case "given-up":
                    counts = replace(counts, given_up=counts.given_up + 1)
                case _:
                    counts = replace(counts, done=counts.done + 1)
    return counts


def take(revoker: Revoker, seen: Revocation) -> Revocation | None:
    """The row with its next try begun, and written down; None where another tick was quicker. Raises StoreError."""

    def work(transaction: Transaction) -> Revocation | None:
        (current,) = transaction.look_up(seen.key)
        if current is None or current.tries != seen.tries:
            return None
        taken = replace(current, tries=current.tries + 1, due=next_due(current.tries + 1, revoker.now()))
        transaction.write(Update(taken))
        return taken

    try:
        return revoker.store.transact(work)
    except (CommitUnknown, NotFound):  # taken by us, or nobody knows by whom: its next time comes
        return None


def _retry(revoker: Revoker, revocation: Revocation, down: set[str]) -> str:
    """`down` are the entries that didn't answer in this tick: each call there may last five seconds."""
    entry = _entry_of(revoker, revocation)
    if revoker.now() >= revocation.made + GIVE_UP:
        log.error(
            "access at %s could not be withdrawn in %d days, and is given up after %d tries: the person can still "
            "remove it in their settings there",
            entry or "a provider (its token doesn't open)",
            GIVE_UP.days,
            revocation.tries,
        )
        revoker.store.commit(Delete(revocation.key))
        return "given-up"
    if entry in down or (taken := take(revoker, revocation)) is None:
        return ""
    outcome = revoker.attempt(taken, TRY)
    if outcome == "later":
        down.add(entry)
    return outcome


def _entry_of(revoker: Revoker, revocation: Revocation) -> str:
    """Empty for what doesn't open."""
    try:
        return open_revocation(revocation, revoker.cipher).entry
    except SealError:
        return ""


def _walk(revoker: Revoker, rows: int) -> Iterator[Revocation]:
    """All of them once, from a random place: of more than a tick has time for, each has its turn."""
    start, seen = secrets.token_urlsafe(16), 0
    for after, last in ((Revocation.key_of(start), None), (None, start)):
        while seen < rows and (found := revoker.store.scan(Revocation, after=after, limit=PAGE)):
            page = [each for each in found if last is None or each.id <= last]
            yield from page
            seen += len(page)
            if len(page) < PAGE:
                break
            after = page[-1].key
