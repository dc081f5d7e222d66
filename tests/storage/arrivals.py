"""Identities that come back from a flow, for tests that drive `Accounts` without a browser."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from portal.accounts import Accounts, Browser, Intent, SignedIn
from portal.crypto import TokenCipher
from portal.linking import Policy
from portal.models import Email, Event, OAuth, Session, Token, User
from portal.records import Arrival, Seat
from portal.storage import Store
from providers.base import EmailTrust, Identity

KINDS = (User, OAuth, Token, Session, Email, Event)


def make_accounts(store: Store, **how: Any) -> Accounts:
    return Accounts(store, TokenCipher([bytes(32)]), **how)


def make_identity(
    subject: str = "583231", *, issuer: str = "https://github.com/login/oauth", email: str | None = None
) -> Identity:
    address = email or f"{subject}@example.org"
    return Identity(issuer, subject, "Ada", "ada", address, EmailTrust.VERIFIED, "https://example.org/ada.png")


def arrive(
    identity: Identity | None = None, *, browser: Browser | None = None, entry: str = "github"
) -> tuple[Arrival, Seat, Intent, Browser | None]:
    """One callback, of a browser that may be signed in already, where nobody is asked whether they are new: what
    `Accounts.arrive` takes."""
    arrival = Arrival(
        identity=identity or make_identity(),
        entry=entry,
        token={"access_token": "gho_secret", "token_type": "bearer"},
        expires=None,
        scopes=("read:user", "user:email"),
    )
    seat = Seat(secrets.token_urlsafe(32), secrets.token_urlsafe(32), "Firefox on Linux")
    return arrival, seat, Intent(policy=Policy.SEPARATE), browser


def browser_of(signed_in: SignedIn) -> Browser:
    return Browser(signed_in.user.id, signed_in.session.id)


def count_rows(store: Store) -> dict[str, int]:
    """How many rows there are of each kind, counted page by page: there may be more than one call has time for."""
    return {kind.KIND: sum(len(page) for page in _pages(store, kind)) for kind in KINDS}


def _pages(store: Store, kind: Any) -> Iterator[list[Any]]:
    after = None
    while page := store.scan(kind, after=after, limit=200):
        yield page
        after = page[-1].key
