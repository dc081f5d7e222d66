"""Makes the records of an account from what arrived: ids, times and seals are chosen here, and no rule is known."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.addresses import normalise_address
from portal.crypto import TokenCipher, digest
from portal.errors import SealError
from portal.kept import open_kept, refresh_expiry, seal_kept, token_owner
from portal.lifetimes import Lifetimes
from portal.models import Email, Event, OAuth, Session, Token, User
from portal.user_agent import describe
from providers.base import EmailTrust, Identity

# All that an Event may be of; templates/portal/_events.html has the words for people.
WHATS = frozenset(
    {
        "signed-up",
        "signed-in",
        "signed-out",
        "session-ended",
        "signed-out-elsewhere",
        "signed-out-everywhere",
        "linked",
        "unlinked",
        "renamed",
        "recovery-link-made",
        "refused",
        "suspended",
        "restored",
        "signed-out-by-admin",
        "promoted",
        "demoted",
        "exported",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An identity that came back from a provider, with its token (None where tokens are not kept)."""

    identity: Identity
    entry: str  # the provider's configured name
    token: Mapping[str, Any] | None = field(repr=False)
    expires: datetime | None
    scopes: tuple[str, ...]

    @property
    def oauth_id(self) -> str:
        """The key of the OAuth that this identity has, or would have."""
        return oauth_id(self.identity.issuer, self.identity.subject)

    @property
    def is_authoritative(self) -> bool:
        """Whether the provider runs the domain of the address it verified."""
        return self.identity.email_trust is EmailTrust.AUTHORITATIVE

    @property
    def is_verified(self) -> bool:
        """Whether the provider says that it verified the address."""
        return self.identity.email_trust is not EmailTrust.NONE

    @property
    def email_id(self) -> str | None:
        """The key that its address is remembered under; None where it has none."""
        return email_id(self.identity.email, verified=self.is_verified)

    @property
    def hint_id(self) -> str | None:
        """The key of the same address where somebody only said that it is theirs."""
        return email_id(self.identity.email, verified=False)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a sign-in happens: the id of the Session it will make, the flow it came by, the device, and whether the
    person said that others use it, too."""

    session_id: str
    flow: str
    device: str | None = None
    shared: bool = False


class Records:
    """The maker, with the clock, the cipher and the limits it needs."""

    def __init__(self, cipher: TokenCipher, now: Callable[[], datetime], lifetimes: Lifetimes) -> None:
        self.cipher = cipher
        self.now = now
        self.lifetimes = lifetimes

    def user(self, user_id: str, arrival: Arrival) -> User:
        """A new user that owns what arrived, under the name the provider gave, or its login."""
        identity = arrival.identity
        return User(
            id=user_id,
            name=identity.name or identity.login,
            avatar=identity.avatar,
            created=self.now(),
            status="active",
            epoch=0,
            oauths=(arrival.oauth_id,),
        )

    def oauth(self, user_id: str, arrival: Arrival) -> OAuth:
        """The link of what arrived to a user."""
        return OAuth(
            id=arrival.oauth_id,
            user_id=user_id,
            issuer=arrival.identity.issuer,
            subject=arrival.identity.subject,
            entry=arrival.entry,
            linked=self.now(),
        )

    def email(self, user_id: str, arrival: Arrival) -> Email | None:
        """The hint that its address is; None without one."""
        key = arrival.email_id
        return Email(id=key, user_id=user_id, oauth_id=arrival.oauth_id) if key else None

    def session(self, user: User, arrival: Arrival, seat: Seat, before: Session | None = None) -> Session:
        """A session that is fresh from now on. `before` is the live one whose place in the browser it takes: where that
        is on a shared computer, a tab that didn't say so must not make a long one of it."""
        now, shared = self.now(), seat.shared or (before is not None and before.shared)
        return Session(
            id=seat.session_id,
            user_id=user.id,
            epoch=user.epoch,
            flow=seat.flow,
            oauth_id=arrival.oauth_id,
            created=now,
            seen=now,
            expires=now + self.lifetimes.absolute_of(shared=shared),
            fresh_until=now + self.lifetimes.fresh,
            device=seat.device,
            shared=shared,
            email=arrival.identity.email if arrival.is_verified else None,
        )

    def token(self, user_id: str, arrival: Arrival, *, version: int, before: Token | None = None) -> Token:
        """What is kept beside the OAuth, its token sealed for this user, row and version (T73).

        `before` is the row it takes the place of. Its refresh token stays where no new one came: Google gives one at
        the first consent only.
        """
        identity, sealed, refresh_expires = arrival.identity, None, None
        if arrival.token is not None:
            refresh_expires = refresh_expiry(arrival.token, self.now())
            refresh_token = None
            if before is not None and not arrival.token.get("refresh_token"):
                refresh_token = self._still_good(before, user_id, arrival.entry)
                refresh_expires = before.refresh_expires if refresh_token else None
            kept = {**arrival.token, "refresh_token": arrival.token.get("refresh_token") or refresh_token}
            owner = token_owner(arrival.oauth_id, user_id, version)
            sealed = seal_kept(self.cipher, kept, entry=arrival.entry, owner=owner)
        return Token(
            oauth_id=arrival.oauth_id,
            sealed=sealed,
            version=version,
            expires=arrival.expires,
            scopes=arrival.scopes,
            name=identity.name,
            login=identity.login,
            email=identity.email,
            email_verified=identity.email_trust is not EmailTrust.NONE,
            avatar=identity.avatar,
            used=self.now(),
            renewed=self.now() if sealed else None,
            refresh_expires=refresh_expires,
        )

    def _still_good(self, before: Token, user_id: str, entry: str) -> str | None:
        """The refresh token of a row, if it came by the same client and nothing is known against it."""
        if before.ended is not None or before.spent_at is not None:
            return None
        try:
            kept = open_kept(self.cipher, before, user_id)
        except SealError:  # whoever has lost a key signs in all the same (T76)
            return None
        return kept.get("refresh_token") if kept.get("entry") == entry else None

    def event(
        self,
        user_id: str,
        what: str,
        session: Session | str | None,
        oauth: OAuth | Arrival | None = None,
        *,
        device: str | None = None,
        by: str | None = None,
        note: str | None = None,
    ) -> Event:
        """Something that happened now, in a session (or the one of this id; None: in none), with an identity. `device`
        is what the browser called itself, where there is no session to tell."""
        now = self.now()
        key = oauth.oauth_id if isinstance(oauth, Arrival) else oauth.id if oauth else None
        said = session.device if isinstance(session, Session) else device
        return Event(
            user_id=user_id,
            id=_newest_first(now),
            what=what,
            when=now,
            session_id=session.id if isinstance(session, Session) else session,
            oauth_id=key,
            entry=oauth.entry if oauth else None,
            device=describe(said) if said else None,
            by=by,
            note=note,
        )


def oauth_id(issuer: str, subject: str) -> str:
    """The key of the OAuth that an identity has, or would have."""
    return digest("OAuth", issuer, subject)


def receipt_id(code: str) -> str:
    """The key of the Receipt whose code a person holds."""
    return digest("Receipt", code)


def email_id(address: str | None, *, verified: bool) -> str | None:
    """The key an address is remembered under; None for what is no plain address.

    One that nobody verified has a key of its own: it is a reason to ask, and can never be taken for a proved one.
    """
    normal = normalise_address(address or "")
    return digest("Email" if verified else "Hint", normal) if normal else None


def make_user_id() -> str:
    """128 bits of randomness; never used twice."""
    return secrets.token_urlsafe(16)


def event_ids_before(when: datetime) -> str:
    """What stands, in key order, between the ids of a user's Events from `when` on and those of all before it."""
    return f"{_falling(when) + 1:014x}"


def _newest_first(when: datetime) -> str:
    """An Event's id: falls as time rises, so that key order is newest first without an index on time."""
    return f"{_falling(when):014x}{secrets.token_hex(3)}"


def _falling(when: datetime) -> int:
    return 2**53 - int(when.timestamp() * 1_000_000)
