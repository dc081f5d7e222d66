"""A recovery link: whoever holds it adds one identity to the account it was made for."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Outcome, Stop
from portal.linking import Purpose
from portal.parts import parts
from portal.pending import pending_id
from portal.views.fresh import load_dance
from portal.views.page import list_choices, show


def recover() -> ResponseReturnValue:
    """The buttons. The secret is in the query, which no log keeps, and goes on in a form field."""
    secret = request.args.get("code", "")[:100]
    if parts().accounts.membership.get_recovering(pending_id(secret)) is None:
        raise Stop(Outcome.LINK_SPENT)
    return show("recover", starts_dance=True, choices=list_choices(), code=secret)


def start_recover(provider: str) -> ResponseReturnValue:
    """Go and choose the identity."""
    key = pending_id(request.form.get("code", "")[:100])
    if parts().accounts.membership.get_recovering(key) is None:
        raise Stop(Outcome.LINK_SPENT)
    shared = bool(request.form.get("shared"))
    return load_dance(provider).begin(Purpose.RECOVER, url_for("portal.account"), pending=key, shared=shared)
