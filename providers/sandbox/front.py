"""The front channel, the same everywhere: the authorisation request, the consent page, and the way back with a code.

What is asked wrongly is told to the application only where its redirect URI is certain; otherwise to the person, here
(RFC 6749 §4.1.2.1).
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from providers.sandbox.choice import HEADER, Choice, Unusable, read_form, read_header
from providers.sandbox.grants import Ask, Code, Grant
from providers.sandbox.misbehaviour import MISBEHAVIOURS, Change
from providers.sandbox.standin import StandIn
from providers.sandbox.troubles import WORDS, Trouble

AGO = 3600  # seconds since people last signed in at the provider, where nobody asks them to do it anew
MAX_AGE = re.compile(r"[0-9]{1,9}")
BY_CHOICE = {name: it.words for name, it in MISBEHAVIOURS.items() if it.discovery is None}
INVALID_CLIENT, REDIRECT_URI_MISMATCH = "invalid_client", "redirect_uri_mismatch"
WHY = {
    INVALID_CLIENT: "No application with this client_id is registered here.",
    REDIRECT_URI_MISMATCH: "This redirect_uri is not registered for the application, character by character.",
}
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url (RFC 7636 §4.2)


def authorize(standin: StandIn) -> ResponseReturnValue:
    """GET shows the consent page, POST takes what was chosen on it."""
    return _decide(standin) if request.method == "POST" else _ask(standin)


def _ask(standin: StandIn) -> ResponseReturnValue:
    args = request.args
    if args.getlist("client_id") != [standin.client.client_id]:
        return _refuse(standin, INVALID_CLIENT)
    redirect_uris = args.getlist("redirect_uri")
    if len(redirect_uris) != 1 or redirect_uris[0] not in standin.client.redirect_uris:
        return _refuse(standin, REDIRECT_URI_MISMATCH)
    fault = _fault(standin)
    if fault is not None:
        error, why = fault
        state = args["state"] if len(args.getlist("state")) == 1 else None
        return _send_back(standin, redirect_uris[0], {"error": error, "error_description": why, "state": state})
    ask = Ask(
        redirect_uri=redirect_uris[0],
        state=args.get("state"),
        scopes=tuple(sorted({standin.scopes[scope] for scope in _scopes()})),
        challenge=args["code_challenge"],
        nonce=args.get("nonce"),
        offline=args.get("access_type") == "offline",
        anew="login" in _prompt() or _max_age() <= AGO,
        consent="consent" in _prompt(),
    )
    shortcut = request.headers.get(HEADER)
    if shortcut is None:
        return _page(standin, ask, standin.grants.asks.put(ask))
    try:
        return _grant(standin, ask, read_header(shortcut, standin))
    except Unusable as unusable:
        return stop(standin, str(unusable))


def _decide(standin: StandIn) -> ResponseReturnValue:
    request_id = request.form.get("request", "")
    ask = standin.grants.asks.get(request_id)
    if ask is None:
        return stop(standin, "This page is too old. Start again where you came from.")
    try:
        choice = read_form(request.form, standin)
    except Unusable as unusable:
        return _page(standin, ask, request_id, problem=str(unusable)), 400
    if choice is None:
        return _send_back(standin, ask.redirect_uri, {**standin.denial, "state": ask.state})
    return _grant(standin, ask, choice)


def _grant(standin: StandIn, ask: Ask, choice: Choice) -> Response:
    kept_back = standin.email_scopes | standin.withheld if choice.trouble is Trouble.SCOPE_REDUCED else frozenset()
    scopes = frozenset(ask.scopes) - kept_back
    signed_in = int(standin.grants.clock()) - (0 if ask.anew else AGO)
    grant = Grant(ask, choice.person, scopes, choice.trouble, choice.at, choice.misbehaviour, signed_in)
    change = MISBEHAVIOURS[choice.misbehaviour].answer if choice.misbehaviour else None
    answer = {"code": standin.grants.codes.put(Code(grant)), "state": ask.state}
    return _send_back(standin, ask.redirect_uri, answer, change)


def _fault(standin: StandIn) -> tuple[str, str] | None:
    """What is wrong with the request, as `error` and `error_description`."""
    args = request.args
    if any(len(values) > 1 for _, values in args.lists()):
        return "invalid_request", "A parameter is there more than once."  # RFC 6749 §3.1
    if "response_type" not in args:
        return "invalid_request", "response_type is missing."
    if args["response_type"] != "code":
        return "unsupported_response_type", "response_type is code here."
    if CHALLENGE.fullmatch(args.get("code_challenge", "")) is None:
        return "invalid_request", "code_challenge is compulsory here."  # RFC 7636 §4.4.1
    if args.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method is S256 here."  # absent means plain (RFC 7636 §4.3)
    if unknown := [scope for scope in _scopes() if scope not in standin.scopes]:
        return "invalid_scope", f"Unknown here: {' '.join(unknown)}"
    return None if standin.openid is None else _openid_fault()


def _openid_fault() -> tuple[str, str] | None:
    """OpenID Connect Core §3.1.2.1. Nobody is ever signed in here without being asked."""
    if not MAX_AGE.fullmatch(request.args.get("max_age", "0")):
        return "invalid_request", "max_age is a number of seconds."
    if _prompt() == ["none"]:
        return "login_required", "Somebody has to be asked."
    return ("invalid_request", "prompt is none or something.") if "none" in _prompt() else None


def _max_age() -> int:
    """Seconds; endless where it isn't asked for, or is none."""
    asked = request.args.get("max_age", "")
    return int(asked) if MAX_AGE.fullmatch(asked) else 10**9


def _prompt() -> list[str]:
    return request.args.get("prompt", "").split()


def _scopes() -> list[str]:
    return re.findall(r"[^\s,]+", request.args.get("scope", ""))


def _send_back(
    standin: StandIn, redirect_uri: str, answer: dict[str, str | None], change: Change | None = None
) -> Response:
    answer["iss"] = standin.issuer
    if change is not None:
        change(answer)
    query = urlencode({name: value for name, value in answer.items() if value is not None})
    joint = "&" if "?" in redirect_uri else "?"
    return Response(status=303, headers={"Location": f"{redirect_uri}{joint}{query}{standin.fragment}"})


def _page(standin: StandIn, ask: Ask, request_id: str, *, problem: str | None = None) -> str:
    return render_template(
        "consent.html",
        standin=standin,
        ask=ask,
        request_id=request_id,
        problem=problem,
        told=request.form,
        troubles=WORDS,
        misbehaviours={} if standin.openid is None else BY_CHOICE,
        application=ask.redirect_uri.split("/")[2],
    )


def stop(standin: StandIn, why: str, status: int = 400) -> ResponseReturnValue:
    """The page for what goes no further."""
    return render_template("stop.html", standin=standin, why=why), status


def _refuse(standin: StandIn, error: str) -> ResponseReturnValue:
    """Never a redirect to whoever asked: the address may be anybody's (RFC 6749 §4.1.2.1)."""
    return stop(standin, WHY[error]) if standin.refuse is None else standin.refuse(standin, error)
