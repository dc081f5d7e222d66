"""Whether the store can be written, read and searched as the portal will, and whom the settings would lock out."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from portal.errors import AlreadyExists, NotFound, StoreError
from portal.models import Pending, Session, User
from portal.setup.findings import Finding, Level, good, problem, untested
from portal.storage import Delete, Insert, Store
from portal.storage.budget import request_budget
from portal.ways import Ways, locked_out

SECONDS = 12.0  # for the walk over all users
SHOWN = 20  # people by name; the others as a number
_ABOUT, _PEOPLE = "store", "people"


def check_store(store: Store, url: str) -> list[Finding]:
    """Write a row that nothing looks for, read it, delete it, and ask the two sorts of query that there are."""
    probe = Pending(secrets.token_urlsafe(32), "check", None, None, None, datetime.now(UTC))
    doing = "written to"
    try:
        with request_budget(5):
            store.commit(Insert(probe))
            doing = "read"
            (found,) = store.look_up(probe.key)
            doing = "deleted from"
            store.commit(Delete(probe.key))
            doing = "searched"
            store.scan(User, limit=1)
            store.list_of(Session, "-", limit=1)
    except (AlreadyExists, NotFound) as error:  # no such database, on Datastore
        return [problem(_ABOUT, f"{url} can't be {doing} ({type(error).__name__}): see what `store` names", "store")]
    except StoreError as error:
        return [problem(_ABOUT, f"{url} can't be {doing}: {error} (setting: store)", "store")]
    if found != probe:
        return [problem(_ABOUT, f"{url} gave back something else than was written (setting: store)", "store")]
    return [good(_ABOUT, f"{url}: written, read, searched, and cleaned up")]


def check_people(store: Store, ways: Ways, *, seconds: float = SECONDS) -> list[Finding]:
    """Who has no way in any more, as things are set (T88). They are who would be turned away if they came now."""
    ends = time.monotonic() + seconds
    out: list[User] = []
    seen = 0
    try:
        with request_budget(seconds + 2):
            for seen, user in locked_out(store, ways):
                out += [user] if user else []
                if time.monotonic() >= ends:
                    return [*_tell(out, seen), _unfinished(seen)]
    except StoreError:
        return [untested(_PEOPLE, "who would be locked out isn't known: the store can't be read")]
    return _tell(out, seen)


def _tell(out: list[User], seen: int) -> list[Finding]:
    if not out:
        return [good(_PEOPLE, f"each of {seen} can still sign in" if seen else "nobody has an account yet")]
    who = [f"{user.id} ({user.name})" if user.name else user.id for user in out[:SHOWN]]
    more = f" and {len(out) - SHOWN} more" if len(out) > SHOWN else ""
    says = (
        f"{len(out)} of {seen} can't sign in any more, for every provider they have is off, gone or closed to them: "
        f"{', '.join(who)}{more}; turn it on, or send each a link: manage.py users recover ID"
    )
    return [Finding(Level.WARNING, _PEOPLE, says, "providers", tuple(user.id for user in out))]


def _unfinished(seen: int) -> Finding:
    return untested(_PEOPLE, f"{seen} were looked at before time was up; there are more")
