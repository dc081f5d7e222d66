"""New here, or been here before? The page between a new identity and a new account, the same whatever led to it."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from portal.accounts import Intent, Waiting
from portal.current import get_current
from portal.errors import Outcome, Stop
from portal.landing import admission, go_on, land, make_seat
from portal.parts import parts
from portal.pending import pending_id
from portal.security import next_target
from portal.views.page import list_choices, show


def newcomer() -> ResponseReturnValue:
    """Ask. What the page says depends on the identity alone: it tells nobody whether an address is known here."""
    here = parts()
    target = next_target(request.args.get("next"))
    arrival = here.accounts.get_waiting(here.sessions.get_waiting(request), "sign-up")
    if arrival is None or arrival.entry not in here.providers:
        return _nothing_waits(target)
    return show(
        "welcome",
        starts_dance=True,
        identity=arrival.identity,
        entry=arrival.entry,
        provider=here.providers[arrival.entry].title,
        choices=[choice for choice in list_choices() if choice.name != arrival.entry],
        next=target,
        shared=bool(request.args.get("shared")),
    )


def create() -> ResponseReturnValue:
    """The person has pressed "Create my account"."""
    here = parts()
    secret = here.sessions.get_waiting(request)
    target = next_target(request.form.get("next"))
    arrival = here.accounts.get_waiting(secret, "sign-up")
    if arrival is None:
        return _nothing_waits(target)
    ticket = here.sessions.make_ticket()
    result = here.accounts.create(
        secret,
        make_seat(ticket, pending_id(secret), shared=bool(request.form.get("shared"))),
        Intent(standing=here.ways.stands(arrival), **admission(arrival)),
        here.sessions.get_browser(request),
    )
    assert not isinstance(result, Waiting)  # noqa: S101 - who has answered is not asked again
    return land(result, ticket, entry=arrival.entry, target=target)


def _nothing_waits(target: str) -> ResponseReturnValue:
    """Who has answered and goes back, or presses once more, is signed in and goes on."""
    if get_current().is_authenticated:
        return go_on(target)
    raise Stop(Outcome.WAITED_TOO_LONG, next=target)
