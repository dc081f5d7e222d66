"""Live tokens for the application: `session_for(user, provider)` gives calls in a person's name that just work.

It joins what reads, refreshes and sends, and chooses which of a person's identities is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import requests

from portal.authorised import AuthorisedSession
from portal.backchannel import BackChannel, deadline
from portal.crypto import TokenCipher
from portal.errors import Reconnect, StoreError, TryAgain
from portal.lease import Leases
from portal.live import Live, LiveTokens, Standing
from portal.models import OAuth, Token, User
from portal.refresh import BACK_OFF, Refresher
from portal.renewal import Renewed, renew_due
from portal.storage import Store
from providers.base import Provider, ProviderError


class Somebody(Protocol):
    """A user, or Flask-Login's `current_user`."""

    @property
    def id(self) -> str: ...


class Tokens:
    """What `app.extensions["portal"].tokens` is. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        cipher: TokenCipher,
        providers: Mapping[str, Provider],
        backchannel: BackChannel,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._providers = providers
        self._backchannel = backchannel
        self._live = LiveTokens(store, cipher, providers, now)
        self._refresher = Refresher(self._live, backchannel, Leases(store, now))

    def session_for(self, user: Somebody, provider: str, *, identity: str | None = None) -> requests.Session:
        """A session of one's own whose calls carry the user's token at a provider, by its configured name.

        `identity` is the id of one of the user's identities there; without it, the one that was last used. The token is
        refreshed where it is due, which may take 12 seconds if others are about it. Raises TryAgain (for the moment)
        and Reconnect (until the person has been to the provider again); so may each call.
        """
        try:
            oauth_id = self._choose(user.id, provider, identity)
        except StoreError:
            raise TryAgain("store", provider, retry_after=BACK_OFF) from None
        live = self._refresher.get(oauth_id, user.id)
        session = AuthorisedSession(self, live)
        self._backchannel.harden(session)
        return session

    def standing(self, oauth: OAuth, token: Token) -> Standing:
        """How it stands with the token of an identity, for the account page. Asks neither store nor provider."""
        return self._live.standing(oauth, token)

    def renew_due(self) -> Renewed:
        """What `tick` does: renew what can't be renewed once it has expired. Raises StoreError."""
        return renew_due(self._refresher)

    def current(self, live: Live) -> Live:
        """The token that a session uses now. Raises TryAgain and Reconnect."""
        if not self._live.is_due(live):
            return live
        return self._refresher.get(live.oauth.id, live.oauth.user_id)

    def renewed(self, live: Live) -> Live:
        """One in place of a token that the provider has rejected. Raises TryAgain and Reconnect."""
        return self._refresher.get(live.oauth.id, live.oauth.user_id, rejected=live.access_token)

    def resolved(self, provider: Provider) -> Provider:
        """The provider with its addresses known. Raises TryAgain."""
        try:
            with deadline():
                return provider.resolve(self._backchannel.session())
        except ProviderError:
            raise TryAgain("provider", provider.name, retry_after=BACK_OFF) from None

    def _choose(self, user_id: str, provider: str, identity: str | None) -> str:
        """Which identity is meant. Raises Reconnect and StoreError."""
        configured = self._providers.get(provider)
        if configured is None:
            raise Reconnect("provider-off", provider)
        (user,) = self._store.look_up(User.key_of(user_id))
        if user is None:
            raise Reconnect("not-linked", provider)
        if user.status != "active":
            raise Reconnect("suspended", provider)
        keys = [key for each in user.oauths for key in (OAuth.key_of(each), Token.key_of(each))]
        found = self._store.list_at(keys)
        used = {record.oauth_id: record.used for record in found if isinstance(record, Token)}
        theirs = [
            record.id
            for record in found
            if isinstance(record, OAuth) and record.issuer == configured.issuer and record.id in used
        ]
        if identity is not None:
            theirs = [each for each in theirs if each == identity]
        if not theirs:
            raise Reconnect("not-linked", provider)
        return max(theirs, key=used.__getitem__)
