"""Seals everything anew with the first of the token keys, beside live traffic. It knows no command line.

It remembers nothing: what is under the first key already is passed by, so that who was killed begins again and is soon
where they were. Rows are sealed anew a few at a time, in a read-write transaction that reads them first; whoever signs
in or refreshes meanwhile is therefore before it, and read, or after it, and wins. Nothing but `sealed` changes, and not
the version: nobody who compares versions takes it for a newer token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.canary import CANARY, fits, make_canary
from portal.census import Shut, share_at
from portal.crypto import TokenCipher, key_id
from portal.errors import AlreadyExists, CommitUnknown, Contended, NotFound, SealError
from portal.models import Key
from portal.seals import SEALED, read, walk
from portal.storage import Insert, Mutation, Store, Transaction, Update

BATCH = 25  # rows a transaction: some milliseconds in which a sign-in of one of these people waits
LONGEST_PAUSE = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Rotated:
    """How far a rotation has come."""

    resealed: int = 0
    overtaken: int = 0  # rows that others were writing at every try; most likely they are under the first key now
    shut: tuple[Shut, ...] = ()  # left as they are
    share: float = 0.0

    def __add__(self, other: Rotated) -> Rotated:
        return Rotated(
            self.resealed + other.resealed, self.overtaken + other.overtaken, self.shut + other.shut, other.share
        )


def claim(store: Store, cipher: TokenCipher, *, lost: bool = False) -> bool:
    """Whether the keys are the store's; a store without a canary is given one. Raises StoreError.

    `lost` says that the key it was sealed with will not come back: the store is given a new canary then.
    """
    (canary,) = store.look_up(CANARY)
    if canary is None:
        try:
            store.commit(Insert(make_canary(cipher)))
        except AlreadyExists:
            return claim(store, cipher, lost=lost)
        return True
    if not fits(canary, cipher):
        if lost:
            store.commit(Update(make_canary(cipher)))
        return lost
    return True


def rotate(store: Store, cipher: TokenCipher, *, sleep: Callable[[float], object] = time.sleep) -> Iterator[Rotated]:
    """Go over all that is sealed, in key order, and seal what is under another key than the first with that.

    Raises StoreError; what was done until then stays done.
    """
    done = Rotated()
    for kind in SEALED:
        for page in walk(store, kind):
            stale = [record.key for record in page if record.sealed and not _is_newest(cipher, record.sealed)]
            for first in range(0, len(stale), BATCH):
                begun = time.monotonic()
                done += _reseal(store, cipher, stale[first : first + BATCH])
                # SQLite serves waiting processes in no order: without a pause some would not have a turn.
                sleep(min(LONGEST_PAUSE, time.monotonic() - begun))
            done = replace(done, share=share_at(page[-1].key))
            yield done
    yield replace(done, share=1.0)


def _reseal(store: Store, cipher: TokenCipher, keys: Sequence[Key[Any]]) -> Rotated:
    def work(transaction: Transaction) -> Rotated:
        mutations: list[Mutation] = []
        shut: list[Shut] = []
        for record, sealed, owner in read(transaction, keys):
            if _is_newest(cipher, sealed):
                continue
            try:
                mutations.append(Update(replace(record, sealed=cipher.seal(cipher.unseal(sealed, *owner), *owner))))
            except SealError as error:
                shut.append(Shut(record.KIND, record.key.path[0], error.reason))
        transaction.write(*mutations)
        return Rotated(len(mutations), shut=tuple(shut))

    try:
        return store.transact(work)
    except (Contended, CommitUnknown, NotFound):  # written by others, or nobody can say: each by itself then
        if len(keys) == 1:
            return Rotated(overtaken=1)
    done = Rotated()
    for key in keys:
        done += _reseal(store, cipher, [key])
    return done


def _is_newest(cipher: TokenCipher, sealed: bytes) -> bool:
    return key_id(sealed) == cipher.key_ids[0]
