"""What people have allowed at one stand-in: requests being looked at, codes, access tokens and refresh tokens.

Holds the rules of RFC 6749 and RFC 7636 that are the same everywhere; how a refusal is worded is each stand-in's own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum

from providers.sandbox.people import Person
from providers.sandbox.shelf import Clock, Shelf
from providers.sandbox.troubles import Call, Trouble

MINUTES = 60.0
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 §4.1


@dataclass(frozen=True, slots=True)
class Ask:
    """An authorisation request that has been checked. `scopes` are in the provider's own spelling, sorted."""

    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str
    nonce: str | None
    offline: bool
    anew: bool = False  # the person must sign in at the provider now, whenever they did last
    consent: bool = False  # the person must be asked for their consent once more


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person allowed, and the trouble that was ordered with it."""

    ask: Ask
    person: Person
    scopes: frozenset[str]
    trouble: Trouble
    at: Call
    misbehaviour: str = ""
    signed_in: int = 0  # when, at the provider: seconds since 1970

    def trouble_at(self, call: Call) -> Trouble:
        return self.trouble if self.at is call else Trouble.NONE


@dataclass(frozen=True, slots=True)
class Code:
    """A grant on its way to a token. Of all who try to take the `turn`, without waiting, one gets it."""

    grant: Grant
    turn: threading.Lock = field(default_factory=threading.Lock)


class CodeFault(StrEnum):
    """Why a code is not exchanged."""

    UNKNOWN = "unknown"  # never issued, or older than ten minutes
    USED = "used"
    REDIRECT = "redirect"  # RFC 6749 §4.1.3
    VERIFIER = "verifier"  # RFC 7636 §4.6


class Grants:
    """One stand-in's memory. `life` is the access token's, in seconds."""

    def __init__(self, *, prefix: str, life: float, clock: Clock) -> None:
        self.asks: Shelf[Ask] = Shelf(life=10 * MINUTES, clock=clock)
        self.codes: Shelf[Code] = Shelf(life=10 * MINUTES, clock=clock)
        self.tokens: Shelf[Grant] = Shelf(life=life, clock=clock, prefix=prefix)
        self.refresh_tokens: Shelf[Grant] = Shelf(life=180 * 24 * 60 * MINUTES, clock=clock, prefix="1//")
        self.clock = clock

    def redeem(self, code: str, *, redirect_uri: str, verifier: str) -> Grant | CodeFault:
        """Exchange a code, once: a try with a wrong verifier or redirect URI uses it up, too."""
        found = self.codes.get(code)
        if found is None:
            return CodeFault.UNKNOWN
        if not found.turn.acquire(blocking=False):
            return CodeFault.USED
        grant = found.grant
        if redirect_uri != grant.ask.redirect_uri:
            return CodeFault.REDIRECT
        if not proves(verifier, grant.ask.challenge):
            return CodeFault.VERIFIER
        return grant

    def person_of(self, token: str) -> Person | None:
        """Who granted this access or refresh token; None where nobody knows it (any more)."""
        grant = self.tokens.get(token) or self.refresh_tokens.get(token)
        return None if grant is None else grant.person

    def end_all_of(self, person: Person) -> None:
        """Nothing that this person ever granted opens anything any more."""
        for shelf in (self.tokens, self.refresh_tokens):
            shelf.drop_where(lambda grant: grant.person == person)

    def end(self, grant: Grant) -> None:
        """Nothing that came of this grant opens anything any more."""
        self.tokens.drop(grant)
        self.refresh_tokens.drop(grant)

    def clear(self) -> None:
        for shelf in (self.asks, self.codes, self.tokens, self.refresh_tokens):
            shelf.clear()


def proves(verifier: str, challenge: str) -> bool:
    """RFC 7636 §4.6, S256."""
    if VERIFIER.fullmatch(verifier) is None:
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), challenge.encode())
