"""Carries the decisions of a sign-in out: one look-up, one decision, one commit. It knows no HTTP and no cookie.

A sign-in is no read-write transaction. It reads, decides and commits inserts; where somebody else was quicker the
commit changes nothing, and everything is read and decided again (T39, T94). What changes the set of a user's
identities is in `portal.membership`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import assert_never

from portal.crypto import TokenCipher
from portal.devices import Devices
from portal.errors import AlreadyExists, CommitUnknown, Contended, NotFound, StoreError
from portal.history import History
from portal.invitations import Invitations
from portal.lifetimes import Lifetimes
from portal.linking import (
    Ask,
    Confirm,
    Facts,
    Link,
    Owner,
    Policy,
    Purpose,
    Reason,
    Refuse,
    SignIn,
    SignUp,
    SignUps,
    Standing,
    decide,
    may_join,
)
from portal.membership import Membership
from portal.models import Email, OAuth, Pending, Session, Token, User
from portal.oversight import Oversight
from portal.pending import make_pending, open_pending, pending_id
from portal.records import Arrival, Records, Seat, email_id, make_user_id
from portal.removals import Removals
from portal.storage import Delete, Insert, Mutation, Store, Update, find

TRIES = 10
PATIENCE = 4.0  # seconds for the store calls of one request together (T93)


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser's session cookie claims; nothing of it is proved yet."""

    user_id: str
    session_id: str


_PLAIN = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a flow was begun for, and what the portal knows of the provider and the browser it came back to.

    `user_id` and `epoch` are those of whoever pressed the button to link or prove. `pending_id` names the record of a
    recovery link, or of the identity that waits for this sign-in to prove an old way in. `invitation` names that of an
    invitation this browser holds; who is `listed` needs none.
    """

    purpose: Purpose = Purpose.SIGN_IN
    user_id: str | None = None
    epoch: int | None = None
    pending_id: str | None = None
    standing: Standing = _PLAIN
    vouches: bool = True
    used_another: bool = False
    policy: Policy = Policy.ASK
    sign_up: SignUps = SignUps.OPEN
    invitation: str | None = None
    listed: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with the live session that says so: `new` if this made the user, `linked` if it added the identity."""

    user: User
    session: Session
    new: bool = False
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The identity waits for the person's answer; whoever holds `secret` may give it. `purpose` as in Pending."""

    secret: str = field(repr=False)
    purpose: str


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """One of a user's identities as the account page shows it."""

    oauth: OAuth
    token: Token


class Accounts:
    """Who is who, over one store."""

    def __init__(
        self,
        store: Store,
        cipher: TokenCipher,
        *,
        lifetimes: Lifetimes | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._now = now
        self._lifetimes = lifetimes or Lifetimes()
        self._records = Records(cipher, now, self._lifetimes)
        self.devices = Devices(store, self._records)
        self.history = History(store)
        self.oversight = Oversight(store, self._records)
        self.invitations = Invitations(store, now)
        self.membership = Membership(store, self._records, self.devices)

    def make_removals(self, code_key: bytes) -> Removals:
        """What obeys a provider's word that somebody wants to be gone, over the same store."""
        return Removals(self._store, self._records, self.membership, code_key)

    def arrive(
        self, arrival: Arrival, seat: Seat, intent: Intent, browser: Browser | None
    ) -> SignedIn | Waiting | Refuse:
        """Decide on an identity that came back from a provider, and do it. Raises StoreError."""
        return self._settle(arrival, seat, intent, browser, confirmed=None)

    def create(self, secret: str, seat: Seat, intent: Intent, browser: Browser | None) -> SignedIn | Waiting | Refuse:
        """The person has said that they are new here: sign the identity up that waits. Raises StoreError."""
        arrival = self.get_waiting(secret, "sign-up")
        if arrival is None:
            return Refuse(Reason.NOT_FOUND)
        return self._settle(arrival, seat, intent, browser, confirmed=pending_id(secret))

    def get_waiting(self, secret: str, purpose: str, user: User | None = None) -> Arrival | None:
        """The identity that waits for an answer, of `user` where it is one's to give; None if there is none (any more).
        Raises StoreError."""
        (pending,) = self._store.look_up(Pending.key_of(pending_id(secret)))
        if pending is not None and pending.user_id != (user.id if user else None):
            return None  # somebody else's question, planted in this browser
        return open_pending(pending, purpose, cipher=self._cipher, now=self._now())

    def get_signed_in(self, browser: Browser) -> SignedIn | None:
        """The user and live session a browser's claim stands for, in one look-up; None if it stands for none.

        Notes that the session was seen, now and then (`Lifetimes.is_seen_due`). Raises StoreError.
        """
        user, session = self._store.look_up(User.key_of(browser.user_id), Session.key_of(browser.session_id))
        if user is None or session is None or not self.devices.is_live(session, user):
            return None
        if self._lifetimes.is_seen_due(session, self._now()):
            session = replace(session, seen=self._now())
            try:
                self._store.commit(Update(session))
            except NotFound:  # ended in another tab this very moment
                return None
            except StoreError:  # who was just read to be signed in isn't turned away because that can't be noted
                pass
        return SignedIn(user, session)

    def get_active(self, user_id: str) -> User | None:
        """The user of an id, unless the account is suspended or gone. Raises StoreError."""
        (user,) = self._store.look_up(User.key_of(user_id))
        return user if user is not None and user.status == "active" else None

    def was_replaced(self, browser: Browser) -> bool:
        """Whether another session took the place of this one a moment ago, in the same browser. Raises StoreError."""
        (left,) = self._store.look_up(Pending.key_of(browser.session_id))
        return left is not None and left.purpose == "replaced" and self._now() < left.expires

    def has_arrived(self, browser: Browser, flow: str) -> bool:
        """Whether this browser's live session was made by this flow (T06). Raises StoreError."""
        signed_in = self.get_signed_in(browser)
        return signed_in is not None and signed_in.session.flow == flow

    def is_fresh(self, signed_in: SignedIn) -> bool:
        """Whether the sign-in was recent enough for what can't be undone (T47)."""
        return self._lifetimes.is_fresh(signed_in.session, self._now())

    def sign_out(self, signed_in: SignedIn) -> None:
        """End this one session, at once (T55). Raises StoreError."""
        user, session = signed_in.user, signed_in.session
        self._store.commit(Delete(session.key), Insert(self._records.event(user.id, "signed-out", session)))

    def list_identities(self, user: User) -> list[LinkedIdentity]:
        """The user's identities, in the order they were linked, in one look-up. Raises StoreError."""
        oauth_keys = [OAuth.key_of(oauth_id) for oauth_id in user.oauths]
        token_keys = [Token.key_of(oauth_id) for oauth_id in user.oauths]
        found = self._store.list_at([*oauth_keys, *token_keys])
        tokens = {record.oauth_id: record for record in found if isinstance(record, Token)}
        return [
            LinkedIdentity(record, tokens[record.id])
            for record in found
            if isinstance(record, OAuth) and record.user_id == user.id and record.id in tokens
        ]

    def _settle(
        self, arrival: Arrival, seat: Seat, intent: Intent, browser: Browser | None, *, confirmed: str | None
    ) -> SignedIn | Waiting | Refuse:
        """`confirmed` names the Pending whose page the person has answered."""
        user_id = make_user_id()  # before the first try, so that a try that was applied unseen is found again
        ends = time.monotonic() + PATIENCE
        for attempt in range(TRIES):
            if attempt and (done := self._applied_unseen(seat)):
                return done
            try:
                return self._try(arrival, seat, intent, browser, confirmed, user_id)
            except (AlreadyExists, NotFound, CommitUnknown, Contended):  # somebody was quicker, or nobody can say
                if time.monotonic() > ends:
                    break
        raise Contended("a sign-in was overtaken at every try")

    def _try(
        self, arrival: Arrival, seat: Seat, intent: Intent, browser: Browser | None, confirmed: str | None, user_id: str
    ) -> SignedIn | Waiting | Refuse:
        known = self._look_up(arrival, browser)
        meant = self._meant(intent, known)
        decision = decide(
            Facts(
                purpose=intent.purpose,
                provider=intent.standing.provider,
                allowed=intent.standing.allowed,
                may_join=self._may_join(intent, known),
                owner=known.owner,
                signed_in=known.signed_in,
                meant=meant.id if meant else None,
                # A recovery link is itself the yes of whoever gave it; there is no account page to confirm on.
                confirmed=confirmed is not None or intent.purpose is Purpose.RECOVER,
                address_owner=self._address_owner(intent, known) if arrival.is_verified else None,
                authoritative=arrival.is_authoritative,
                # Who came to prove an old way in, and has none, said that they have been here before: ask, make nobody.
                used_another=intent.used_another or bool(intent.pending_id) or known.hinted,
                vouches=intent.vouches,
                policy=intent.policy,
            )
        )
        match decision:
            case Refuse(reason):
                self._note_refusal(reason, arrival, seat, known, signs_in=intent.purpose is Purpose.SIGN_IN)
                return decision
            case Ask():
                return self._wait(arrival, "sign-up", None)
            case Confirm():
                return self._wait(arrival, "link", meant)
            case Link(target):
                spends = intent.pending_id if intent.purpose is Purpose.RECOVER else None
                linked = self.membership.link(
                    arrival,
                    user_id=target,
                    epoch=None,
                    seat=seat,
                    before=known.session,
                    purpose=intent.purpose,
                    standing=intent.standing,
                    pending_id=spends,
                )
                return linked if isinstance(linked, Refuse) else SignedIn(*linked, linked=True)
            case SignUp():
                result, mutations = self._sign_up(arrival, seat, user_id, known)
            case SignIn():
                result, mutations = self._sign_in(arrival, seat, known)
            case _:
                assert_never(decision)
        if confirmed is not None:
            mutations.append(Delete(Pending.key_of(confirmed)))
        if isinstance(decision, SignUp) and intent.sign_up is SignUps.INVITED and not intent.listed:
            self.invitations.spend(intent.invitation, mutations)
        else:
            self._store.commit(*mutations)
        return result

    def _may_join(self, intent: Intent, known: _Known) -> bool:
        invited = intent.listed
        if intent.sign_up is SignUps.INVITED and intent.purpose is Purpose.SIGN_IN and known.user is None:
            invited = invited or self.invitations.is_good(intent.invitation)  # a look-up only where it matters
        return may_join(intent.sign_up, invited=invited)

    def _look_up(self, arrival: Arrival, browser: Browser | None) -> _Known:
        session: Session | None
        visitor: User | None
        oauth, token, email, hint, session, visitor = find(
            self._store,
            OAuth.key_of(arrival.oauth_id),
            Token.key_of(arrival.oauth_id),
            Email.key_of(arrival.email_id) if arrival.email_id else None,
            Email.key_of(arrival.hint_id) if arrival.hint_id else None,
            Session.key_of(browser.session_id) if browser else None,
            User.key_of(browser.user_id) if browser else None,
        )
        live = session is not None and visitor is not None and self.devices.is_live(session, visitor)
        user = visitor
        if oauth is not None and (user is None or user.id != oauth.user_id):
            (user,) = self._store.look_up(User.key_of(oauth.user_id))
        if oauth is not None and (user is None or token is None):
            raise NotFound  # the three come and go together; a gap means that somebody wrote between two reads
        return _Known(
            email=email,
            hinted=hint is not None,
            token=token,
            user=user if oauth is not None else None,
            session=session if live else None,
            visitor=visitor if live else None,
        )

    def _meant(self, intent: Intent, known: _Known) -> User | None:
        """The user for whom the flow was begun, if nothing about them has changed since."""
        match intent.purpose:
            case Purpose.SIGN_IN:
                return None
            case Purpose.LINK | Purpose.PROVE:
                visitor = known.visitor
                return visitor if visitor and (visitor.id, visitor.epoch) == (intent.user_id, intent.epoch) else None
            case Purpose.RECOVER:
                return self.membership.get_recovering(intent.pending_id)
            case _:
                assert_never(intent.purpose)

    def _address_owner(self, intent: Intent, known: _Known) -> Owner | None:
        if known.email is None:
            return None
        if intent.policy is not Policy.LINK or known.user is not None:
            return Owner(known.email.user_id, "active")  # only that there is somebody matters then; no look-up for more
        (user,) = self._store.look_up(User.key_of(known.email.user_id))
        return Owner(user.id, user.status) if user and known.email.oauth_id in user.oauths else None

    def _note_refusal(self, reason: Reason, arrival: Arrival, seat: Seat, known: _Known, *, signs_in: bool) -> None:
        """Leave it in the history of whom it concerns: of the identity's owner, or of who is signed in and wanted to do
        something with it. Where that is nobody, only the log has it: no stranger fills the store (T67, T104)."""
        concerned = (known.user or known.visitor) if signs_in else known.visitor
        if concerned is not None:
            session = known.session if concerned is known.visitor else None
            event = self._records.event(
                concerned.id, "refused", session, arrival, device=seat.device, note=reason.value
            )
            self._store.commit(Insert(event))

    def _wait(self, arrival: Arrival, purpose: str, user: User | None) -> Waiting:
        secret = secrets.token_urlsafe(32)
        pending = make_pending(secret, purpose, arrival, cipher=self._cipher, now=self._now(), user=user)
        self._store.commit(Insert(pending))
        return Waiting(secret, purpose)

    def _applied_unseen(self, seat: Seat) -> SignedIn | None:
        (session,) = self._store.look_up(Session.key_of(seat.session_id))
        if session is None:
            return None
        (user,) = self._store.look_up(User.key_of(session.user_id))
        return SignedIn(user, session) if user else None

    def _sign_up(self, arrival: Arrival, seat: Seat, user_id: str, known: _Known) -> tuple[SignedIn, list[Mutation]]:
        user = self._records.user(user_id, arrival)
        session = self._records.session(user, arrival, seat)
        mutations: list[Mutation] = [
            Insert(user),
            Insert(self._records.oauth(user_id, arrival)),
            Insert(self._records.token(user_id, arrival, version=1)),
            Insert(session),
            Insert(self._records.event(user_id, "signed-up", session, arrival)),
        ]
        email = self._records.email(user_id, arrival)
        if email is not None and known.email is None:
            mutations.append(Insert(email))
        return SignedIn(user, session, new=True), mutations

    def _sign_in(self, arrival: Arrival, seat: Seat, known: _Known) -> tuple[SignedIn, list[Mutation]]:
        user, token = known.user, known.token
        assert user is not None and token is not None  # noqa: S101, PT018 - `_look_up` saw to it
        session = self._records.session(user, arrival, seat, known.session)
        mutations: list[Mutation] = [
            # A new session at every sign-in, in the place of the one that this browser has (T52).
            *(self.devices.hand_over(known.session, session) if known.session else [Insert(session)]),
            Insert(self._records.event(user.id, "signed-in", session, arrival)),
            Update(self._records.token(user.id, arrival, version=token.version + 1, before=token)),
        ]
        mutations += self._follow_address(user.id, token, arrival, known)
        return SignedIn(user, session), mutations

    def _follow_address(self, user_id: str, token: Token, arrival: Arrival, known: _Known) -> list[Mutation]:
        """Let the Email be of the address that the Token says from now on. It is found again by nothing else when the
        identity goes, and an address that somebody gave up may be another person's soon."""
        mutations: list[Mutation] = []
        before = email_id(token.email, verified=token.email_verified)
        if before is not None and before != arrival.email_id:
            (old,) = self._store.look_up(Email.key_of(before))
            if old is not None and old.oauth_id == arrival.oauth_id:
                mutations.append(Delete(old.key))
        email = self._records.email(user_id, arrival)
        if email is not None and known.email is None:
            mutations.append(Insert(email))
        return mutations


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store said of an arrival. `user` is the identity's owner, `visitor` who is signed in, by `session`."""

    email: Email | None  # under the key that the arrival's address would have
    hinted: bool  # whether somebody here said, unproved, that the address is theirs
    token: Token | None
    user: User | None
    session: Session | None
    visitor: User | None

    @property
    def owner(self) -> Owner | None:
        return Owner(self.user.id, self.user.status) if self.user else None

    @property
    def signed_in(self) -> str | None:
        return self.visitor.id if self.visitor else None
