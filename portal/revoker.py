"""Withdraws access at the providers, for identities that are gone from here: the tries themselves.

Nothing here is waited for by a removal: it is done, and committed, before. What a try leaves over is the outbox's, with
the time of the next. An identity that is linked again is left alone: at GitHub, and at others, its new token would end
with the old one. It is looked for right before the call; who links in that very moment is asked to reconnect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from portal.backchannel import BackChannel, deadline
from portal.crypto import TokenCipher
from portal.errors import PortalError, SealError
from portal.logs import log
from portal.models import OAuth, Revocation
from portal.revocation import Farewell, Leaving, open_revocation, seal
from portal.storage import Delete, Store, Update, find
from providers.base import Fault, Provider, ProviderError, Withdrawn

FIRST = 3.0  # seconds for the tries of one request together: somebody waits for the page


@dataclass(frozen=True, slots=True)
class Parting:
    """What came of it at one provider: `removed`, `over`, `no-way`, `not-kept`, `sealed`, `again` (the identity is
    linked again), or `later`."""

    entry: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Revoker:
    """Over one store. Safe to share between threads."""

    store: Store
    cipher: TokenCipher
    providers: Mapping[str, Provider]
    backchannel: BackChannel
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def part(self, farewells: Sequence[Farewell]) -> list[Parting]:
        """The first try at each provider, so far as three seconds last. Never raises."""
        ends, partings = time.monotonic() + FIRST, []
        for farewell in farewells:
            outcome = farewell.why
            if farewell.revocation is not None:
                left = ends - time.monotonic()
                outcome = self.attempt(farewell.revocation, left) if left > 0 else "later"
            elif outcome == "sealed":
                log.warning("access at %s can't be withdrawn: its token doesn't open", farewell.entry)
            partings.append(Parting(farewell.entry, outcome))
        return partings

    def attempt(self, revocation: Revocation, seconds: float) -> str:
        """One try. Never raises; `later` leaves the row, with its next time in it, to a tick."""
        try:
            leaving = open_revocation(revocation, self.cipher)
        except SealError as error:
            log.warning("a token that is to be revoked doesn't open: %s", error.reason)
            return "later"  # the key may be back at the next deployment
        try:
            if self._is_linked_again(leaving):
                log.info("access at %s stays: the identity was linked again", leaving.entry)
                outcome = "again"
            else:
                outcome = self._ask(revocation, leaving, seconds)
            self.store.commit(Delete(revocation.key))
        except ProviderError as error:
            # What an admin has to mend is told as such; for the rest there is the next try.
            level = log.error if error.fault is Fault.CLIENT_REFUSED else log.warning
            level("access at %s is not withdrawn yet, try %d: %s", leaving.entry, revocation.tries, error)
            return "later"
        except PortalError as error:  # the store is out of reach, before the call or after it
            log.warning("access at %s: not settled yet: %s", leaving.entry, type(error).__name__)
            return "later"
        except LookupError:
            log.warning("access at %s is not withdrawn yet: the provider is not configured", leaving.entry)
            return "later"
        return outcome

    def _is_linked_again(self, leaving: Leaving) -> bool:
        (oauth,) = find(self.store, OAuth.key_of(leaving.oauth_id))
        return oauth is not None

    def _ask(self, revocation: Revocation, leaving: Leaving, seconds: float) -> str:
        """Raises ProviderError, StoreError, and LookupError where there is no such provider."""
        with deadline(seconds):
            http = self.backchannel.session()
            provider = self._provider_of(leaving).resolve(http)
            outcome = provider.revoke(http, leaving.kept)
            if outcome is Withdrawn.OVER and provider.revokes_alive_only and leaving.kept.get("refresh_token"):
                # The access token has merely run out, and the access itself goes on.
                try:
                    answer = provider.refresh(http, leaving.kept)
                except ProviderError as error:
                    if error.fault is not Fault.CODE_REFUSED:
                        raise
                else:
                    renewed = {name: str(answer[name]) for name in leaving.kept.keys() & answer.keys()}
                    leaving = replace(leaving, kept={**leaving.kept, **renewed})
                    # Kept before it is used: the refresh token worked once, and this try may fail.
                    sealed = seal(leaving, revocation.id, cipher=self.cipher)
                    self.store.commit(Update(replace(revocation, sealed=sealed)))
                    outcome = provider.revoke(http, leaving.kept)
        log.info("access at %s: %s, at try %d", leaving.entry, outcome.value, revocation.tries)
        return outcome.value

    def _provider_of(self, leaving: Leaving) -> Provider:
        named = self.providers.get(leaving.entry)
        if named is not None and named.issuer == leaving.issuer:
            return named
        found = next((each for each in self.providers.values() if each.issuer == leaving.issuer), None)
        if found is None:
            raise LookupError(leaving.entry)
        return found
