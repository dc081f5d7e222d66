"""What pages and applications may know of whoever asks: the person who is signed in, or nobody.

It knows no cookie and no request; who it is has been found out before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flask import url_for
from flask_login import AnonymousUserMixin, UserMixin

from portal.accounts import LinkedIdentity, SignedIn
from portal.avatar_ids import AvatarIds
from portal.models import User


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """One of a person's ways to sign in. `issuer` and `subject` together name it for ever; all else may change."""

    provider: str  # the configured name
    issuer: str
    subject: str
    name: str | None
    login: str | None
    email: str | None
    email_verified: bool
    linked: datetime


class CurrentUser(UserMixin):  # type: ignore[misc]
    """Who is signed in. `id` is text, stays the same for ever and is never given to anybody else."""

    is_unknown = False

    def __init__(
        self,
        signed_in: SignedIn,
        avatar_ids: AvatarIds,
        list_identities: Callable[[User], list[LinkedIdentity]] = lambda _: [],
        *,
        is_admin: bool = False,
    ) -> None:
        self._avatar_ids = avatar_ids
        self._list_identities = list_identities
        self.signed_in = signed_in
        self.is_admin = is_admin  # as the configuration and the store say now; what it allows is the application's
        self.id = signed_in.user.id
        self.name = signed_in.user.name

    @property
    def avatar(self) -> str:
        """Where the portal itself serves the picture, or the initials; never an address of a provider (T25)."""
        return url_for("portal.avatar", avatar_id=self._avatar_ids.make(self.id))

    @cached_property
    def identities(self) -> tuple[OwnIdentity, ...]:
        """In the order they were linked; one look-up, when it is first asked for. Raises StoreError."""
        return tuple(map(_as_own, self._list_identities(self.signed_in.user)))


class Nobody(AnonymousUserMixin):  # type: ignore[misc]
    """Nobody is signed in; or, where `is_unknown`, the store could not be asked whether somebody is."""

    id = None
    name = None
    avatar = None
    is_admin = False
    identities: tuple[OwnIdentity, ...] = ()

    def __init__(self, *, is_unknown: bool = False) -> None:
        self.is_unknown = is_unknown


def _as_own(linked: LinkedIdentity) -> OwnIdentity:
    oauth, token = linked.oauth, linked.token
    return OwnIdentity(
        provider=oauth.entry,
        issuer=oauth.issuer,
        subject=oauth.subject,
        name=token.name,
        login=token.login,
        email=token.email,
        email_verified=token.email_verified,
        linked=oauth.linked,
    )
