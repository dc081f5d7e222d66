"""Obeys a provider's word that a person has removed the application there, or wants their data gone (T100).

Whoever said it has been checked before: here an identity and a time are given. What is older than the identity, or than
its token, is about an access that is gone; so a request that comes again does nothing, whenever it does.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from portal.errors import AlreadyExists, Contended
from portal.linking import Refuse
from portal.membership import Membership
from portal.models import OAuth, Receipt, Token, User
from portal.records import Records, receipt_id
from portal.storage import Insert, Store, Transaction, Update

KEPT = timedelta(days=90)  # a receipt; it says nothing of anybody
CLOCKS = timedelta(minutes=1)  # by which the provider's may be behind ours
TRIES = 5


@dataclass(frozen=True, slots=True)
class Gone:
    """What was removed: `user_id` is whose it was, None where nothing was held."""

    receipt: Receipt
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Removals:
    """Over one store."""

    store: Store
    records: Records
    membership: Membership
    code_key: bytes = field(repr=False)

    def code_of(self, request: str) -> str:
        """The code of a request's receipt: the same each time it comes, and nobody else's to find."""
        return base64.urlsafe_b64encode(hmac.digest(self.code_key, request.encode(), "sha256")[:18]).decode()

    def deauthorize(self, oauth_id: str, *, issued: datetime) -> bool:
        """Note that the identity's token is dead, so that its owner is asked to reconnect. False where there was
        nothing to note. Raises StoreError."""

        def work(transaction: Transaction) -> bool:
            (token,) = transaction.look_up(Token.key_of(oauth_id))
            if token is None or token.sealed is None or token.ended is not None:
                return False
            if token.renewed is not None and token.renewed > issued + CLOCKS:
                return False  # they have come back since
            transaction.write(Update(replace(token, ended="deauthorized", lease=None, lease_until=None)))
            return True

        return self.store.transact(work)

    def delete_data(self, oauth_id: str, *, entry: str, code: str, issued: datetime) -> Gone:
        """Remove the identity, and its user with it if it is their only one. The receipt is found by `code`; the same
        code again does nothing. Raises StoreError."""
        key = Receipt.key_of(receipt_id(code))
        for _ in range(TRIES):
            receipt, oauth = self.store.look_up(key, OAuth.key_of(oauth_id))
            if receipt is not None:
                return Gone(receipt)
            try:
                done = self._try(oauth, issued, self._receipt(code, entry))
            except AlreadyExists:  # the same request, beside this one
                continue
            if done is not None:
                return done
        raise Contended("a deletion was overtaken at every try")

    def get_receipt(self, code: str) -> Receipt | None:
        """What became of a deletion; None for a code that is unknown, or too old. Raises StoreError."""
        (receipt,) = self.store.look_up(Receipt.key_of(receipt_id(code)))
        return receipt if receipt is not None and self.records.now() < receipt.expires else None

    def _try(self, oauth: OAuth | None, issued: datetime, receipt: Receipt) -> Gone | None:
        """None where somebody wrote between two reads. Raises AlreadyExists and StoreError."""
        if oauth is None or oauth.linked > issued + CLOCKS:
            self.store.commit(Insert(replace(receipt, what="nothing")))
            return Gone(replace(receipt, what="nothing"))
        (user,) = self.store.look_up(User.key_of(oauth.user_id))
        if user is None:
            return None
        # "Only" counts what is switched off, too: it may be on again tomorrow, and its data is not what was asked for.
        if user.oauths == (oauth.id,):
            account = replace(receipt, what="account")
            deleted = self.membership.delete(user, also=[Insert(account)], only_with=oauth.id)
            return Gone(account, user.id) if deleted is not None else None
        result = self.membership.unlink(
            user,
            None,
            oauth.id,
            usable=lambda _: True,
            end_others=False,
            also=[Insert(receipt)],
            at_the_providers_word=True,
        )
        return None if isinstance(result, Refuse) else Gone(receipt, user.id)

    def _receipt(self, code: str, entry: str) -> Receipt:
        now = self.records.now()
        return Receipt(id=receipt_id(code), entry=entry, what="identity", when=now, expires=now + KEPT)
