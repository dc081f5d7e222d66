"""The records the portal keeps, frozen, and the typed keys they are found by. Stdlib only; no rule lives here.

All times are aware datetimes in UTC with microseconds. Absent text is None, never "".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeAlias, TypeVar

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Key(Generic[R]):
    """Where one record is found. `path` holds the names from the root ancestor down to the record's own."""

    kind: type[R]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account here. `epoch` rises whenever sessions made before must end (T35, T56)."""

    KIND: ClassVar = "User"

    id: str  # random, 128 bits, base64url; never reused
    name: str | None
    avatar: str | None
    created: datetime
    status: Literal["active", "suspended"]
    epoch: int
    oauths: tuple[str, ...]  # the keys of the user's OAuths, oldest first
    admin: bool = False  # promoted on the command line; those that the configuration lists are not marked (T95)
    suspended_for: str | None = None  # the admin's reason, while suspended

    @staticmethod
    def key_of(user_id: str) -> Key[User]:
        return Key(User, (user_id,))

    @property
    def key(self) -> Key[User]:
        return User.key_of(self.id)


@dataclass(frozen=True, slots=True)
class OAuth:
    """The link of one identity to one user. Its key is a digest of (issuer, subject): one identity, one owner."""

    KIND: ClassVar = "OAuth"

    id: str
    user_id: str
    issuer: str
    subject: str
    entry: str  # the provider's configured name at the time of linking
    linked: datetime

    @staticmethod
    def key_of(oauth_id: str) -> Key[OAuth]:
        return Key(OAuth, (oauth_id,))

    @property
    def key(self) -> Key[OAuth]:
        return OAuth.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Token:
    """What each sign-in rewrites beside an OAuth: the sealed token and what the account page shows of the identity."""

    KIND: ClassVar = "Token"

    oauth_id: str
    sealed: bytes | None  # None where the provider's tokens are not kept
    version: int  # counts the tokens (a new key changes it not), bound into the seal: an older one doesn't open (T73)
    expires: datetime | None
    scopes: tuple[str, ...]
    name: str | None
    login: str | None
    email: str | None
    email_verified: bool
    avatar: str | None
    used: datetime
    # How it is kept usable. Whoever signs in writes a row without any of these but the first two, and wins.
    renewed: datetime | None = None  # when the sealed token came, by a sign-in or a refresh
    refresh_expires: datetime | None = None  # of the refresh token, where the provider says so
    lease: str | None = None  # who is refreshing it, until `lease_until` at the latest
    lease_until: datetime | None = None
    spent_at: datetime | None = None  # when the holder of the lease sent off a refresh token that works only once
    retry_at: datetime | None = None  # a refresh failed for the moment; nobody tries again before this
    ended: str | None = None  # why only the person can help: "refused", "lost" or "deauthorized"

    @staticmethod
    def key_of(oauth_id: str) -> Key[Token]:
        return Key(Token, (oauth_id, "token"))  # a child of its OAuth: one key to know, one place to delete

    @property
    def key(self) -> Key[Token]:
        return Token.key_of(self.oauth_id)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. `id` is the SHA-256 of the cookie's secret: who reads the store can't sign in."""

    KIND: ClassVar = "Session"

    id: str
    user_id: str
    epoch: int  # the user's epoch as read at sign-in; the session is dead once the user's is higher
    flow: str  # SHA-256 of the state of the flow that made it, so that a second arrival of that flow is known (T06)
    oauth_id: str
    created: datetime
    seen: datetime
    expires: datetime  # the absolute limit
    fresh_until: datetime
    device: str | None  # what the browser called itself: printable, at most 200 characters
    shared: bool = False  # on a shared computer: shorter limits, and a cookie that ends with the browser
    email: str | None = None  # what the identity it came by had verified at that sign-in, as `/auth` passes it on

    @staticmethod
    def key_of(session_id: str) -> Key[Session]:
        return Key(Session, (session_id,))

    @property
    def key(self) -> Key[Session]:
        return Session.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Email:
    """A verified address and who proved it. A hint for people, never a way in (T33). Lives and dies with its OAuth."""

    KIND: ClassVar = "Email"

    id: str  # digest of the normalised address
    user_id: str
    oauth_id: str

    @staticmethod
    def key_of(email_id: str) -> Key[Email]:
        return Key(Email, (email_id,))

    @property
    def key(self) -> Key[Email]:
        return Email.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a user's account; insert-only. `id` sorts the newest first within its user."""

    KIND: ClassVar = "Event"

    user_id: str
    id: str
    what: str
    when: datetime
    session_id: str | None
    oauth_id: str | None
    entry: str | None
    device: str | None = None  # browser and system in words; not all that the browser said, for this is kept longer
    by: str | None = None  # who did it, where it was not the person: "command line: root"
    note: str | None = None  # why, in one line: of a refusal its code, else the admin's words; the person may read it

    @staticmethod
    def key_of(user_id: str, event_id: str) -> Key[Event]:
        return Key(Event, (user_id, event_id))

    @property
    def key(self) -> Key[Event]:
        return Event.key_of(self.user_id, self.id)


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that waits for this browser's next press: an identity that nobody owns yet, or an account to recover.

    `id` is the SHA-256 of the secret that the browser, or a recovery link, holds. Used once, and short-lived.
    """

    KIND: ClassVar = "Pending"

    id: str
    purpose: str  # "invite", "sign-up", "link", "recover"; or "replaced": left of a session that got a new secret
    user_id: str | None  # whom it will belong to, where that is settled
    epoch: int | None  # that user's epoch when it was made
    sealed: bytes | None  # the identity with its token, bound to this record
    expires: datetime

    @staticmethod
    def key_of(pending_id: str) -> Key[Pending]:
        return Key(Pending, (pending_id,))

    @property
    def key(self) -> Key[Pending]:
        return Pending.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Canary:
    """A known value, sealed with the token keys of this store: who can't open it has other keys (T76). There is one."""

    KIND: ClassVar = "Canary"

    id: str
    sealed: bytes

    @staticmethod
    def key_of(canary_id: str) -> Key[Canary]:
        return Key(Canary, (canary_id,))

    @property
    def key(self) -> Key[Canary]:
        return Canary.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Revocation:
    """An access that is still to be withdrawn at its provider, for an identity that is gone from here (T81).

    Whose it was is in `sealed` alone. The row goes when it is done, or when it is given up.
    """

    KIND: ClassVar = "Revocation"

    id: str  # random
    sealed: bytes  # the token, and which identity of which provider it was; bound to this record
    made: datetime
    due: datetime  # when it is tried next
    tries: int  # begun so far

    @staticmethod
    def key_of(revocation_id: str) -> Key[Revocation]:
        return Key(Revocation, (revocation_id,))

    @property
    def key(self) -> Key[Revocation]:
        return Revocation.key_of(self.id)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a wish to have data deleted, that a provider passed on. It doesn't say whose (T100)."""

    KIND: ClassVar = "Receipt"

    id: str  # digest of the code that the person was given
    entry: str  # the provider's configured name
    what: str  # "account", "identity", or "nothing" where nothing was held
    when: datetime
    expires: datetime

    @staticmethod
    def key_of(receipt_id: str) -> Key[Receipt]:
        return Key(Receipt, (receipt_id,))

    @property
    def key(self) -> Key[Receipt]:
        return Receipt.key_of(self.id)


Record: TypeAlias = User | OAuth | Token | Session | Email | Event | Pending | Canary | Revocation | Receipt
