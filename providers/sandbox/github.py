"""The stand-in GitHub: OAuth only, an integer id, and addresses in a call of their own.

Tokens live as long as they are used, unless the application has them expire: then they live for eight hours, and come
with a refresh token that works once.

Quirks: the token answer is a form unless JSON is asked for; its errors come with status 200; scopes come back with
commas; `/user` has no address that isn't public; the first of `/user/emails` is not the primary one; the API refuses
a client without `User-Agent`; an unknown application is not found; an organisation's memberships are told to
`read:org`, and those of one that has not approved the application to nobody.
docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from providers.sandbox import people, pictures
from providers.sandbox.back import CallFault, bearer, exchange, refusal
from providers.sandbox.clients import Client
from providers.sandbox.front import INVALID_CLIENT, WHY, authorize, stop
from providers.sandbox.grants import CodeFault, Grant, Grants
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import StandIn
from providers.sandbox.troubles import Call, Trouble, bad_subject, play

YEAR = 365 * 24 * 3600.0  # no expiry is announced; what is not used for a year is revoked
EIGHT_HOURS, SIX_MONTHS = 28_800, 15_897_600
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
        refreshing=Refreshing(life=EIGHT_HOURS, expires=False, single_use=True),
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
        if request.form.get("grant_type") == "refresh_token":
            return _refreshed(standin)
        found = exchange(standin, request.form)
        if not isinstance(found, Grant):
            return _answer(_token_error(found))
        if (bad := play(found.trouble_at(Call.TOKEN), pace=standin.pace)) is not None:
            return bad
        return _answer(_token(standin, found))

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

    @github.delete("/api/applications/<client_id>/grant")
    def delete_grant(client_id: str) -> ResponseReturnValue:
        return _delete_grant(standin, client_id)

    return github


def _refuse(standin: StandIn, error: str) -> ResponseReturnValue:
    if error == INVALID_CLIENT:
        return stop(standin, WHY[error], 404)
    return stop(standin, f"{WHY[error]} The redirect_uri is not associated with this application.")


def _delete_grant(standin: StandIn, client_id: str) -> ResponseReturnValue:
    """docs.github.com/en/rest/apps/oauth-applications: the app's own id and secret, never a person's token."""
    who, here = request.authorization, standin.revoking
    known = who is not None and who.type == "basic" and who.username == client_id == standin.client.client_id
    if not known or who is None or not standin.client.has_secret(who.password or ""):
        return _api_error("Bad credentials", 401)
    if (bad := here.spoiled(pace=standin.pace)) is not None:
        return bad
    sent = request.get_json(silent=True)
    token = sent.get("access_token") if isinstance(sent, dict) else None
    if not isinstance(token, str) or not token:
        return _api_error("Validation Failed", 422)
    is_access_token = standin.grants.tokens.get(token) is not None
    if not is_access_token or not here.withdraw(standin.grants, token):
        return _api_error("Not Found", 404)
    return "", 204


def _refreshed(standin: StandIn) -> ResponseReturnValue:
    """docs.github.com, "Refreshing user access tokens"."""
    here = standin.refreshing
    if (fault := refusal(standin, request.form)) is not None:
        return _answer(_token_error(fault))
    if (bad := here.spoiled(pace=standin.pace)) is not None:
        return bad
    grant = here.redeem(standin.grants, request.form.get("refresh_token", ""))
    if not isinstance(grant, Grant):
        return _answer(_error("bad_refresh_token", "The refresh token passed is incorrect or expired."))
    answer = _token(standin, grant)
    return here.lost(pace=standin.pace) or _answer(answer)


def _token(standin: StandIn, grant: Grant) -> dict[str, str | int]:
    here, grants = standin.refreshing, standin.grants
    answer: dict[str, str | int] = {"scope": ",".join(sorted(grant.scopes)), "token_type": "bearer"}
    if not here.expires:
        return {"access_token": grants.tokens.put(grant), **answer}
    return {
        "access_token": grants.tokens.put(grant, life=here.life),
        "expires_in": here.life,
        "refresh_token": grants.refresh_tokens.put(grant),
        "refresh_token_expires_in": SIX_MONTHS,
        **answer,
    }


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


def _answer(fields: Mapping[str, str | int]) -> Response:
    if "application/json" in request.headers.get("Accept", ""):
        return jsonify(fields)
    return Response(urlencode(fields), mimetype="application/x-www-form-urlencoded")


def _api_error(message: str, status: int) -> ResponseReturnValue:
    return jsonify(message=message, status=str(status)), status
