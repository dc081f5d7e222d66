"""Where one is signed in, on the account page, and the buttons that end it.

None of them asks for a recent sign-in. They only ever take away; who is frightened must not be held up by a provider
that is down; and a thief who presses them gains nothing, for the way in is at the provider and the owner comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.accounts import LinkedIdentity, SignedIn
from portal.current import forget_current, load_signed_in
from portal.errors import Stop
from portal.landing import NOTICE, OUTCOMES, go_on, move_on
from portal.linking import Refuse
from portal.login_manager import make_room
from portal.parts import parts
from portal.security import forget_before_sign_in
from portal.user_agent import describe
from portal.views.guards import login_required
from portal.views.words import ago


@dataclass(frozen=True, slots=True)
class Device:
    """A session as the page shows it. `id` is the store's key, which signs nobody in."""

    id: str
    name: str
    provider: str
    started: datetime
    seen: datetime
    seen_in_words: str
    shared: bool
    here: bool


def list_devices(signed_in: SignedIn, identities: list[LinkedIdentity]) -> tuple[list[Device], bool]:
    """Where the person is signed in, and whether that may not be all."""
    here = parts()
    entries = {identity.oauth.id: identity.oauth.entry for identity in identities}
    listing = here.accounts.devices.list_all(signed_in.user, signed_in.session)
    now = datetime.now(UTC)
    devices = []
    for each in listing.sessions:
        entry = entries.get(each.oauth_id, "")
        devices.append(
            Device(
                id=each.id,
                name=describe(each.device),
                provider=here.ways.title(entry),
                started=each.created,
                seen=each.seen,
                seen_in_words=ago(now - each.seen),
                shared=each.shared,
                here=each.id == signed_in.session.id,
            )
        )
    return devices, listing.more


@login_required
def end() -> ResponseReturnValue:
    """End one. What is none of one's own is told as what is over already (T42)."""
    signed_in = load_signed_in()
    asked = request.form.get("session", "")[:100]
    if asked == signed_in.session.id:
        parts().accounts.sign_out(signed_in)
        return _leave("signed-out")
    ended = parts().accounts.devices.end(signed_in.user, signed_in.session, asked)
    session[NOTICE] = ["ended" if ended else "ended-already", ""]
    return go_on(url_for("portal.account"))


@login_required
def end_others() -> ResponseReturnValue:
    """End all but this one, which goes on under a new secret."""
    here = parts()
    signed_in = load_signed_in()
    ticket = here.sessions.make_ticket()
    stays = here.accounts.devices.end_others(signed_in.user, signed_in.session, ticket.session_id)
    if isinstance(stays, Refuse):
        raise Stop(OUTCOMES[stays.reason], for_account=True)
    return move_on(SignedIn(*stays), ticket, ["ended-others", ""])


@login_required
def end_all() -> ResponseReturnValue:
    """Sign out everywhere, here as well."""
    signed_in = load_signed_in()
    parts().accounts.devices.end_all(signed_in.user, signed_in.session)
    return _leave("signed-out-everywhere")


def _leave(notice: str) -> Response:
    here = parts()
    make_room()
    forget_current()
    forget_before_sign_in(everything=here.owns_app)
    session[NOTICE] = [notice, ""]
    response = go_on(url_for("portal.home"))
    here.sessions.forget(response)
    return response
