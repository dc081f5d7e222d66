"""Which rows hold a sealed value, and whom each is sealed for. A new kind is one entry and one case here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, assert_never

from portal.canary import canary_owner
from portal.crypto import TokenCipher
from portal.errors import SealError
from portal.kept import token_owner
from portal.models import Canary, Key, OAuth, Pending, Revocation, Token
from portal.pending import pending_owner
from portal.revocation import revocation_owner
from portal.storage import Reader, Store

Sealed: TypeAlias = Token | Pending | Revocation | Canary
SEALED: tuple[type[Any], ...] = (Token, Pending, Revocation, Canary)  # in the order of a walk
PAGE = 200  # rows a look


def walk(store: Store, kind: type[Any]) -> Iterator[list[Any]]:
    """The rows of a kind in key order, page by page. Raises StoreError."""
    after = None
    while page := store.scan(kind, after=after, limit=PAGE):
        yield page
        after = page[-1].key


def with_owners(reader: Reader, records: Sequence[Sealed]) -> Iterator[tuple[Sealed, bytes, tuple[str, ...]]]:
    """Those that hold a sealed value, each with it and its owner. Asks, in one round trip, whose the Tokens are; one
    whose OAuth is gone belongs to nobody any more and is left out."""
    oauths = [OAuth.key_of(record.oauth_id) for record in records if isinstance(record, Token) and record.sealed]
    return _owned(records, reader.list_at(oauths) if oauths else [])


def read(reader: Reader, keys: Iterable[Key[Any]]) -> Iterator[tuple[Sealed, bytes, tuple[str, ...]]]:
    """The same of the rows that are at these keys now, in one round trip."""
    keys = list(keys)
    found = reader.list_at([*keys, *(OAuth.key_of(key.path[0]) for key in keys if key.kind is Token)])
    oauths = [record for record in found if isinstance(record, OAuth)]
    return _owned([record for record in found if not isinstance(record, OAuth)], oauths)


def why_shut(cipher: TokenCipher, sealed: bytes, owner: tuple[str, ...]) -> str | None:
    """In one word why a value doesn't open, as in SealError; None if it does."""
    try:
        cipher.unseal(sealed, *owner)
    except SealError as error:
        return error.reason
    return None


def _owned(records: Iterable[Sealed], oauths: list[OAuth]) -> Iterator[tuple[Sealed, bytes, tuple[str, ...]]]:
    users = {oauth.id: oauth.user_id for oauth in oauths}
    for record in records:
        if record.sealed is None:
            continue
        match record:
            case Token() if record.oauth_id in users:
                yield record, record.sealed, token_owner(record.oauth_id, users[record.oauth_id], record.version)
            case Token():
                continue
            case Pending():
                yield record, record.sealed, pending_owner(record.id)
            case Revocation():
                yield record, record.sealed, revocation_owner(record.id)
            case Canary():
                yield record, record.sealed, canary_owner()
            case _:
                assert_never(record)
