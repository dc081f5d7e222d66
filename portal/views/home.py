"""`/`: what this is and the buttons, or the person who is signed in."""

from __future__ import annotations

from flask import redirect, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.errors import Outcome, Stop
from portal.landing import NOTICE
from portal.parts import parts
from portal.security import may_be_next
from portal.views.page import list_choices, show


@may_be_next
def home() -> ResponseReturnValue:
    """The front page; a signed-in person goes on to `home_url` where one is set."""
    here = parts()
    signed_in = current_user.is_authenticated
    if signed_in and here.config.home_url:
        return redirect(here.config.home_url, 303)
    if not signed_in and not here.providers:
        raise Stop(Outcome.NO_PROVIDER)
    notice = session.pop(NOTICE, None) if NOTICE in session else None
    if signed_in:
        return show("home", user=current_user, choices=[], notice=notice)
    return show("home", starts_dance=True, user=None, choices=list_choices(), notice=notice)
