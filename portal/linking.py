"""The rules: from a few facts to one decision. Pure: no time, no randomness, no store, no Flask, no token.

An address never yields a sign-in. It is among the facts as a hint, and yields a link only where an admin opted in, both
sides are verified and the incoming one is authoritative (T33, T34).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias, assert_never


class Purpose(Enum):
    """What a flow was begun for; sealed into it, so that no callback can be turned to another end (T03)."""

    SIGN_IN = "sign-in"
    LINK = "link"  # add an identity to the account that is signed in
    PROVE = "prove"  # show that it is still the same person, before something that can't be undone
    RECOVER = "recover"  # add an identity by a recovery link


class Policy(Enum):
    """What a known address of a new identity leads to; the admin's `[linking] same_email`."""

    ASK = "ask"
    SEPARATE = "separate"
    LINK = "link"


class State(Enum):
    """What a provider is good for; the admin's `state`."""

    ON = "on"
    OFF = "off"  # opens nothing
    LINK_ONLY = "link_only"  # makes no account, but is added to one, and then opens it
    HIDDEN = "hidden"  # has no button, and opens only what it opened already


class SignUps(Enum):
    """Who may make an account; the admin's `sign_up`."""

    OPEN = "open"
    INVITED = "invited"  # who holds an invitation, or is listed among the admins
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom an identity, or an address, belongs to."""

    user_id: str
    status: Literal["active", "suspended"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an identity stands with its provider now: what that is good for, and whether the identity is on its list."""

    provider: State = State.ON
    allowed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when an identity has come back, or when the person has answered the page it led to."""

    purpose: Purpose
    provider: State  # what the identity's provider is good for now
    owner: Owner | None  # whom the identity belongs to
    signed_in: str | None  # the user whose live session this browser holds
    meant: str | None  # the user for whom the flow was begun, if that user's epoch is still the one of then
    confirmed: bool = False  # whether the person has seen which identity it is, and said yes
    address_owner: Owner | None = None  # whom the identity's verified address belongs to
    authoritative: bool = False  # whether the provider runs that address's domain
    used_another: bool = False  # whether this browser signed in with another provider before
    vouches: bool = True  # whether the provider ever verifies addresses
    policy: Policy = Policy.ASK
    allowed: bool = True  # whether the identity is on its provider's list, where there is one
    may_join: bool = True  # whether who has no account yet may make one


class Reason(Enum):
    """Why a rule said no."""

    PROVIDER_OFF = "provider-off"
    NOT_ALLOWED = "not-allowed"  # not on the provider's list
    NO_SIGN_UP = "no-sign-up"  # nobody, or nobody without an invitation, makes an account
    LINK_ONLY = "link-only"  # nobody makes an account with this provider
    NOBODY_NEW = "nobody-new"  # this provider opens what it opened already, and is added to nothing
    SIGNED_IN_AS_ANOTHER = "signed-in-as-another"
    SUSPENDED = "suspended"
    NOT_THE_SAME = "not-the-same"  # who began the flow is not who is here now, or has changed since
    ALREADY_YOURS = "already-yours"
    ANOTHERS = "anothers"  # the identity opens another account
    NOT_YOURS = "not-yours"  # proved, but with an identity that is not this account's
    LAST_WAY_IN = "last-way-in"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True)
class SignUp:
    """Make a user that owns this identity, and sign this browser in."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign this browser in as the identity's owner, with a new session."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Keep the identity for a while and ask whether the person is new here or has an account already."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Keep the identity for a while and show which one is about to be added."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """Add the identity to this user."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Change nothing, and say why."""

    reason: Reason


Decision: TypeAlias = SignUp | SignIn | Ask | Confirm | Link | Refuse


def decide(facts: Facts) -> Decision:
    """What to do with an identity. Total: every combination of facts has one decision."""
    if facts.provider is State.OFF:
        return Refuse(Reason.PROVIDER_OFF)
    if not facts.allowed:
        return Refuse(Reason.NOT_ALLOWED)
    match facts.purpose:
        case Purpose.SIGN_IN:
            return _decide_sign_in(facts)
        case Purpose.LINK | Purpose.RECOVER:
            return _decide_link(facts)
        case Purpose.PROVE:
            return _decide_prove(facts)
        case _:
            assert_never(facts.purpose)


def _decide_sign_in(facts: Facts) -> Decision:
    owner = facts.owner
    if facts.signed_in is not None and (owner is None or owner.user_id != facts.signed_in):
        return Refuse(Reason.SIGNED_IN_AS_ANOTHER)  # never a switch, never a second user (T43)
    if owner is not None:
        return Refuse(Reason.SUSPENDED) if owner.status == "suspended" else SignIn(owner.user_id)
    if facts.provider is State.HIDDEN:
        return Refuse(Reason.NOBODY_NEW)
    known = facts.address_owner
    sure = facts.policy is Policy.LINK and facts.authoritative and known is not None and known.status == "active"
    if known is not None and sure and not facts.confirmed:
        return Link(known.user_id)
    # Who can't make an account is not asked whether they have one: the question would tell which addresses are known.
    if not facts.may_join:
        return Refuse(Reason.NO_SIGN_UP)
    if facts.provider is State.LINK_ONLY:
        return Refuse(Reason.LINK_ONLY)
    if facts.confirmed or facts.policy is Policy.SEPARATE:
        return SignUp()
    in_doubt = known is not None or facts.used_another or not facts.vouches
    return Ask() if in_doubt else SignUp()


def _decide_link(facts: Facts) -> Decision:
    signed_in_as_meant = facts.signed_in == facts.meant
    if facts.purpose is Purpose.RECOVER:  # whoever holds the link; but a session of somebody else's is not switched
        signed_in_as_meant = facts.signed_in is None or signed_in_as_meant
    if facts.meant is None or not signed_in_as_meant:
        return Refuse(Reason.NOT_THE_SAME)
    if facts.owner is not None:
        return Refuse(Reason.ALREADY_YOURS if facts.owner.user_id == facts.meant else Reason.ANOTHERS)
    if facts.provider is State.HIDDEN:
        return Refuse(Reason.NOBODY_NEW)
    return Link(facts.meant) if facts.confirmed else Confirm(facts.meant)


def _decide_prove(facts: Facts) -> Decision:
    if facts.meant is None or facts.signed_in != facts.meant:
        return Refuse(Reason.NOT_THE_SAME)
    if facts.owner is None or facts.owner.user_id != facts.meant:
        return Refuse(Reason.NOT_YOURS)
    return Refuse(Reason.SUSPENDED) if facts.owner.status == "suspended" else SignIn(facts.meant)


def may_join(sign_up: SignUps, *, invited: bool) -> bool:
    """Whether somebody without an account may make one."""
    return sign_up is SignUps.OPEN or (sign_up is SignUps.INVITED and invited)


@dataclass(frozen=True, slots=True)
class Unlink:
    """Remove the identity from its user."""


def decide_unlink(*, owned: bool, usable_others: int) -> Unlink | Refuse:
    """Whether an identity may go. `owned` is whether it is the user's own, `usable_others` how many of the user's other
    identities open the account as things stand: the last way in stays, however many dead ones are left (T45)."""
    if not owned:
        return Refuse(Reason.NOT_FOUND)
    return Unlink() if usable_others > 0 else Refuse(Reason.LAST_WAY_IN)
