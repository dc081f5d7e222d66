"""Is it still you? A sign-in of the last ten minutes is asked for before what can't be undone (T47)."""

from __future__ import annotations

from typing import cast

from flask import abort, current_app, request
from flask.typing import ResponseReturnValue

from portal.current import load_signed_in
from portal.dance import DanceBlueprint
from portal.linking import Purpose
from portal.parts import parts
from portal.security import next_target
from portal.views.guards import login_required
from portal.views.page import list_choices, show


@login_required
def prove() -> ResponseReturnValue:
    """The page with the buttons of the person's own providers."""
    here = parts()
    oauths = [identity.oauth for identity in here.accounts.list_identities(load_signed_in().user)]
    entries = {oauth.entry for oauth in oauths}
    # One that was added by an entry which is off now, or was renamed, is known to another entry of the same issuer.
    issuers = {oauth.issuer for oauth in oauths if oauth.entry not in here.providers}
    choices = [c for c in list_choices(hidden=True) if c.name in entries or here.providers[c.name].issuer in issuers]
    return show("prove", starts_dance=True, choices=choices, next=next_target(request.args.get("next")))


@login_required
def start_prove(provider: str) -> ResponseReturnValue:
    """Go and prove it with one of them."""
    user = load_signed_in().user
    return load_dance(provider).begin(Purpose.PROVE, next_target(request.form.get("next")), user=user)


def load_dance(provider: str) -> DanceBlueprint:
    """The blueprint of a provider that is on; 404 for any other name."""
    if provider not in parts().providers:
        abort(404)
    return cast(DanceBlueprint, current_app.blueprints[f"portal.{provider}"])
