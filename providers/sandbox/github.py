"""The stand-in GitHub: OAuth only, an integer id, and addresses in a call of their own.

Quirks: the token answer is a form unless JSON is asked for; its errors come with status 200; scopes come back with
commas; `/user` has no address that isn't public; the first of `/user/emails` is not the primary one; the API refuses
a client without `User-Agent`; an unknown application is not found; an organisation's memberships are told to
`read:org`, and those of one that has not approved the application to nobody.
docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

import re
from typing import assert_never
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from providers.sandbox import people, pictures
from providers.sandbox.back import CallFault, bearer, exchange
from providers.sandbox.clients import Client
from providers.sandbox.front import INVALID_CLIENT, WHY, authorize, stop
from providers.sandbox.grants import CodeFault, Grant, Grants
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import StandIn
from providers.sandbox.troubles import Call, Trouble, bad_subject, play

YEAR = 365 * 24 * 3600.0  # no expiry is announced; what is not used for a year is revoked
SCOPES = ("read:user", "user", "user:email", "read:org")
EMAIL_SCOPES = frozenset({"user", "user:email"})
UNAPPROVING = "fortress"  # the organisation that has not approved the application; every other one has


def make_standin(client: Client, *, clock: Clock, pace: float) -> StandIn:
    return StandIn(
        name="github",
        title="GitHub",
        client=client,
        grants=Grants(prefix="gho_", life=YEAR, clock=clock),
        people=people.GITHUB,
        scopes={scope: scope for scope in SCOPES},
        email_scopes=EMAIL_SCOPES,
        withheld=frozenset({"read:org"}),
        calls=(Call.TOKEN, Call.PROFILE, Call.EMAIL),
        subject=re.compile(r"[1-9][0-9]{0,15}"),
        subject_digits=15,
        has_verified=True,
        issuer_path="/github/login/oauth",
        denial={
            "error": "access_denied",
            "error_description": "The user has denied your application access.",
        },
        refuse=_refuse,
        pace=pace,
    )


def make_blueprint(standin: StandIn) -> Blueprint:
    github = Blueprint("github", __name__, url_prefix="/github")

    @github.route("/login/oauth/authorize", methods=["GET", "POST"])
    def auth() -> ResponseReturnValue:
        return authorize(standin)

    @github.post("/login/oauth/access_token")
    def token() -> ResponseReturnValue:
        found = exchange(standin, request.form)
        if not isinstance(found, Grant):
            return _answer(_token_error(found))
        if (bad := play(found.trouble_at(Call.TOKEN), pace=standin.pace)) is not None:
            return bad
        scope = ",".join(sorted(found.scopes))
        return _answer({"access_token": standin.grants.tokens.put(found), "scope": scope, "token_type": "bearer"})

    @github.get("/api/user")
    def user() -> ResponseReturnValue:
        grant = _caller(standin, Call.PROFILE)
        if not isinstance(grant, Grant):
            return grant
        return jsonify(_profile(grant)), {"X-OAuth-Scopes": ", ".join(sorted(grant.scopes))}

    @github.get("/api/user/emails")
    def emails() -> ResponseReturnValue:
        grant = _caller(standin, Call.EMAIL)
        if not isinstance(grant, Grant):
            return grant
        if not grant.scopes & EMAIL_SCOPES:
            return _api_error("Not Found", 404)
        return jsonify(_emails(grant))

    @github.get("/api/user/memberships/orgs/<name>")
    def membership(name: str) -> ResponseReturnValue:
        grant = _caller(standin, Call.PROFILE)
        if not isinstance(grant, Grant):
            return grant
        if "read:org" not in grant.scopes:
            return _api_error("You need at least read:org scope to list your memberships.", 403)
        if name.lower() == UNAPPROVING:
            return _api_error(f"The `{name}` organization has enabled OAuth App access restrictions.", 403)
        return _membership(grant, name.lower())

    return github


def _refuse(standin: StandIn, error: str) -> ResponseReturnValue:
    if error == INVALID_CLIENT:
        return stop(standin, WHY[error], 404)
    return stop(standin, f"{WHY[error]} The redirect_uri is not associated with this application.")


def _caller(standin: StandIn, call: Call) -> Grant | ResponseReturnValue:
    """Whose token the API was called with, or what to answer instead."""
    if not request.headers.get("User-Agent"):
        return _api_error(
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent.", 403
        )
    grant = standin.grants.tokens.get(bearer())
    if grant is None:
        return _api_error("Bad credentials", 401)
    return play(grant.trouble_at(call), pace=standin.pace) or grant


def _profile(grant: Grant) -> dict[str, object]:
    person = grant.person
    known = grant.trouble is not Trouble.NO_PROFILE
    return {
        "login": person.login,
        "id": bad_subject(grant.trouble, int(person.subject), odd=person.subject),
        "avatar_url": pictures.address(person.subject),
        "type": "User",
        "name": person.name if known else None,
        "email": person.email if known and person.public_email else None,
    }


def _emails(grant: Grant) -> list[dict[str, object]]:
    person = grant.person
    if person.email is None or grant.trouble is Trouble.NO_PROFILE:
        return []
    own = {"email": person.email, "primary": True, "verified": person.verified}
    hidden = f"{person.subject}+{person.login}@users.noreply.code.test"
    return [
        {"email": hidden, "primary": False, "verified": True, "visibility": None},
        {**own, "visibility": "public" if person.public_email else "private"},
    ]


def _membership(grant: Grant, name: str) -> ResponseReturnValue:
    person = grant.person
    if name not in (*person.organisations, *person.invited_to):
        return _api_error("Not Found", 404)
    state = "active" if name in person.organisations else "pending"
    return jsonify(state=state, role="member", organization={"login": name, "id": int.from_bytes(name[:4].encode())})


def _token_error(fault: CallFault | CodeFault) -> dict[str, str]:
    match fault:
        case CallFault.CLIENT | CallFault.REPEATED:
            return _error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        case CodeFault.REDIRECT:
            return _error("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL.")
        case CodeFault.UNKNOWN | CodeFault.USED | CodeFault.VERIFIER:
            return _error("bad_verification_code", "The code passed is incorrect or expired.")
        case _:
            assert_never(fault)


def _error(error: str, description: str) -> dict[str, str]:
    return {"error": error, "error_description": description}


def _answer(fields: dict[str, str]) -> Response:
    if "application/json" in request.headers.get("Accept", ""):
        return jsonify(fields)
    return Response(urlencode(fields), mimetype="application/x-www-form-urlencoded")


def _api_error(message: str, status: int) -> ResponseReturnValue:
    return jsonify(message=message, status=str(status)), status
