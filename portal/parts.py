"""What one portal is made of, and how a request finds it: `parts()` is `current_app.extensions["portal"]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app

from portal.accounts import Accounts
from portal.admins import Admins
from portal.avatar_ids import AvatarIds
from portal.backchannel import BackChannel
from portal.config import Config
from portal.flow import Flows
from portal.pictures import Pictures
from portal.readiness import Readiness
from portal.removals import Removals
from portal.revoker import Revoker
from portal.sessions import Sessions
from portal.storage import Store
from portal.tokens import Tokens
from portal.user import CurrentUser
from portal.ways import Ways
from providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Made once an application by `portal.app`; everything in it may be shared between threads."""

    config: Config
    providers: Mapping[str, Provider]  # those that are on, in the order of their buttons
    ways: Ways  # what the configuration says of each
    store: Store
    accounts: Accounts
    admins: Admins
    sessions: Sessions
    flows: Flows
    backchannel: BackChannel
    tokens: Tokens
    revoker: Revoker
    removals: Removals
    readiness: Readiness
    avatar_ids: AvatarIds
    pictures: Pictures
    csrf_keys: tuple[str, ...] = field(repr=False)  # newest first
    owns_app: bool  # whether the application is the portal's own, its Flask session included
    on_user: Callable[[CurrentUser], Any] | None = None  # from a user of ours to an application's own row


def parts() -> Parts:
    """The parts of the portal that serves this request."""
    return cast(Parts, current_app.extensions["portal"])
