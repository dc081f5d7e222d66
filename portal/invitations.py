"""Invitations: links that let whoever opens one make one account, where accounts are made by invitation alone.

They know no user and no browser. Who may make an account is decided in `portal.linking`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from portal.errors import NotFound
from portal.models import Pending
from portal.pending import make_invitation
from portal.storage import Delete, Insert, Mutation, Store, Transaction


class Invitations:
    """Makes, finds and spends them, over one store."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def make(self, secret: str, life: timedelta) -> datetime:
        """Let whoever holds this secret make one account; when that ends. Raises StoreError."""
        expires = self._now() + life
        self._store.commit(Insert(make_invitation(secret, expires)))
        return expires

    def is_good(self, key: str | None) -> bool:
        """Whether an invitation of this key is there, unused and in time. Raises StoreError."""
        if key is None:
            return False
        (pending,) = self._store.look_up(Pending.key_of(key))
        return self._holds(pending)

    def spend(self, key: str | None, mutations: Sequence[Mutation]) -> None:
        """Write the account that an invitation makes, and use it up, in one transaction: two browsers with one link
        make one account between them. Raises NotFound where it is no good any more, and like `Store.transact`."""

        def work(transaction: Transaction) -> None:
            (pending,) = transaction.look_up(Pending.key_of(key or "-"))
            if pending is None or not self._holds(pending):
                raise NotFound
            transaction.write(*mutations, Delete(pending.key))

        self._store.transact(work)

    def _holds(self, pending: Pending | None) -> bool:
        return pending is not None and pending.purpose == "invite" and self._now() < pending.expires
