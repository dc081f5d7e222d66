"""An invitation: whoever opens the link may make one account, where accounts are made by invitation."""

from __future__ import annotations

from flask import make_response, request, url_for
from flask.typing import ResponseReturnValue

from portal.current import get_current
from portal.errors import Outcome, Stop
from portal.landing import go_on
from portal.linking import SignUps, State
from portal.parts import parts
from portal.pending import pending_id
from portal.views.page import list_choices, show


def invite() -> ResponseReturnValue:
    """The buttons. The secret is in the query, which no log keeps, and goes on in this browser's cookie: whichever
    button is pressed, and pressed again, it is there. Opening the page uses nothing up: mail scanners open links."""
    here = parts()
    secret = request.args.get("code", "")[:100]
    if get_current().is_authenticated:
        return go_on(url_for("portal.account"))
    choices = [choice for choice in list_choices() if here.ways.state(choice.name) is State.ON]
    if here.config.sign_up is SignUps.CLOSED or not choices:
        raise Stop(Outcome.NO_SIGN_UP)
    if not here.accounts.invitations.is_good(pending_id(secret)):
        raise Stop(Outcome.LINK_SPENT)
    response = make_response(show("invite", starts_dance=True, choices=choices, next="/"))
    here.sessions.keep_invitation(response, secret)
    return response
