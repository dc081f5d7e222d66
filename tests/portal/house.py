"""People with tokens at the stand-ins, over any store: what a test of live tokens does in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import providers
from portal.accounts import Accounts, Intent, SignedIn
from portal.backchannel import BackChannel
from portal.crypto import TokenCipher
from portal.models import OAuth, Token, User
from portal.records import Arrival, Seat
from portal.storage import Store, Update
from portal.tokens import Tokens
from providers.base import EmailTrust, Identity, Provider
from providers.sandbox import RunningSandbox, settings
from providers.sandbox.grants import Ask, Grant
from providers.sandbox.standin import StandIn
from providers.sandbox.troubles import Call, Trouble
from tests.portal.desk import CIPHER

HOUR = timedelta(hours=1)
CHANNEL = BackChannel()  # one TLS context for all tests of a process
PROFILE = {"google": "/userinfo", "github": "/user", "facebook": "/me"}


class House:
    """Somebody, signed in with one of the providers, whose token the portal keeps."""

    def __init__(
        self,
        store: Store,
        sandbox: RunningSandbox,
        clock: Callable[[], datetime],
        *,
        provider: str,
        cipher: TokenCipher = CIPHER,
    ) -> None:
        self.store, self.sandbox, self.clock, self.name = store, sandbox, clock, provider
        self.standin: StandIn = next(
            each for each in sandbox.app.extensions["sandbox"].standins if each.name == provider
        )
        self.refreshing = self.standin.refreshing
        self.provider = load_stand_in(provider, sandbox.base)
        self.url = self.provider.api_url + PROFILE[provider]
        self.accounts = Accounts(store, cipher, now=clock)
        self.tokens = self.tokens_with(cipher=cipher)
        self.seats = 0

    def tokens_with(
        self,
        *,
        store: Store | None = None,
        provider: Any = None,
        cipher: TokenCipher = CIPHER,
        others: Mapping[str, Provider] | None = None,
    ) -> Tokens:
        """The portal's part, over another store or provider where wanted."""
        on = {self.name: provider or self.provider} if others is None else dict(others)
        return Tokens(store or self.store, cipher, on, CHANNEL, now=self.clock)

    def signs_in(self, subject: str = "1815", *, refresh: bool = True, life: timedelta | None = HOUR) -> SignedIn:
        """A sign-in: the stand-in gives a token, with one to refresh it by, or without."""
        person = replace(next(iter(self.standin.people.values())), subject=subject)
        ask = Ask("http://localhost/", None, ("openid",), "", None, True)
        self.grant = Grant(ask, person, frozenset({"openid", "user", "public_profile"}), Trouble.NONE, Call.PROFILE)
        token: dict[str, Any] = {"access_token": self.standin.grants.tokens.put(self.grant), "token_type": "bearer"}
        if refresh and self.name != "facebook":
            token["refresh_token"] = self.standin.grants.refresh_tokens.put(self.grant)
        self.given = token
        identity = Identity(self.provider.issuer, subject, "Ada", "ada", None, EmailTrust.NONE, None)
        expires = self.clock() + life if life else None
        arrival = Arrival(identity=identity, entry=self.name, token=token, expires=expires, scopes=("openid",))
        self.seats += 1
        result = self.accounts.arrive(
            arrival, Seat(f"{self.name}-{self.seats}", f"flow-{self.name}-{self.seats}"), Intent(), None
        )
        assert isinstance(result, SignedIn), result
        self.signed_in = result
        return result

    @property
    def user(self) -> User:
        return self.signed_in.user

    @property
    def row(self) -> Token:
        """The Token of whoever signed in last, as stored now."""
        (token,) = self.store.look_up(Token.key_of(self.user.oauths[0]))
        assert token is not None
        return token

    @property
    def oauth(self) -> OAuth:
        (oauth,) = self.store.look_up(OAuth.key_of(self.user.oauths[0]))
        assert oauth is not None
        return oauth

    def changes(self, **fields: Any) -> None:
        """Somebody writes into the row."""
        self.store.commit(Update(replace(self.row, **fields)))

    def asks(self, tokens: Tokens | None = None) -> int:
        """The application asks for the profile; the status of the answer."""
        session = (tokens or self.tokens).session_for(self.user, self.name)
        return session.get(self.url).status_code


def load_stand_in(name: str, base: str) -> Provider:
    """A provider whose addresses are those of a sandbox, pinned, so that nothing has to be discovered."""
    given = settings(base)[name]
    if name == "google":
        root = given.pop("issuer")
        given |= {"authorization_url": f"{root}/o/oauth2/v2/auth", "token_url": f"{root}/token"}
        given |= {"api_url": f"{root}/v1"}
    return providers.load(name, given)


class Hooked:
    """A provider at which something happens right before it is asked for a refresh, or right after it has answered."""

    def __init__(
        self,
        provider: Provider,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._provider, self._before, self._after = provider, before, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def resolve(self, http: Any) -> Hooked:
        return self

    def refresh(self, http: Any, token: Mapping[str, Any]) -> dict[str, Any]:
        self._before()
        answer = self._provider.refresh(http, token)
        self._after()
        return answer
