"""What providers call when a person removes the application there, or wants their data gone; and how to follow it up.

These requests come from a provider's own servers: no cookie, no CSRF token, no page of ours. What they are believed by
is their signature alone, which the provider's module checks (T100).
"""

from __future__ import annotations

import json
import time

from flask import Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from portal.logs import log
from portal.parts import parts
from portal.records import oauth_id
from portal.signals import identity_unlinked, tell, user_deleted
from portal.views.health import say
from portal.views.page import show
from providers.base import Removal

SIGNED = frozenset({"portal.deauthorize", "portal.delete_data"})  # endpoints that a signature opens, and nothing else


def deauthorize(provider: str) -> Response:
    """The person has removed the application at the provider: what is kept of their token is dead."""
    here = parts()
    removal = _read(provider)
    if removal is None:
        return say("bad request", 400)
    subject = oauth_id(here.providers[provider].issuer, removal.subject)
    if here.removals.deauthorize(subject, issued=removal.issued):
        log.info("somebody removed the application at %s", provider)
    return say("ok")


def delete_data(provider: str) -> Response:
    """The person wants gone what came from the provider."""
    here = parts()
    removal = _read(provider)
    if removal is None:
        return say("bad request", 400)
    code = here.removals.code_of(request.form["signed_request"])
    subject = oauth_id(here.providers[provider].issuer, removal.subject)
    gone = here.removals.delete_data(subject, entry=provider, code=code, issued=removal.issued)
    if gone.user_id is not None:
        log.info("a person's data was deleted at the word of %s: %s", provider, gone.receipt.what)
        deleted = gone.receipt.what == "account"
        tell(user_deleted if deleted else identity_unlinked, user_id=gone.user_id, entry=None if deleted else provider)
    # From the configured origin, never from a request's Host (T28).
    origin = here.config.origin or request.host_url.rstrip("/")
    answer = {"url": origin + url_for("portal.deletion", code=code), "confirmation_code": code}
    return Response(json.dumps(answer), mimetype="application/json")


def deletion() -> ResponseReturnValue:
    """What became of a deletion, for whoever holds its code. It needs no sign-in: there may be nobody left to."""
    here = parts()
    receipt = here.removals.get_receipt(request.args.get("code", "")[:100])
    title = here.ways.title(receipt.entry) if receipt is not None else ""
    return make_response(show("deletion", receipt=receipt, provider=title), 200 if receipt else 404)


def _read(provider: str) -> Removal | None:
    """Whom the request is about; None where the provider did not sign it."""
    sent = request.form.getlist("signed_request")
    try:
        if len(sent) != 1:
            raise ValueError("not exactly one signed_request")
        return parts().providers[provider].read_removal(sent[0], now=time.time())
    except ValueError as error:
        log.warning("refused a removal in the name of %s: %s", provider, error)
        return None
