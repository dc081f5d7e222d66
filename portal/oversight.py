"""What an admin does to an account: suspend, restore, sign out, promote, demote, and notes of what else was done.

Each is one read-write transaction that writes the `User` and leaves an Event with who did it (T104), and holds at the
user's next request. Who is an admin is not known here: these are called by commands, and by no page.
"""

from __future__ import annotations

from dataclasses import replace

from portal.models import User
from portal.records import Records
from portal.storage import Insert, Store, Transaction, Update


class Oversight:
    """The admin's actions over one store. `by` is who acts, in words for the user's history: "command line: root"."""

    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    def suspend(self, user_id: str, *, by: str, reason: str | None) -> bool:
        """Let nobody in any more, and end every session. False if there is no such user, or none to suspend.
        Raises StoreError, as all of these do."""
        return self._change(user_id, "suspended", by=by, note=reason, status="suspended", suspended_for=reason)

    def restore(self, user_id: str, *, by: str, reason: str | None) -> bool:
        """Let a suspended user in again; the sessions from before stay ended. False if there is none to restore."""
        return self._change(user_id, "restored", by=by, note=reason, status="active", suspended_for=None)

    def sign_out(self, user_id: str, *, by: str, reason: str | None) -> bool:
        """End every session. False if there is no such user."""
        return self._change(user_id, "signed-out-by-admin", by=by, note=reason)

    def promote(self, user_id: str, *, by: str, reason: str | None) -> bool:
        """Make an admin of a user. False if there is none to promote."""
        return self._change(user_id, "promoted", by=by, note=reason, admin=True)

    def demote(self, user_id: str, *, by: str, reason: str | None) -> bool:
        """Take that back; what the configuration lists is not touched. False if there is none to demote."""
        return self._change(user_id, "demoted", by=by, note=reason, admin=False)

    def note(self, user_id: str, what: str, *, by: str, reason: str | None) -> bool:
        """Write down something that left the account as it is, an export. False if there is no such user."""
        return self._change(user_id, what, by=by, note=reason, ends_sessions=False)

    def _change(
        self, user_id: str, what: str, *, by: str, note: str | None, ends_sessions: bool = True, **changes: object
    ) -> bool:
        def work(transaction: Transaction) -> bool:
            user: User | None
            (user,) = transaction.look_up(User.key_of(user_id))
            if user is None:
                return False
            told = {"status", "admin"} & changes.keys()  # a reason alone is no change
            if told and all(getattr(user, name) == changes[name] for name in told):
                return False
            epoch = user.epoch + 1 if ends_sessions else user.epoch
            changed = replace(user, epoch=epoch, **changes)  # type: ignore[arg-type]
            transaction.write(Update(changed), Insert(self._records.event(user.id, what, None, by=by, note=note)))
            return True

        return self._store.transact(work)
