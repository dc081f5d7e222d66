"""Renews ahead of time what can't be renewed once it has expired: Facebook's tokens, before their sixtieth day.

All others are refreshed when somebody needs them. Like the sweep it goes over the rows from a random place, so far as
one tick lasts, and remembers nothing: there are twelve days in which a token may be found.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from portal.errors import Reconnect, TryAgain
from portal.models import OAuth, Token
from portal.refresh import Refresher
from portal.storage.budget import CALL, request_budget

PAGE = 200  # rows a look
ROWS = 2_000  # of a tick; on Datastore each is a read that costs money
SECONDS = 20.0  # of a tick
LONG_LIVED = timedelta(days=1)  # a shorter life is over before a tick would find it


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a walk has done."""

    seen: int = 0
    renewed: int = 0
    failed: int = 0  # for the moment, or for good: the log says which


def renew_due(refresher: Refresher, *, rows: int = ROWS, seconds: float = SECONDS) -> Renewed:
    """Renew what is due, until so many rows were seen or so many seconds are over. Raises StoreError."""
    ends = time.monotonic() + seconds
    seen = renewed = failed = 0
    if all(provider.renews_expired for provider in refresher.tokens.providers.values()):
        return Renewed()
    with request_budget(seconds + CALL):
        for page in _pages(refresher):
            for token, oauth in _candidates(refresher, page):
                if time.monotonic() >= ends:
                    return Renewed(seen, renewed, failed)
                try:
                    live = refresher.get(oauth.id, oauth.user_id)
                    renewed += live.token.version > token.version
                except (TryAgain, Reconnect):
                    failed += 1
            seen += len(page)
            if seen >= rows or time.monotonic() >= ends:
                break
    return Renewed(seen, renewed, failed)


def _pages(refresher: Refresher) -> Iterator[list[Token]]:
    store, start = refresher.tokens.store, secrets.token_urlsafe(32)  # formed as an OAuth's id is
    for after, last in ((Token.key_of(start), None), (None, start)):
        while found := store.scan(Token, after=after, limit=PAGE):
            page = [token for token in found if last is None or token.oauth_id <= last]
            if page:
                yield page
            if len(page) < PAGE:
                break
            after = page[-1].key


def _candidates(refresher: Refresher, page: list[Token]) -> Iterator[tuple[Token, OAuth]]:
    """Those of a page that nothing but a tick would renew in time. Whose they are is asked for these alone."""
    now = refresher.tokens.now()
    old = {
        token.oauth_id: token
        for token in page
        if token.sealed is not None and token.ended is None and token.expires is not None and now < token.expires
        if token.renewed is not None and token.expires - token.renewed > LONG_LIVED
    }
    for oauth in refresher.tokens.store.list_at([OAuth.key_of(each) for each in old]):
        token = old[oauth.id]
        for provider in refresher.tokens.providers.values():
            if provider.issuer == oauth.issuer and not provider.renews_expired and token.expires and token.renewed:
                if now >= provider.due_at(token.renewed, token.expires):
                    yield token, oauth
                break
