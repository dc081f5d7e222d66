"""`/`: what this is and the buttons, or the person who is signed in."""

from __future__ import annotations

from flask import session, url_for
from flask.typing import ResponseReturnValue

from portal.current import get_current
from portal.errors import Outcome, Stop
from portal.landing import NOTICE, go_on
from portal.parts import parts
from portal.places import front_page
from portal.security import may_be_next
from portal.views.page import list_choices, show


@may_be_next
def home() -> ResponseReturnValue:
    """The portal's front page; a signed-in person goes on to `home_url` where one is set, or to the front page of the
    application around us."""
    here, user = parts(), get_current()
    signed_in = user.is_authenticated
    home_url = here.config.home_url or front_page()
    if signed_in and home_url != url_for("portal.home"):
        return go_on(home_url)
    if not signed_in and not here.providers:
        raise Stop(Outcome.NO_PROVIDER)
    notice = session.pop(NOTICE, None) if NOTICE in session else None
    if signed_in:
        return show("home", user=user, choices=[], notice=notice)
    choices = list_choices()
    return show("home", starts_dance=bool(choices), user=None, choices=choices, notice=notice)
