"""Who is an admin: identities that the configuration lists, and users promoted on the command line. Never an address.

An identity is its provider's issuer and subject, so a name, an address or a login that is handed on makes nobody one
(T95). The first user is nobody special either. It asks no store: all of it is in the User that a request has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portal.models import User
from portal.records import oauth_id


class Admins:
    """The answer, for one configuration."""

    def __init__(self, identities: Iterable[str], issuers: Mapping[str, str]) -> None:
        """`identities` as `github:583231`, `issuers` those of the providers that are on, by their configured names: one
        that is off makes nobody an admin."""
        named = (identity.partition(":") for identity in identities)
        self._listed = frozenset(oauth_id(issuers[entry], subject) for entry, _, subject in named if entry in issuers)

    def lists(self, user: User) -> bool:
        """Whether the configuration lists one of the user's identities."""
        return not self._listed.isdisjoint(user.oauths)

    def is_admin(self, user: User) -> bool:
        """Whether a user is one now. A suspended one is not."""
        return user.status == "active" and (user.admin or self.lists(user))
