"""The error page: one for every outcome, with what to do next, an incident id, and one log line without a secret."""

from __future__ import annotations

import logging

from flask import Blueprint, Flask, Response, make_response
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError, default_exceptions

from portal.advice import ADVICE
from portal.errors import Outcome, Stop, StoreError
from portal.linking import Purpose
from portal.logs import incident, log, printable
from portal.parts import parts
from portal.views.page import list_choices, show

RETRY_AFTER = 10  # seconds
# Their pages have no button that signs in with a provider, so `form-action` may hold there (T26).
_WITHOUT_BUTTONS = frozenset(
    {
        Outcome.SIGNED_IN_AS_ANOTHER,
        Outcome.NOT_THE_SAME,
        Outcome.ALREADY_YOURS,
        Outcome.ANOTHERS,
        Outcome.NOT_YOURS,
        Outcome.NOT_RECENT,
        Outcome.LINK_SPENT,
        Outcome.SUSPENDED,
        Outcome.SIGN_IN_FIRST,
        Outcome.BAD_REQUEST,
        Outcome.NOT_FOUND,
        Outcome.WRONG_METHOD,
        Outcome.TOO_LARGE,
        Outcome.STORE_DOWN,
        Outcome.NO_PROVIDER,
        Outcome.BROKEN,
    }
)
_ANOTHER_HELPS = frozenset(  # another account of the same provider is a next step (T51, T65)
    {
        Outcome.ALREADY_YOURS,
        Outcome.ANOTHERS,
        Outcome.NOT_YOURS,
        Outcome.NOT_LET_IN,
        Outcome.ADDRESS_UNVERIFIED,
    }
)
# Where the same thing is tried again; "" is the provider's own button. A recovery link has to be opened once more.
_TRIES_AGAIN = {
    Purpose.SIGN_IN.value: "",
    Purpose.LINK.value: "portal.link",
    Purpose.PROVE.value: "portal.start_prove",
}
_BY_STATUS = {404: Outcome.NOT_FOUND, 405: Outcome.WRONG_METHOD, 413: Outcome.TOO_LARGE}


def register(blueprint: Blueprint) -> None:
    """Handle what our own views stop with; an application's errors stay its own."""
    blueprint.register_error_handler(Stop, show_stop)
    blueprint.register_error_handler(StoreError, show_store_error)
    for code in default_exceptions:  # by code: an application's page for a 404 would else come before ours
        blueprint.register_error_handler(code, show_http_error)
    blueprint.register_error_handler(HTTPException, show_http_error)


def register_app_wide(app: Flask) -> None:
    """Give the page to every error of an application that is all ours: unknown paths, foreign hosts, bugs."""
    app.register_error_handler(HTTPException, show_http_error)


def show_stop(stop: Stop) -> Response:
    """The page of an outcome. It asks no store and no provider: either may be what is broken."""
    here = parts()
    outcome, provider = stop.outcome, here.providers.get(stop.provider or "")
    log.log(
        _level(outcome),
        "stopped: %s (%d) provider=%s incident=%s %s",
        outcome.code,
        outcome.status,
        printable(stop.provider or "-"),
        incident(),
        printable(stop.detail),
        extra={
            "outcome": outcome.code,
            "status": outcome.status,
            "provider": stop.provider,
            "incident": incident(),
            "advice": ADVICE[outcome],
        },
    )
    here.sessions.ask_no_more()
    asks_who = provider is not None and bool(provider.another_account)
    another = asks_who and outcome in _ANOTHER_HELPS and stop.purpose in _TRIES_AGAIN
    proves = provider is not None and outcome is Outcome.NOT_RECENT
    signs_in = outcome not in _WITHOUT_BUTTONS and not stop.for_account
    by_link = signs_in and stop.purpose == Purpose.RECOVER.value  # signing in would make the account that isn't wanted
    choices = list_choices()
    leads_on = signs_in and (bool(choices) or provider is not None)
    page = show(
        "error",
        starts_dance=another or proves or (leads_on and not by_link and not stop.back),
        outcome=outcome.code,
        provider=provider or (here.ways.off.get(stop.provider or "") if outcome is Outcome.PROVIDER_OFF else None),
        choices=choices,
        next=stop.next,
        shared=stop.shared,
        back=stop.back,
        for_account=stop.for_account,
        by_link=by_link,
        another=another,
        tries_again=_TRIES_AGAIN.get(stop.purpose, ""),
        incident=incident(),
    )
    response = make_response(page, outcome.status)
    if outcome.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _level(outcome: Outcome) -> int:
    """ERROR where somebody who runs the site may have to act; strangers' addresses are no news."""
    if outcome in {Outcome.NOT_FOUND, Outcome.WRONG_METHOD}:
        return logging.INFO
    return logging.ERROR if outcome.status >= 500 else logging.WARNING


def show_store_error(error: StoreError) -> Response:
    """The store is out of reach: a 503, never an answer as if nobody were there (T93)."""
    return show_stop(Stop(Outcome.STORE_DOWN, detail=f"{type(error).__name__}: {error}"))


def show_http_error(error: HTTPException) -> Response:
    """What werkzeug refuses, on our own page; what is a redirect or a ready response passes."""
    if error.response is not None or (error.code or 500) < 400:
        return make_response(error.get_response())
    if isinstance(error, SecurityError):
        return _refuse_host(error)
    if isinstance(error, InternalServerError):
        return show_stop(Stop(Outcome.BROKEN, detail=type(error.original_exception).__name__))
    response = show_stop(Stop(_BY_STATUS.get(error.code or 400, Outcome.BAD_REQUEST), detail=error.name))
    for name, value in error.get_headers():  # `Allow` of a 405
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _refuse_host(error: SecurityError) -> Response:
    """A foreign Host (T28) gets one line of text: under that name no page of ours has an address, nor a form a use."""
    log.warning("stopped: foreign host (400) incident=%s %s", incident(), printable(error.description))
    return Response(f"There is no site of this name here. ({incident()})\n", 400, mimetype="text/plain")
