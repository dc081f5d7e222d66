"""Counts what is sealed with which key, and finds what doesn't open. It reads, and changes nothing."""

from __future__ import annotations

import string
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from portal.crypto import TokenCipher, key_id
from portal.models import Key
from portal.seals import SEALED, Sealed, read, walk, why_shut, with_owners
from portal.storage import Store

_DIGITS = sorted(f"-_{string.digits}{string.ascii_letters}")  # base64url in the order of its code points


@dataclass(frozen=True, slots=True)
class Shut:
    """A value that doesn't open: where it is, and in one word why (as in SealError). Never what is in it."""

    kind: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Census:
    """How far a count has come: values by (key id, kind), "" where none is named, and what doesn't open."""

    values: Mapping[tuple[str, str], int] = field(default_factory=Counter)
    shut: tuple[Shut, ...] = ()
    share: float = 0.0  # of all rows, from 0 to 1, as the keys' even spread lets one guess

    def under(self, key: str) -> int:
        """How many values name a key."""
        return sum(count for (named, _), count in self.values.items() if named == key)


def count(store: Store, cipher: TokenCipher) -> Iterator[Census]:
    """Go over all that is sealed, in key order, a page at each step. Raises StoreError."""
    values: Counter[tuple[str, str]] = Counter()
    shut: list[Shut] = []
    for kind in SEALED:
        for page in walk(store, kind):
            for record, sealed, owner in with_owners(store, page):
                values[key_id(sealed) or "", record.KIND] += 1
                if why_shut(cipher, sealed, owner) and (still := _shut_now(store, cipher, record)):
                    shut.append(still)
            yield Census(Counter(values), tuple(shut), share_at(page[-1].key))
    yield Census(values, tuple(shut), 1.0)


def share_at(key: Key[Sealed]) -> float:
    """How much of a whole walk is done at a key. The kinds after the first are few rows, and count for nothing."""
    if key.kind is not SEALED[0]:
        return 1.0
    place = 0.0
    for digit in reversed(key.path[0][:8]):
        place = (place + min(63, bisect_left(_DIGITS, digit))) / 64
    return place


def _shut_now(store: Store, cipher: TokenCipher, record: Sealed) -> Shut | None:
    """Row and owner were read one after the other, and somebody may have written in between: both at once decide."""
    for now, sealed, owner in read(store, [record.key]):
        if reason := why_shut(cipher, sealed, owner):
            return Shut(now.KIND, now.key.path[0], reason)
    return None
