"""Seals an arrival into a Pending record and opens it again. The record waits ten minutes, for one use (T03)."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from portal.crypto import TokenCipher, digest
from portal.errors import SealError
from portal.models import Pending, User
from portal.records import Arrival
from providers.base import EmailTrust, Identity

LIFETIME = timedelta(minutes=10)
HANDOVER = timedelta(minutes=1)  # longer than any answer is on its way
RECOVERY_LIFETIME = timedelta(minutes=15)
INVITATION_LIFETIME = timedelta(days=7)


def pending_id(secret: str) -> str:
    """The key of the record whose secret a browser or a recovery link holds."""
    return digest("Pending", secret)


def pending_owner(key: str) -> tuple[str, ...]:
    """Whom a record's sealed value is bound to (T73)."""
    return (Pending.KIND, key)


def make_pending(
    secret: str, purpose: str, arrival: Arrival, *, cipher: TokenCipher, now: datetime, user: User | None = None
) -> Pending:
    """The record that holds an arrival until the person has answered a page."""
    key = pending_id(secret)
    document = asdict(arrival) | {"expires": arrival.expires.isoformat() if arrival.expires else None}
    document["identity"]["email_trust"] = arrival.identity.email_trust.value
    return Pending(
        id=key,
        purpose=purpose,
        user_id=user.id if user else None,
        epoch=user.epoch if user else None,
        sealed=cipher.seal(json.dumps(document).encode(), *pending_owner(key)),
        expires=now + LIFETIME,
    )


def make_recovery(secret: str, user: User, now: datetime) -> Pending:
    """The record behind a recovery link: whoever holds it may add one identity to this user."""
    return Pending(
        id=pending_id(secret),
        purpose="recover",
        user_id=user.id,
        epoch=user.epoch,
        sealed=None,
        expires=now + RECOVERY_LIFETIME,
    )


def make_replaced(session_id: str, now: datetime) -> Pending:
    """What is left of a session that goes on under a new secret: a request of another tab that comes with the old one
    is nobody's, but it must not take the cookie back, which is the new one by the time the browser obeys."""
    return Pending(id=session_id, purpose="replaced", user_id=None, epoch=None, sealed=None, expires=now + HANDOVER)


def make_invitation(secret: str, expires: datetime) -> Pending:
    """The record behind an invitation: whoever holds it may make one account."""
    return Pending(id=pending_id(secret), purpose="invite", user_id=None, epoch=None, sealed=None, expires=expires)


def open_pending(pending: Pending | None, purpose: str, *, cipher: TokenCipher, now: datetime) -> Arrival | None:
    """The arrival that waits in a record; None where it is gone, too old, of another purpose or does not open."""
    if pending is None or pending.purpose != purpose or now >= pending.expires or pending.sealed is None:
        return None
    try:
        document = json.loads(cipher.unseal(pending.sealed, *pending_owner(pending.id)))
    except SealError:
        return None
    known = {field.name for field in fields(Identity)}  # a newer version's fields are not ours to read (T101)
    identity = {key: value for key, value in document["identity"].items() if key in known}
    return Arrival(
        identity=Identity(**identity | {"email_trust": EmailTrust(identity["email_trust"])}),
        entry=document["entry"],
        token=document["token"],
        expires=datetime.fromisoformat(document["expires"]) if document["expires"] else None,
        scopes=tuple(document["scopes"]),
    )
