"""Notices that the token keys are not those of the store, at its first use in a process. It refuses nobody anything.

One row, the canary, holds a known value under the store's keys. The first look-up of a process brings it along, so that
no request pays for it; nothing is asked at import or start, for the store may be down then (T76).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, TypeVar

from portal.crypto import TokenCipher, key_id
from portal.errors import AlreadyExists, PortalError, SealError
from portal.logs import log
from portal.models import Canary, Key
from portal.storage import Found, Insert, Mutation, Store, Transaction

A = TypeVar("A")
T = TypeVar("T")

CANARY = Canary.key_of("token_keys")
TRY_AGAIN = 30.0  # seconds, where the canary couldn't be written: not with each page that a store can still read
_KNOWN = b"tweet"
_OWNER = (Canary.KIND, "token_keys", "sealed")


def make_canary(cipher: TokenCipher) -> Canary:
    """The row, under the key that seals."""
    return Canary(id="token_keys", sealed=cipher.seal(_KNOWN, *canary_owner()))


def canary_owner() -> tuple[str, ...]:
    """Whom its value is bound to."""
    return _OWNER


def fits(canary: Canary, cipher: TokenCipher) -> bool:
    """Whether the ring opens it."""
    try:
        return cipher.unseal(canary.sealed, *_OWNER) == _KNOWN
    except SealError:
        return False


class WatchedStore:
    """A store that does as the one below, and whose first look-up tells whether the keys fit it."""

    def __init__(self, store: Store, cipher: TokenCipher, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._cipher = cipher
        self._clock = clock
        self._judging = Lock()
        self._fits: bool | None = None  # None: not known yet
        self._not_before = 0.0  # of the next try to write the canary

    def look_up(self, *keys: Key[Any]) -> Found:
        if self._fits is not None:
            return self._store.look_up(*keys)
        look_up: Callable[..., Found] = self._store.look_up
        *found, canary = look_up(*keys, CANARY)
        self._judge(canary)
        return tuple(found)

    def keys_fit(self) -> bool:
        """Whether the keys are the store's, as far as anybody knows; where they were not, the store is asked anew.

        Raises StoreError.
        """
        for _ in ("as found", "as another process wrote it first"):
            if self._fits is not True:
                self._judge(self._store.look_up(CANARY)[0])
            if self._fits is not None:
                break
        return self._fits is not False

    def list_at(self, keys: Iterable[Key[A]], /) -> list[A]:
        asked: list[Key[Any]] = list(keys)
        if self._fits is not None or not asked:
            return self._store.list_at(asked)
        found = self._store.list_at([*asked, CANARY])
        canary = found.pop() if found and found[-1].key == CANARY else None
        self._judge(canary)
        return found

    def list_of(self, kind: type[A], user_id: str, *, limit: int) -> list[A]:
        return self._store.list_of(kind, user_id, limit=limit)

    def list_under(self, kind: type[A], user_id: str, *, after: Key[A] | None = None, limit: int) -> list[A]:
        return self._store.list_under(kind, user_id, after=after, limit=limit)

    def commit(self, *mutations: Mutation) -> None:
        self._store.commit(*mutations)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self._store.transact(work)

    def scan(self, kind: type[A], *, after: Key[A] | None = None, limit: int = 100) -> list[A]:
        return self._store.scan(kind, after=after, limit=limit)

    def check(self) -> None:
        self._store.check()

    def close(self) -> None:
        self._store.close()

    def _judge(self, canary: Canary | None) -> None:
        if not self._judging.acquire(blocking=False):
            return  # of many at once one writes, and one tells
        try:
            before = self._fits
            if canary is not None:
                self._fits = fits(canary, self._cipher)
            elif before is not True:
                self._put()
        finally:
            self._judging.release()
        if canary is not None and before is None and not self._fits:
            log.critical(
                "token_keys are not the keys of this store: its canary names the key %s, and the ring has %s. People "
                "can sign in, but tokens kept so far can't be used. Write that key into token_keys (portal.toml or "
                "PORTAL_TOKEN_KEYS), after the first; if it is lost for good: manage.py keys rotate --lost",
                key_id(canary.sealed) or "(none: it was altered)",
                ", ".join(self._cipher.key_ids),
            )
        if before is False and self._fits:
            log.warning("token_keys are the keys of this store now")

    def _put(self) -> None:
        """Insert the canary. What fails is left to a later look-up: no request may fail for it."""
        if self._clock() < self._not_before:
            return
        try:
            self._store.commit(Insert(make_canary(self._cipher)))
            self._fits = True
        except AlreadyExists:  # another process was first: the next look-up reads what it wrote
            pass
        except PortalError:
            self._not_before = self._clock() + TRY_AGAIN
