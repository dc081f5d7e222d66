"""Makes the record of an access that is to be withdrawn, opens it again, and says when it is tried. It asks nobody.

The token is sealed anew for the record: with its own row the old seal's owner is gone, and nothing readable of a person
who has left may stay behind (T81, T99).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal.crypto import TokenCipher
from portal.errors import SealError
from portal.kept import open_kept
from portal.models import OAuth, Revocation, Token

SHORTEST = timedelta(minutes=1)  # between two tries: longer than any try lasts, so that it is a lease as well
STEP = timedelta(minutes=5)  # the wait after the first try, at most; after each one more it is doubled
LONGEST = timedelta(hours=12)
GIVE_UP = timedelta(days=7)
_KEPT = ("access_token", "refresh_token", "token_type")  # no ID token: it tells of the person, and withdraws nothing
_OVER = {"refused", "deauthorized"}  # of Token.ended: the provider itself has ended it


@dataclass(frozen=True, slots=True)
class Leaving:
    """What is in a record: the token, and whose access it gives."""

    oauth_id: str
    issuer: str
    entry: str  # the configured provider that the token came by
    kept: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is to be done at the provider of an identity that has gone from here. Without a record there is nothing to
    do it with, or no need: `why` is then `not-kept` (the setting), `sealed` (it doesn't open) or `over`."""

    entry: str
    revocation: Revocation | None
    why: str = ""


def revocation_owner(revocation_id: str) -> tuple[str, ...]:
    """Whom a record's sealed value is bound to (T73)."""
    return (Revocation.KIND, revocation_id, "sealed")


def make_farewell(oauth: OAuth, token: Token | None, *, cipher: TokenCipher, now: datetime) -> Farewell:
    """The record for an identity that is being removed, of which the first try is under way."""
    if token is None or token.sealed is None:
        return Farewell(oauth.entry, None, "not-kept")
    if token.ended in _OVER:
        return Farewell(oauth.entry, None, "over")
    try:
        kept = open_kept(cipher, token, oauth.user_id)
    except SealError:
        return Farewell(oauth.entry, None, "sealed")
    if token.spent_at is not None:  # a refresh is under way, or was lost: a second use would end what came of it
        kept.pop("refresh_token", None)
    entry = kept.get("entry", oauth.entry)
    leaving = Leaving(oauth.id, oauth.issuer, entry, kept)
    return Farewell(entry, make_revocation(leaving, cipher=cipher, now=now))


def make_revocation(leaving: Leaving, *, cipher: TokenCipher, now: datetime) -> Revocation:
    """A new record. Its first try begins now, with whoever made it."""
    revocation_id = secrets.token_urlsafe(16)
    return Revocation(
        id=revocation_id, sealed=seal(leaving, revocation_id, cipher=cipher), made=now, due=next_due(1, now), tries=1
    )


def seal(leaving: Leaving, revocation_id: str, *, cipher: TokenCipher) -> bytes:
    """The value of a record: of what is kept, only what can withdraw the access."""
    document = {
        "oauth_id": leaving.oauth_id,
        "issuer": leaving.issuer,
        "entry": leaving.entry,
        "kept": {name: leaving.kept[name] for name in _KEPT if name in leaving.kept},
    }
    return cipher.seal(json.dumps(document).encode(), *revocation_owner(revocation_id))


def open_revocation(revocation: Revocation, cipher: TokenCipher) -> Leaving:
    """What is in a record. Raises SealError."""
    document = json.loads(cipher.unseal(revocation.sealed, *revocation_owner(revocation.id)))
    return Leaving(document["oauth_id"], document["issuer"], document["entry"], document["kept"])


def next_due(tries: int, now: datetime) -> datetime:
    """When the next try may begin, once so many have begun: full jitter over a wait that doubles."""
    most = min(LONGEST, STEP * (1 << min(tries - 1, 20)))
    return now + SHORTEST + most * (secrets.randbelow(1_000_000) / 1_000_000)
