"""Choosing a provider, one provider's button, and signing out."""

from __future__ import annotations

from flask import abort, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.current import forget_current, get_current
from portal.errors import Outcome, Stop
from portal.landing import NOTICE, go_on
from portal.login_manager import make_room
from portal.parts import parts
from portal.security import forget_before_sign_in, next_target
from portal.user import CurrentUser
from portal.views.page import list_choices, show


def login() -> ResponseReturnValue:
    """The page to choose a provider on; who is signed in already goes on to `next`."""
    return _choose(None)


def button(provider: str) -> ResponseReturnValue:
    """One provider's page: a GET shows its button and starts nothing (T02)."""
    return _choose(provider)


def switched_off(provider: str) -> ResponseReturnValue:
    """A provider that is off: its page, its button on a page that was open, and its callback in flight (T88, T105)."""
    here = parts()
    if provider not in here.ways.off:
        abort(404)
    flow = here.flows.get(request.cookies, request.args.get("state", "")[:100])
    raise Stop(
        Outcome.PROVIDER_OFF,
        provider=provider,
        next=flow.next if flow else next_target(request.values.get("next")),
        for_account=flow is not None and flow.user_id != "",
        purpose=flow.purpose if flow else "",
    )


def logout() -> ResponseReturnValue:
    """End this browser's session, here and not at the provider, which the next page says (T65)."""
    here, user = parts(), get_current()
    response = go_on(url_for("portal.home"))
    make_room()
    if isinstance(user, CurrentUser):
        here.accounts.sign_out(user.signed_in)
        forget_current()
        forget_before_sign_in(everything=here.owns_app)
        session[NOTICE] = ["signed-out", ""]
    here.sessions.forget(response)
    return response


def _choose(only: str | None) -> ResponseReturnValue:
    here, user = parts(), get_current()
    target = next_target(request.args.get("next"))
    if not here.providers:
        raise Stop(Outcome.NO_PROVIDER)
    if isinstance(user, CurrentUser):
        response = go_on(target)
        here.sessions.give_pass(response, user.signed_in.session)
        return response
    others, shared = only is not None and list_choices() != list_choices(only), bool(request.args.get("shared"))
    choices = list_choices(only)
    asking = [choice for choice in choices if here.providers[choice.name].another_account]
    another = bool(request.args.get("another")) and bool(asking)  # which account is asked there (T65)
    return show(
        "login",
        starts_dance=bool(choices),
        shared=shared,
        choices=asking if another else choices,
        next=target,
        only=only,
        others=others,
        another=another,
        may_ask=bool(asking),
    )
