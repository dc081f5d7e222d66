"""Where people arrive with their identities, without any HTTP: what a test of rules and stores does in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from portal.accounts import Accounts, Browser, Intent, SignedIn, Waiting
from portal.crypto import TokenCipher
from portal.linking import Purpose, Refuse, Standing, State
from portal.models import Email, Event, Key, OAuth, Pending, Receipt, Record, Session, Token, User
from portal.records import Arrival, Seat
from portal.remains import PURPOSE
from portal.storage import Mutation, Store, Transaction, Update
from providers.base import EmailTrust, Identity
from tests.storage.stages import nothing

T = TypeVar("T")

CIPHER = TokenCipher([b"k" * 32])
CANARY = "gho_canary"  # in every token that arrives
ISSUERS = {
    "github": "https://github.com/login/oauth",
    "google": "https://accounts.google.com",
    "facebook": "https://www.facebook.com/4711",
}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def passes(self, **span: float) -> None:
        self.time += timedelta(**span)


def make_arrival(
    entry: str = "github",
    subject: str = "ada",
    *,
    email: str | None = None,
    trust: EmailTrust = EmailTrust.VERIFIED,
    expires: datetime | None = None,
) -> Arrival:
    """An identity that came back from a provider, with a token. Without an address unless one is given."""
    identity = Identity(
        issuer=ISSUERS[entry],
        subject=subject,
        name=f"{subject} of {entry}",
        login=subject,
        email=email,
        email_trust=trust if email else EmailTrust.NONE,
        avatar=None,
    )
    token = {"access_token": CANARY, "refresh_token": f"{CANARY}_again", "token_type": "bearer"}
    return Arrival(identity=identity, entry=entry, token=token, expires=expires, scopes=("read:user",))


def browser_of(signed_in: SignedIn) -> Browser:
    """The browser that holds a session's cookie."""
    return Browser(signed_in.user.id, signed_in.session.id)


def everything(store: Store) -> list[Record]:
    """All that a store holds of people. What providers have yet to be told is sealed, and names nobody."""
    found: list[Record] = []
    for kind in (User, OAuth, Token, Session, Email, Event, Pending, Receipt):
        found += store.scan(kind, limit=10_000)
    return found


def lasting(store: Store) -> list[Record]:
    """All but the notes of refusals, and the marks of deletions, which stay for an hour."""
    return [
        record
        for record in everything(store)
        if not (isinstance(record, Event) and record.what == "refused")
        and not (isinstance(record, Pending) and record.purpose == PURPOSE)
    ]


class Desk:
    """Accounts over a store, and what people do there. A second passes with each thing that is done."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.accounts = Accounts(store, CIPHER, now=clock)
        self.membership = self.accounts.membership
        self._numbers = count(1)

    def over(self, store: Store) -> Desk:
        """The same desk over another way to the same data."""
        desk = Desk(store, self.clock)
        desk._numbers = self._numbers
        return desk

    def seat(self) -> Seat:
        """A new browser's place, with a session id of its own."""
        number = next(self._numbers)
        self.clock.passes(seconds=1)
        return Seat(f"session-{number:04}", f"flow-{number:04}", "Firefox on Linux")

    def arrives(self, arrival: Arrival, browser: Browser | None = None, **intent: Any) -> SignedIn | Waiting | Refuse:
        """A flow comes back from the provider."""
        return self.accounts.arrive(arrival, self.seat(), Intent(**intent), browser)

    def signs_in(self, arrival: Arrival, browser: Browser | None = None) -> SignedIn:
        """A sign-in that raises no question."""
        result = self.arrives(arrival, browser)
        assert isinstance(result, SignedIn), result
        return result

    def asks_to_link(self, signed_in: SignedIn, arrival: Arrival) -> SignedIn | Waiting | Refuse:
        """From the button on the account page to the way back from the provider."""
        user = signed_in.user
        return self.arrives(
            arrival, browser_of(signed_in), purpose=Purpose.LINK, user_id=user.id, epoch=signed_in.session.epoch
        )

    def confirms(
        self, signed_in: SignedIn, secret: str, on: Iterable[str] = ISSUERS
    ) -> tuple[User, Session, Arrival] | Refuse:
        """The press on "Add it"."""
        self.clock.passes(seconds=1)
        return self.membership.link_waiting(secret, "link", signed_in.user, signed_in.session, stands=self._stands(on))

    @staticmethod
    def _stands(on: Iterable[str]) -> Callable[[Arrival], Standing]:
        return lambda arrival: Standing(State.ON if arrival.entry in set(on) else State.OFF)

    def links(self, signed_in: SignedIn, arrival: Arrival) -> SignedIn:
        """Add an identity, all the way."""
        waiting = self.asks_to_link(signed_in, arrival)
        assert isinstance(waiting, Waiting), waiting
        linked = self.confirms(signed_in, waiting.secret)
        assert not isinstance(linked, Refuse), linked
        return SignedIn(*linked[:2])

    def unlinks(
        self, signed_in: SignedIn, oauth_id: str, *, on: Iterable[str] = ISSUERS, end_others: bool = False
    ) -> tuple[User, OAuth, Session | None] | Refuse:
        """The press on "Remove"; `on` are the providers that are switched on."""
        self.clock.passes(seconds=1)
        return self.membership.unlink(
            signed_in.user,
            signed_in.session,
            oauth_id,
            usable=lambda oauth: oauth.entry in set(on),
            end_others=end_others,
        )

    def recovers(self, secret_key: str, arrival: Arrival, browser: Browser | None = None) -> Any:
        """The way back from the provider, begun on the page of a recovery link."""
        return self.arrives(arrival, browser, purpose=Purpose.RECOVER, pending_id=secret_key)

    def now_of(self, signed_in: SignedIn) -> SignedIn | None:
        """What the next request of this browser finds; None once it is signed out."""
        return self.accounts.get_signed_in(browser_of(signed_in))

    def user(self, user_id: str) -> User:
        """A user as stored now."""
        (user,) = self.store.look_up(User.key_of(user_id))
        assert user is not None
        return user

    def suspends(self, user_id: str) -> None:
        """What an admin does."""
        self.store.commit(Update(replace(self.user(user_id), status="suspended")))

    def ends_every_session(self, user_id: str) -> None:
        """A rise of the epoch, whatever the reason."""
        user = self.user(user_id)
        self.store.commit(Update(replace(user, epoch=user.epoch + 1)))

    def get(self, key: Key[T]) -> T | None:
        """What is at a key."""
        (found,) = self.store.look_up(key)
        return found


class Wrapped:
    """A store that does as the one below; a stage or a fault changes one thing of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Interrupted(Wrapped):
    """Something happens once, right before the first transaction, or the first commit."""

    def __init__(self, store: Store, happens: Callable[[], object], *, before: str) -> None:
        super().__init__(store)
        self._happens: Callable[[], object] | None = happens
        self._before = before

    def commit(self, *mutations: Mutation) -> None:
        self._now("commit")
        self._store.commit(*mutations)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        self._now("transact")
        return self._store.transact(work)

    def _now(self, place: str) -> None:
        if self._happens is not None and place == self._before:
            happens, self._happens = self._happens, None
            happens()


class Paused(Wrapped):
    """Between reading and writing every transaction pauses."""

    def __init__(self, store: Store, pause: Callable[[], object] = nothing) -> None:
        super().__init__(store)
        self._pause = pause

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self._store.transact(lambda transaction: work(_PausedTransaction(transaction, self._pause)))


class Naive(Paused):
    """A store without transactions: what reads there, checks and then writes, reads and writes apart."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        collecting = _Collecting(self._store)
        value = work(_PausedTransaction(collecting, self._pause))
        self._store.commit(*collecting.mutations)
        return value


class _PausedTransaction:
    def __init__(self, transaction: Any, pause: Callable[[], object]) -> None:
        self._transaction = transaction
        self._pause = pause

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def write(self, *mutations: Mutation) -> None:
        self._pause()
        self._transaction.write(*mutations)


class _Collecting(Wrapped):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.mutations: list[Mutation] = []

    def write(self, *mutations: Mutation) -> None:
        self.mutations += mutations
