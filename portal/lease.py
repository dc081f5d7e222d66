"""Who refreshes a token: one holder at a time, by a lease in the token's own row. It asks no provider, opens no seal.

Each step is one short transaction on that row, and none is open while a provider is asked (T80). A step is taken only
if the row still carries the holder's lease: whoever signed in meanwhile wrote a row without one, and wins.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from portal.errors import CommitUnknown, Contended, StoreError
from portal.models import Key, Token
from portal.storage import Store, Transaction, Update

LEASE = timedelta(seconds=6)  # longer than the provider's five seconds, and not much


class Leases:
    """The leases on the tokens of a store."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def take(self, seen: Token) -> Token | None:
        """The row with a lease of one's own, if nobody holds one and nothing has changed since it was `seen`.

        None is no error: somebody was quicker, and the row is to be read again. Raises StoreError.
        """
        now = self._now()
        ours = secrets.token_urlsafe(16)

        def change(current: Token) -> Token | None:
            if replace(current, sealed=seen.sealed) != seen or self.is_held(current):  # a rotation is nothing newer
                return None
            return replace(current, lease=ours, lease_until=now + LEASE)

        with suppress(Contended):
            return self._change(seen.key, change, applied=lambda current: current.lease == ours)
        return None

    def is_held(self, token: Token) -> bool:
        """Whether somebody is refreshing it, as far as the row tells."""
        return token.lease is not None and token.lease_until is not None and self._now() < token.lease_until

    def mark_spent(self, held: Token) -> Token | None:
        """Write down, right before it is sent, that a refresh token that works only once is used: whoever finds the
        mark of a holder who is gone can't use it again. None if the lease is lost. Raises StoreError."""
        now = self._now()
        return self._change(
            held.key,
            lambda current: replace(current, spent_at=now) if _is_held_by(current, held) else None,
            applied=lambda current: current.lease == held.lease and current.spent_at == now,
        )

    def give_back(self, held: Token, *, retry_at: datetime | None) -> None:
        """End the lease; what was marked as spent has not been. Raises StoreError."""
        self._change(
            held.key,
            lambda current: (
                replace(current, lease=None, lease_until=None, spent_at=None, retry_at=retry_at)
                if _is_held_by(current, held)
                else None
            ),
        )

    def save(self, held: Token, renewed: Token) -> bool:
        """Put what was renewed in place of the row; False if something newer is there. Raises StoreError.

        A holder who comes late, and whom others have given up meanwhile, still saves: the lease is theirs until
        somebody else takes it, and what the provider gave them is what works.
        """
        saved = self._change(
            held.key,
            lambda current: (
                replace(
                    current,
                    sealed=renewed.sealed,
                    version=renewed.version,
                    expires=renewed.expires,
                    scopes=renewed.scopes,
                    renewed=renewed.renewed,
                    refresh_expires=renewed.refresh_expires,
                    lease=None,
                    lease_until=None,
                    spent_at=None,
                    retry_at=None,
                    ended=None,
                )
                if _is_held_by(current, held)
                else None
            ),
            applied=lambda current: current.sealed == renewed.sealed,
        )
        return saved is not None

    def end(self, seen: Token, why: str) -> None:
        """Write down that only the person can help, unless something newer is there. The lease stays in the row: its
        holder may still come back with a token that works. Raises StoreError."""
        self._change(
            seen.key,
            lambda current: (
                replace(current, ended=why)
                if (current.version, current.lease) == (seen.version, seen.lease) and current.ended is None
                else None
            ),
        )

    def _change(
        self,
        key: Key[Token],
        change: Callable[[Token], Token | None],
        applied: Callable[[Token], bool] | None = None,
    ) -> Token | None:
        """Replace a row by what `change` makes of it. None, and nothing written, where that is None or the row is gone.
        `applied` tells, where a commit's answer was lost, whether it is in the row."""

        def work(transaction: Transaction) -> Token | None:
            (current,) = transaction.look_up(key)
            changed = change(current) if current is not None else None
            if changed is not None:
                transaction.write(Update(changed))
            return changed

        try:
            return self._store.transact(work)
        except CommitUnknown:
            (current,) = self._store.look_up(key)
            if current is not None and applied is not None and applied(current):
                return current
            raise StoreError("a commit's answer was lost, and it was not applied") from None


def _is_held_by(current: Token, held: Token) -> bool:
    return current.lease == held.lease and current.version == held.version
