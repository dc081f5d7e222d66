"""Fills a store with any number of people, each with the records that `Accounts` itself makes at a first sign-in.

It measures nothing.
"""

from __future__ import annotations

import random
import secrets
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from portal.accounts import Accounts, Browser, Intent, SignedIn
from portal.crypto import TokenCipher
from portal.errors import AlreadyExists, StoreError
from portal.models import Key
from portal.records import Arrival, Seat
from portal.storage import Insert, Store
from providers.base import EmailTrust, Identity

CIPHER = TokenCipher([bytes(32)])
TRIES = 20  # an emulator that clears its memory answers nothing for seconds


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who can come back: their number at the provider, and the browser they signed in with."""

    number: int
    browser: Browser


def fill(store: Store, people: int, *, known: int, batch: int, threads: int) -> list[Known]:
    """Sign up persons 0 to `people`, `batch` to a commit; gives so many of them, drawn evenly, in no order."""
    lot = random.Random(20)
    wanted = set(lot.sample(range(people), min(known, people)))
    met: list[Known] = []
    notes = _Notes()
    accounts = Accounts(notes, CIPHER)
    with ThreadPoolExecutor(threads) as pool:
        under_way: set[Future[None]] = set()
        for number in range(people):
            signed_in = accounts.arrive(*arrive(number))
            if number in wanted and isinstance(signed_in, SignedIn):
                met.append(Known(number, Browser(signed_in.user.id, signed_in.session.id)))
            if (number + 1) % batch == 0 or number + 1 == people:
                under_way.add(pool.submit(_put, store, notes.take()))
            if len(under_way) > threads:  # or all of them would wait in memory
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for each in done:
                    each.result()
        for each in under_way:
            each.result()
    lot.shuffle(met)
    return met


def _put(store: Store, batch: list[Insert]) -> None:
    for attempt in range(TRIES):
        try:
            store.commit(*batch)
        except AlreadyExists:
            if attempt == 0:
                raise
        except StoreError:  # it may have been written all the same
            if attempt + 1 == TRIES:
                raise
            continue
        return


class _Notes:
    """A store in which nobody is, that keeps no record but the list of what it was to write."""

    def __init__(self) -> None:
        self._inserts: list[Insert] = []

    def look_up(self, *keys: Key[Any]) -> tuple[None, ...]:
        return (None,) * len(keys)

    def commit(self, *inserts: Insert) -> None:
        self._inserts += inserts

    def take(self) -> list[Insert]:
        taken, self._inserts = self._inserts, []
        # In key order, for SQLite reads and writes each page of its trees once then.
        return sorted(taken, key=lambda insert: (insert.record.KIND, insert.record.key.path))


def arrive(number: int, browser: Browser | None = None) -> tuple[Arrival, Seat, Intent, Browser | None]:
    """Person `number` comes back from GitHub, with as much as people have there: what `Accounts.arrive` takes."""
    identity = Identity(
        issuer="https://github.com/login/oauth",
        subject=str(number),
        name=f"Person Number {number}",
        login=f"person-{number}",
        email=f"person-{number}@example.org",
        email_trust=EmailTrust.VERIFIED,
        avatar=f"https://avatars.example.org/u/{number}?v=4",
    )
    token = {"access_token": f"gho_{secrets.token_hex(18)}", "token_type": "bearer"}
    arrival = Arrival(identity=identity, entry="github", token=token, expires=None, scopes=("read:user", "user:email"))
    seat = Seat(secrets.token_urlsafe(32), secrets.token_urlsafe(32), "Firefox on Linux")
    return arrival, seat, Intent(), browser
