"""A person's token as it is in the store: whose it is, whether it opens, whether it is due, what is to be told of it.

It reads and reckons, and changes nothing; it asks no provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portal.crypto import TokenCipher
from portal.errors import Reconnect, SealError
from portal.kept import open_kept
from portal.logs import log
from portal.models import OAuth, Token
from portal.storage import Store
from providers.base import Provider


@dataclass(frozen=True, slots=True)
class Live:
    """A token that opens, of a provider that is on."""

    oauth: OAuth
    token: Token
    provider: Provider
    kept: Mapping[str, str] = field(repr=False)

    @property
    def access_token(self) -> str:
        return self.kept["access_token"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the account page tells of an identity's token."""

    kept: bool  # whether there is one at all
    ended: str | None  # why only the person can help, as in Reconnect; None while it works
    renews: bool  # whether it is renewed without them
    until: datetime | None  # how long the access lasts; None where nobody says, or it is renewed without an end
    renewed: datetime | None  # when it last was, by them or without them


@dataclass(frozen=True, slots=True)
class LiveTokens:
    """The tokens of a store, read with the cipher and the providers that are on. Safe to share between threads."""

    store: Store
    cipher: TokenCipher
    providers: Mapping[str, Provider]
    now: Callable[[], datetime]

    def read(self, oauth_id: str, user_id: str) -> Live:
        """The user's token of one identity as it is now, be it expired. Raises Reconnect and StoreError."""
        oauth, token = self.store.look_up(OAuth.key_of(oauth_id), Token.key_of(oauth_id))
        if oauth is None or token is None or oauth.user_id != user_id:
            raise Reconnect("not-linked", "")
        if token.sealed is None:
            raise Reconnect("not-kept", oauth.entry)
        try:
            kept = open_kept(self.cipher, token, user_id)
        except SealError as error:
            # Not written down: the key may be back at the next deployment, and then the token is as good as before.
            log.warning("a token of %s doesn't open: %s", oauth.entry, error.reason)
            raise Reconnect("sealed", oauth.entry) from None
        provider = self._provider_of(oauth, kept)
        if provider is None:
            raise Reconnect("provider-off", oauth.entry)
        if token.ended is not None:
            raise Reconnect(token.ended, provider.name)
        return Live(oauth, token, provider, kept)

    def standing(self, oauth: OAuth, token: Token) -> Standing:
        """How it stands with the token in a row. Asks nobody."""
        if token.sealed is None:
            return Standing(kept=False, ended=None, renews=False, until=None, renewed=None)
        try:
            kept = open_kept(self.cipher, token, oauth.user_id)
        except SealError:
            return Standing(kept=True, ended="sealed", renews=False, until=None, renewed=token.renewed)
        provider = self._provider_of(oauth, kept)
        renews = provider is not None and self._can_refresh(provider, kept, token)
        over = token.expires is not None and self.now() >= token.expires
        ended = token.ended or ("expired" if over and not renews else None)
        until = token.refresh_expires if renews and token.expires else token.expires
        return Standing(
            kept=True, ended=ended, renews=renews and token.expires is not None, until=until, renewed=token.renewed
        )

    def is_useless(self, live: Live, rejected: str | None) -> bool:
        """Whether it can't be used as it is: expired, or the provider has `rejected` this very access token."""
        over = live.token.expires is not None and self.now() >= live.token.expires
        return over or live.access_token == rejected

    def is_due(self, live: Live, rejected: str | None = None) -> bool:
        """Whether it has to be refreshed, or should be, and can."""
        if self.is_useless(live, rejected):
            return True
        token = live.token
        if token.expires is None or token.renewed is None or not self.can_refresh(live):
            return False
        return self.now() >= live.provider.due_at(token.renewed, token.expires)

    def can_refresh(self, live: Live) -> bool:
        """Whether there is anything to refresh it with that may still work."""
        return self._can_refresh(live.provider, live.kept, live.token)

    def _can_refresh(self, provider: Provider, kept: Mapping[str, str], token: Token) -> bool:
        now = self.now()
        over = token.refresh_expires is not None and now >= token.refresh_expires
        too_late = not provider.renews_expired and token.expires is not None and now >= token.expires
        return provider.can_refresh(kept) and not over and not too_late

    def _provider_of(self, oauth: OAuth, kept: Mapping[str, str]) -> Provider | None:
        """Whose token it is: of the entry it came by, or, where that was renamed, of another one of the same issuer."""
        named = self.providers.get(kept.get("entry", oauth.entry))
        if named is not None and named.issuer == oauth.issuer:
            return named
        return next((each for each in self.providers.values() if each.issuer == oauth.issuer), None)
