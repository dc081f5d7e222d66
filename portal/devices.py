"""Lists a user's sessions and ends them, and lets one go on under a new secret. It knows no cookie and no browser."""

from __future__ import annotations

from dataclasses import dataclass, replace

from portal.linking import Reason, Refuse
from portal.models import Session, User
from portal.pending import make_replaced
from portal.records import Records
from portal.storage import Delete, Insert, Mutation, Store, Transaction, Update

READ = 200  # rows of a listing, those that are over among them; Datastore gives about 300 in one answer
LISTED = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """A user's live sessions, the acting one first and then the latest seen; `more` if there may be others."""

    sessions: tuple[Session, ...]
    more: bool


class Devices:
    """Where a user is signed in, over one store. A cookie is never believed for long: all of it is in the rows."""

    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    def is_live(self, session: Session, user: User) -> bool:
        """Whether a session stands for its user now: all that can end it is in these two rows and the limits."""
        return (
            session.user_id == user.id
            and session.epoch == user.epoch
            and session.oauth_id in user.oauths  # a sign-in beside the unlinking of its identity is dead (T105)
            and user.status == "active"
            and self._records.now() < self._records.lifetimes.ends(session)
        )

    def list_all(self, user: User, acting: Session) -> Listing:
        """Where the user is signed in, in one round trip. Raises StoreError."""
        found = self._store.list_of(Session, user.id, limit=READ)
        others = [each for each in found if each.id != acting.id and self.is_live(each, user)]
        others.sort(key=lambda each: each.seen, reverse=True)
        return Listing((acting, *others[: LISTED - 1]), more=len(found) == READ or len(others) >= LISTED)

    def end(self, user: User, acting: Session, session_id: str) -> bool:
        """End one of the user's own sessions at once; False where it is none of theirs, or none (T42).
        Raises StoreError."""
        (session,) = self._store.look_up(Session.key_of(session_id))
        if session is None or session.user_id != user.id:
            return False
        self._store.commit(Delete(session.key), Insert(self._records.event(user.id, "session-ended", acting)))
        return True

    def end_others(self, user: User, acting: Session, new_id: str) -> tuple[User, Session] | Refuse:
        """End every session but the acting one, which goes on under a new secret: whoever has a copy of its cookie is
        out as well (T56). The same work for one session or a thousand. Raises StoreError."""

        def work(transaction: Transaction) -> tuple[User, Session] | Refuse:
            current, here = transaction.look_up(user.key, acting.key)
            if current is None or current.status != "active" or here is None or not is_of(here, current):
                return Refuse(Reason.NOT_THE_SAME)  # a session that was ended meanwhile must not come back to life
            changed = replace(current, epoch=current.epoch + 1)
            stays = replace(here, id=new_id, epoch=changed.epoch, seen=self._records.now())
            event = self._records.event(user.id, "signed-out-elsewhere", stays)
            transaction.write(Update(changed), *self.hand_over(here, stays), Insert(event))
            return changed, stays

        return self._store.transact(work)

    def end_all(self, user: User, acting: Session) -> None:
        """End every session, this one too. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            (current,) = transaction.look_up(user.key)
            if current is not None:
                event = self._records.event(user.id, "signed-out-everywhere", acting)
                transaction.write(Update(replace(current, epoch=current.epoch + 1)), Delete(acting.key), Insert(event))

        self._store.transact(work)

    def hand_over(self, old: Session, new: Session) -> list[Mutation]:
        """Put a session into another's place in the same browser, in one commit (T52)."""
        return [Delete(old.key), Insert(make_replaced(old.id, self._records.now())), Insert(new)]


def is_of(session: Session | None, user: User | None) -> bool:
    """Whether a session is there, and the user's, and not ended by what changed since."""
    return session is not None and user is not None and (session.user_id, session.epoch) == (user.id, user.epoch)
