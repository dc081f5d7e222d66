"""Changes which identities a user has, and whether there is a user: link, unlink, rename, recover, delete, export.

Each is one read-write transaction that writes the `User`: it reads first, decides on what it read, writes last, and has
no network inside. Whatever changed since the person pressed the button is therefore seen (T105).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from portal.devices import Devices, is_of
from portal.errors import AlreadyExists, NotFound, StoreError
from portal.history import History
from portal.linking import Facts, Link, Owner, Purpose, Reason, Refuse, Standing, Unlink, decide, decide_unlink
from portal.models import Email, Event, OAuth, Pending, Session, Token, User
from portal.pending import make_recovery, open_pending, pending_id
from portal.records import Arrival, Records, Seat, email_id
from portal.remains import clear, make_mark
from portal.revocation import Farewell, make_farewell
from portal.storage import Delete, Insert, Mutation, Store, Transaction, Update, find

AT_ONCE = 200  # events removed at once, each with the session it names; Datastore takes 500 mutations
_OURS = {"sealed", "version", "oauth_id", "lease", "lease_until", "spent_at", "retry_at"}  # nothing of a Token's owner
_TOLD_OF_AN_EVENT = {"what", "when", "entry", "device", "by", "note"}
_TOLD_OF_A_SESSION = {"created", "seen", "expires", "device", "oauth_id", "shared", "email"}


class Unlinked(NamedTuple):
    """What an unlink leaves: the user, what was removed, the acting session, and what is to be done at the provider."""

    user: User
    oauth: OAuth
    session: Session | None
    farewell: Farewell


class Deleted(NamedTuple):
    """What is to be done at the providers, for each identity that a deleted user had."""

    farewells: tuple[Farewell, ...]


class Membership:
    """The rules over several rows, carried out over one store."""

    def __init__(self, store: Store, records: Records, devices: Devices) -> None:
        self._store = store
        self._records = records
        self._devices = devices
        self._history = History(store)

    def link(
        self,
        arrival: Arrival,
        *,
        user_id: str,
        epoch: int | None,
        purpose: Purpose,
        standing: Standing,
        session: Session | None = None,
        new_id: str | None = None,
        seat: Seat | None = None,
        before: Session | None = None,
        pending_id: str | None = None,
    ) -> tuple[User, Session] | Refuse:
        """Add an identity to a user. Every other session of the user ends (T35).

        The user must still have that epoch (None: any). `session` is the live one that stays, under `new_id` from then
        on (None: its secret has not left us yet); `seat` where a new one is made, in the place of `before` if this
        browser has a live one. A `pending_id` is used up. Raises StoreError, and for a sign-in by its address (the
        admin opted in) NotFound where that address is not the user's any more, or the identity somebody's by now:
        decide again.
        """

        def work(transaction: Transaction) -> tuple[User, Session] | Refuse:
            user: User | None
            user, oauth, email, acting, pending = find(
                transaction,
                User.key_of(user_id),
                OAuth.key_of(arrival.oauth_id),
                Email.key_of(arrival.email_id) if arrival.email_id else None,
                session.key if session else None,
                Pending.key_of(pending_id) if pending_id else None,
            )
            if pending_id and (pending is None or self._records.now() >= pending.expires):
                return Refuse(Reason.NOT_FOUND)
            same = user is not None and user.status == "active" and epoch in {None, user.epoch}
            here = session is None or is_of(acting, user)
            known = purpose is not Purpose.SIGN_IN or _proved_by(email, user)
            meant = user.id if user and same and here and known and _is_for(pending, user) else None
            decision = decide(
                Facts(
                    purpose=Purpose.LINK if purpose is Purpose.SIGN_IN else purpose,
                    provider=standing.provider,
                    allowed=standing.allowed,
                    owner=Owner(oauth.user_id, "active") if oauth else None,
                    signed_in=meant,
                    meant=meant,
                    confirmed=True,
                )
            )
            if not isinstance(decision, Link) or user is None:
                if purpose is Purpose.SIGN_IN:
                    raise NotFound
                return decision if isinstance(decision, Refuse) else Refuse(Reason.NOT_THE_SAME)
            changed = replace(user, oauths=(*user.oauths, arrival.oauth_id), epoch=user.epoch + 1)
            if seat is not None:
                stays = self._records.session(changed, arrival, seat, before)
                moves: list[Mutation] = self._devices.hand_over(before, stays) if before else [Insert(stays)]
            else:
                stays, moves = self._goes_on(acting, new_id, epoch=changed.epoch)
            mutations: list[Mutation] = [
                Update(changed),
                Insert(self._records.oauth(user_id, arrival)),
                Insert(self._records.token(user_id, arrival, version=1)),
                *moves,
                Insert(self._records.event(user_id, "linked", stays, arrival)),
            ]
            hint = self._records.email(user_id, arrival)
            if hint and email is None:
                mutations.append(Insert(hint))
            if pending_id:
                mutations.append(Delete(Pending.key_of(pending_id)))
            transaction.write(*mutations)
            return changed, stays

        return self._store.transact(work)

    def link_waiting(
        self,
        secret: str,
        purpose: str,
        user: User,
        session: Session,
        *,
        new_id: str | None = None,
        stands: Callable[[Arrival], Standing],
    ) -> tuple[User, Session, Arrival] | Refuse:
        """Add the identity that waits behind a secret to who is signed in: after a yes on the page that named it, or
        after an old way in was proved (T03). `stands` says how it stands by now (T105). The session goes on as `link`
        says. Raises StoreError."""
        key = pending_id(secret)
        (pending,) = self._store.look_up(Pending.key_of(key))
        arrival = open_pending(pending, purpose, cipher=self._records.cipher, now=self._records.now())
        if arrival is None:
            return Refuse(Reason.NOT_FOUND)
        try:
            linked = self.link(
                arrival,
                user_id=user.id,
                epoch=user.epoch,
                purpose=Purpose.LINK,
                standing=stands(arrival),
                session=session,
                new_id=new_id,
                pending_id=key,
            )
        except AlreadyExists:  # somebody's first sign-in with it, at this very moment
            return Refuse(Reason.ANOTHERS)
        return linked if isinstance(linked, Refuse) else (*linked, arrival)

    def unlink(
        self,
        user: User,
        session: Session | None,
        oauth_id: str,
        *,
        new_id: str | None = None,
        usable: Callable[[OAuth], bool],
        end_others: bool,
        also: Sequence[Mutation] = (),
        at_the_providers_word: bool = False,
        by: str | None = None,
    ) -> Unlinked | Refuse:
        """Remove one of the user's own identities, never the last usable one, whatever runs beside it (T42, T45).

        `usable` says of an identity whether one can sign in with it. The acting session stays (T46), under `new_id`;
        sessions that came by the identity end with it, and with `end_others` all others do. `also` is written with it.
        Raises StoreError. Its access is withdrawn at the provider by an entry in the outbox, written with the rest;
        `at_the_providers_word` it is so already. That, and an admin's work (`by`), is done to the suspended as well.
        """

        def work(transaction: Transaction) -> Unlinked | Refuse:
            now_user: User | None
            acting: Session | None
            now_user, acting = find(transaction, user.key, session.key if session else None)
            forced = at_the_providers_word or by is not None
            may_change = now_user is not None and (now_user.status == "active" or forced)
            if now_user is None or not may_change or (session and not is_of(acting, now_user)):
                return Refuse(Reason.NOT_THE_SAME)  # a session that was ended meanwhile must not come back to life
            owned = transaction.list_at([OAuth.key_of(each) for each in now_user.oauths])
            mine = next((oauth for oauth in owned if oauth.id == oauth_id), None)
            others = [oauth for oauth in owned if oauth.id != oauth_id]
            decision = decide_unlink(owned=mine is not None, usable_others=sum(1 for oauth in others if usable(oauth)))
            if not isinstance(decision, Unlink) or mine is None:
                return decision if isinstance(decision, Refuse) else Refuse(Reason.NOT_FOUND)
            tokens = transaction.list_at([Token.key_of(oauth_id)])
            emails = self._emails_of(transaction, tokens)
            farewell = Farewell(mine.entry, None, "over") if at_the_providers_word else self._farewell(mine, tokens)
            changed = replace(
                now_user, oauths=tuple(oauth.id for oauth in others), epoch=now_user.epoch + (1 if end_others else 0)
            )
            stays, moves = None, list[Mutation]()
            if acting is not None:
                if acting.oauth_id == oauth_id:  # and the address goes with the identity that vouched for it
                    acting = replace(acting, oauth_id=others[0].id, email=None)
                stays, moves = self._goes_on(acting, new_id, epoch=changed.epoch)
            mutations: list[Mutation] = [
                Update(changed),
                Delete(Token.key_of(oauth_id)),
                Delete(mine.key),
                *(Delete(email.key) for email in emails),
                *moves,
                Insert(self._records.event(user.id, "unlinked", stays, mine, by=by)),
                *_outbox([farewell]),
                *also,
            ]
            transaction.write(*mutations)
            return Unlinked(changed, mine, stays, farewell)

        return self._store.transact(work)

    def rename(self, user: User, session: Session, name: str | None) -> None:
        """Change the name that pages show. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            (current,) = transaction.look_up(user.key)
            if current is not None and current.status == "active":
                event = self._records.event(user.id, "renamed", session)
                transaction.write(Update(replace(current, name=name)), Insert(event))

        self._store.transact(work)

    def make_recovery(self, user_id: str, secret: str, *, by: str | None = None) -> datetime | None:
        """Let whoever holds this secret add one identity to a user, within 15 minutes.

        Gives when that ends; None for no such active user. The user's history shows it. Raises StoreError.
        """

        def work(transaction: Transaction) -> datetime | None:
            (user,) = transaction.look_up(User.key_of(user_id))
            if user is None or user.status != "active":
                return None
            pending = make_recovery(secret, user, self._records.now())
            event = self._records.event(user_id, "recovery-link-made", None, by=by)
            transaction.write(Insert(pending), Insert(event), Update(user))
            return pending.expires

        return self._store.transact(work)

    def get_recovering(self, key: str | None) -> User | None:
        """The user whose recovery link this is; None where it is unknown, used, too old, or the user changed since.
        Raises StoreError."""
        if not key:
            return None
        (pending,) = self._store.look_up(Pending.key_of(key))
        if pending is None or pending.purpose != "recover" or self._records.now() >= pending.expires:
            return None
        (user,) = self._store.look_up(User.key_of(pending.user_id or "-"))
        return user if user and user.status == "active" and user.epoch == pending.epoch else None

    def delete(
        self,
        user: User,
        session: Session | None = None,
        *,
        also: Sequence[Mutation] = (),
        only_with: str | None = None,
        seconds: float = 1.0,
    ) -> Deleted | None:
        """Remove the user and all that is held about them; every session ends. None if they were gone already.

        `also` is written with it. `only_with`: not if they have an identity other than this one, whose provider has
        ended its access itself. For the others the outbox gets entries.

        One transaction, with what the newest events lead to in it. What they leave, and what came beside them, follows
        in batches, for so many seconds here and then by the tick (`portal.remains`): nobody can ask for it any more,
        for the user is gone. Raises StoreError where they may be there still.
        """
        newest = self._store.list_under(Event, user.id, limit=AT_ONCE)

        def work(transaction: Transaction) -> Deleted | None:
            (current,) = transaction.look_up(user.key)
            if current is None or (only_with is not None and current.oauths != (only_with,)):
                return None
            keys = [key for each in current.oauths for key in (OAuth.key_of(each), Token.key_of(each))]
            found = transaction.list_at(keys)
            owned = [record for record in found if isinstance(record, OAuth)]
            tokens = [record for record in found if isinstance(record, Token)]
            emails = self._emails_of(transaction, tokens)
            farewells = [self._farewell(oauth, tokens) for oauth in owned if oauth.id != only_with]
            transaction.write(
                *(Delete(email.key) for email in emails),
                *(Delete(Token.key_of(oauth_id)) for oauth_id in current.oauths),
                *(Delete(OAuth.key_of(oauth_id)) for oauth_id in current.oauths),
                *_with_sessions(newest, session),
                Delete(current.key),
                *_outbox(farewells),
                *also,
                Insert(make_mark(user.id, self._records.now())),
            )
            return Deleted(tuple(farewells))

        deleted = self._store.transact(work)
        if deleted is None and only_with is not None:
            return None
        with suppress(StoreError):  # the account is gone, and that is what there is to say
            clear(self._store, user.id, seconds=seconds)
        return deleted

    def export(self, user: User, session: Session | None) -> dict[str, Any]:
        """All that is held about a user; of tokens only that there is one, and until when. Raises StoreError."""
        keys = [key for oauth_id in user.oauths for key in (OAuth.key_of(oauth_id), Token.key_of(oauth_id))]
        found = self._store.list_at(keys)
        tokens = {record.oauth_id: record for record in found if isinstance(record, Token)}
        events = list(self._history.walk(user.id))
        return {
            "account": {key: value for key, value in asdict(user).items() if key not in {"oauths", "epoch"}},
            "identities": [
                asdict(record) | _readable(tokens.get(record.id)) for record in found if isinstance(record, OAuth)
            ],
            "sessions": [
                {key: value for key, value in asdict(each).items() if key in _TOLD_OF_A_SESSION}
                | {"this one": session is not None and each.id == session.id}
                for each in self._sessions(user, events)
            ],
            "history": [
                {key: value for key, value in asdict(event).items() if key in _TOLD_OF_AN_EVENT} for event in events
            ],
        }

    def _goes_on(self, acting: Session | None, new_id: str | None, *, epoch: int) -> tuple[Session, list[Mutation]]:
        """The acting session after a change of the user's identities, and what writes it.

        Under a new secret: who has a copy of the cookie must not profit, and another tab's note that the session was
        seen, which writes the row as it was read, can't take the change back.
        """
        if acting is None:
            raise ValueError("a link needs a session that stays or a seat for a new one")
        if new_id is None:
            stays = replace(acting, epoch=epoch)
            return stays, [Update(stays)]
        stays = replace(acting, id=new_id, epoch=epoch, seen=self._records.now())
        return stays, self._devices.hand_over(acting, stays)

    def _farewell(self, oauth: OAuth, tokens: Sequence[Token]) -> Farewell:
        token = next((token for token in tokens if token.oauth_id == oauth.id), None)
        return make_farewell(oauth, token, cipher=self._records.cipher, now=self._records.now())

    def _emails_of(self, transaction: Transaction, tokens: Sequence[Token]) -> list[Email]:
        """The addresses that identities proved: found by what their Tokens say, kept only if they are theirs."""
        oauth_ids = {token.oauth_id for token in tokens}
        keys = {key for token in tokens if (key := email_id(token.email, verified=token.email_verified))}
        emails = transaction.list_at([Email.key_of(key) for key in sorted(keys)])
        return [email for email in emails if email.oauth_id in oauth_ids]

    def _sessions(self, user: User, events: Sequence[Event]) -> Iterator[Session]:
        """A user's sessions that are still kept: those that the history names, and those whose beginning it has
        forgotten. (On Datastore some of the former were written before there was an index.)"""
        listed = [session.id for session in self._store.list_of(Session, user.id, limit=1_000)]
        ids = list(dict.fromkeys([*(event.session_id for event in events if event.session_id), *listed]))
        for start in range(0, len(ids), AT_ONCE):
            yield from self._store.list_at([Session.key_of(each) for each in ids[start : start + AT_ONCE]])


def _outbox(farewells: Sequence[Farewell]) -> list[Mutation]:
    """What the provider has yet to be told, written with what it is about: neither can be without the other (T81)."""
    return [Insert(farewell.revocation) for farewell in farewells if farewell.revocation is not None]


def _is_for(pending: Pending | None, user: User | None) -> bool:
    """Whether what waits, if anything does, waits for this user as they are now, or for whoever proves to be them."""
    if pending is None or pending.user_id is None:
        return True
    return user is not None and (pending.user_id, pending.epoch) == (user.id, user.epoch)


def _proved_by(email: Email | None, user: User | None) -> bool:
    """Whether an address is the user's, by an identity that is still theirs."""
    return email is not None and user is not None and email.user_id == user.id and email.oauth_id in user.oauths


def _with_sessions(events: Sequence[Event], session: Session | None = None) -> list[Mutation]:
    """Remove events, and every session that they name."""
    ids = {event.session_id for event in events if event.session_id} | ({session.id} if session else set())
    return [*(Delete(event.key) for event in events), *(Delete(Session.key_of(each)) for each in sorted(ids))]


def _readable(token: Token | None) -> dict[str, Any]:
    if token is None:
        return {}
    shown = {key: value for key, value in asdict(token).items() if key not in _OURS}
    until = f"until {token.expires.isoformat()}" if token.expires else "without an end that the provider names"
    return shown | {"token": f"stored, sealed, {until}" if token.sealed else "not stored"}
