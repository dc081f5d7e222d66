"""Is it still you? A sign-in of the last ten minutes is asked for before what can't be undone (T47)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from portal.dance import DanceBlueprint
from portal.linking import Purpose
from portal.parts import parts
from portal.security import next_target
from portal.views.page import list_choices, show

View = TypeVar("View", bound=Callable[..., Any])


def fresh_required(view: View) -> View:
    """Who is signed in, and was recently; others sign in, or prove that it is them, and come back to `next`."""

    @wraps(view)
    @login_required  # type: ignore[untyped-decorator]
    def checked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if not parts().accounts.is_fresh(current_user.signed_in):
            back = next_target(request.path)  # the page of the form that was sent has its address, or is the account's
            return redirect(url_for("portal.prove", next=back if back != "/" else url_for("portal.account")), 303)
        return cast(ResponseReturnValue, view(*args, **kwargs))

    return cast(View, checked)


@login_required  # type: ignore[untyped-decorator]
def prove() -> ResponseReturnValue:
    """The page with the buttons of the person's own providers."""
    here = parts()
    oauths = [identity.oauth for identity in here.accounts.list_identities(current_user.signed_in.user)]
    entries = {oauth.entry for oauth in oauths}
    # One that was added by an entry which is off now, or was renamed, is known to another entry of the same issuer.
    issuers = {oauth.issuer for oauth in oauths if oauth.entry not in here.providers}
    choices = [c for c in list_choices() if c.name in entries or here.providers[c.name].issuer in issuers]
    return show("prove", starts_dance=True, choices=choices, next=next_target(request.args.get("next")))


@login_required  # type: ignore[untyped-decorator]
def start_prove(provider: str) -> ResponseReturnValue:
    """Go and prove it with one of them."""
    user = current_user.signed_in.user
    return load_dance(provider).begin(Purpose.PROVE, next_target(request.form.get("next")), user=user)


def load_dance(provider: str) -> DanceBlueprint:
    """The blueprint of a provider that is on; 404 for any other name."""
    if provider not in parts().providers:
        abort(404)
    return cast(DanceBlueprint, current_app.blueprints[f"portal.{provider}"])
