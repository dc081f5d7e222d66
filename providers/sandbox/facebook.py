"""The stand-in Facebook: a Graph of one node, that answers only what it is asked for.

Quirks: every address has a version in it; `#_=_` hangs on the redirect; a token lives for 60 days, and is exchanged for
a new one only while it lives; the proof of the app secret is compulsory; errors are nested and come with code and
subcode; nothing is ever said about whether an address is verified.
developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import assert_never

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from providers.sandbox import people, pictures
from providers.sandbox.back import CallFault, bearer, exchange, refusal
from providers.sandbox.clients import Client
from providers.sandbox.front import INVALID_CLIENT, WHY, authorize, stop
from providers.sandbox.grants import CodeFault, Grant, Grants
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import StandIn, base
from providers.sandbox.troubles import Call, Trouble, bad_subject, play

SIXTY_DAYS = 5_183_944  # a little less, as Facebook sends it
FIELDS = {"id", "name", "email", "picture"}


def make_standin(client: Client, *, clock: Clock, pace: float) -> StandIn:
    return StandIn(
        name="facebook",
        title="Facebook",
        client=client,
        grants=Grants(prefix="EAA", life=SIXTY_DAYS, clock=clock),
        people=people.FACEBOOK,
        scopes={"public_profile": "public_profile", "email": "email"},
        email_scopes=frozenset({"email"}),
        calls=(Call.TOKEN, Call.PROFILE),
        subject=re.compile(r"[1-9][0-9]{0,19}"),
        subject_digits=17,
        has_verified=False,
        issuer_path=None,
        fragment="#_=_",
        refreshing=Refreshing(life=SIXTY_DAYS),
        denial={
            "error": "access_denied",
            "error_code": "200",
            "error_description": "Permissions error",
            "error_reason": "user_denied",
        },
        refuse=_refuse,
        pace=pace,
    )


def make_blueprint(standin: StandIn) -> Blueprint:
    facebook = Blueprint("facebook", __name__, url_prefix="/facebook/<graph_version:version>")

    @facebook.url_value_preprocessor
    def any_version_will_do(_endpoint: str | None, values: dict[str, object] | None) -> None:
        if values is not None:
            del values["version"]

    @facebook.route("/dialog/oauth", methods=["GET", "POST"])
    def auth() -> ResponseReturnValue:
        return authorize(standin)

    @facebook.get("/oauth/error")
    def error_page() -> ResponseReturnValue:
        return stop(standin, WHY[INVALID_CLIENT])

    @facebook.route("/oauth/access_token", methods=["GET", "POST"])
    def token() -> ResponseReturnValue:
        fields = request.form if request.method == "POST" else request.args
        if fields.get("grant_type") == "fb_exchange_token":
            return _longer_lived(standin, fields)
        found = exchange(standin, fields)
        if not isinstance(found, Grant):
            return _token_error(found)
        if (bad := play(found.trouble_at(Call.TOKEN), pace=standin.pace)) is not None:
            return bad
        return _token(standin, found, standin.refreshing.life)

    @facebook.get("/me")
    def me() -> ResponseReturnValue:
        token = bearer() or request.args.get("access_token", "")
        grant = standin.grants.tokens.get(token)
        if grant is None:
            return _error("Invalid OAuth access token - Cannot parse access token", 190)
        if (fault := _proof_fault(standin.client, token)) is not None:
            return _error(fault, 100)
        asked = request.args.get("fields", "id,name").split(",")
        if unknown := [field for field in asked if field not in FIELDS]:
            return _error(f"(#100) Tried accessing nonexisting field ({unknown[0]}) on node type (User)", 100)
        if (bad := play(grant.trouble_at(Call.PROFILE), pace=standin.pace)) is not None:
            return bad
        known = _profile(grant)
        return {field: known[field] for field in ["id", *asked] if field in known}

    @facebook.delete("/me/permissions")
    def delete_permissions() -> ResponseReturnValue:
        """developers.facebook.com/docs/graph-api/reference/user/permissions"""
        token = bearer() or request.args.get("access_token", "")
        if (bad := standin.revoking.spoiled(pace=standin.pace)) is not None:
            return bad
        if standin.grants.tokens.get(token) is None:
            return _error("Error validating access token: The user has not authorized application", 190, subcode=458)
        if (fault := _proof_fault(standin.client, token)) is not None:
            return _error(fault, 100)
        standin.revoking.withdraw(standin.grants, token)
        return {"success": True}

    return facebook


def _longer_lived(standin: StandIn, fields: MultiDict[str, str]) -> ResponseReturnValue:
    """developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived"""
    here = standin.refreshing
    if (fault := refusal(standin, fields)) is not None:
        return _token_error(fault)
    if (bad := here.spoiled(pace=standin.pace)) is not None:
        return bad
    grant = standin.grants.tokens.get(fields.get("fb_exchange_token", ""))
    if grant is None:
        return _error("Error validating access token: Session has expired", 190, subcode=463)
    here.done += 1
    answer = _token(standin, grant, SIXTY_DAYS)
    return here.lost(pace=standin.pace) or answer


def _token(standin: StandIn, grant: Grant, life: int) -> dict[str, object]:
    token = standin.grants.tokens.put(grant, life=life)
    return {"access_token": token, "token_type": "bearer", "expires_in": life}


def _refuse(standin: StandIn, error: str) -> ResponseReturnValue:
    if error == INVALID_CLIENT:
        here = request.path.partition("/dialog/")[0]
        code = "PLATFORM__INVALID_APP_ID"
        return Response(status=302, headers={"Location": f"{base()}{here}/oauth/error?error_code={code}"})
    return stop(standin, f"URL Blocked. {WHY[error]}")


def _proof_fault(client: Client, token: str) -> str | None:
    """developers.facebook.com/docs/graph-api/guides/secure-requests"""
    proof = request.args.get("appsecret_proof")
    if proof is None:
        return "API calls from the server require an appsecret_proof argument"
    right = hmac.new(client.client_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    return (
        None
        if hmac.compare_digest(right.encode(), proof.encode())
        else "Invalid appsecret_proof provided in the API argument"
    )


def _profile(grant: Grant) -> dict[str, object]:
    """Everything there is to be asked for; what isn't known is left out, never null."""
    person = grant.person
    profile: dict[str, object] = {"id": bad_subject(grant.trouble, person.subject, odd="ada.lovelace")}
    if grant.trouble is Trouble.NO_PROFILE:
        return profile
    if person.name is not None:
        profile["name"] = person.name
    if person.email is not None and "email" in grant.scopes:
        profile["email"] = person.email
    url = pictures.address(person.subject)
    return profile | {"picture": {"data": {"height": 50, "width": 50, "is_silhouette": False, "url": url}}}


def _token_error(fault: CallFault | CodeFault) -> ResponseReturnValue:
    match fault:
        case CallFault.CLIENT:
            return _error("Error validating client secret.", 1)
        case CallFault.REPEATED:
            return _error("Invalid parameter", 100)
        case CodeFault.UNKNOWN:
            return _error("Invalid verification code format.", 100)
        case CodeFault.USED:
            return _error("This authorization code has been used.", 100, subcode=36009)
        case CodeFault.REDIRECT:
            why = "Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"
            return _error(f"Error validating verification code. {why}", 100, subcode=36008)
        case CodeFault.VERIFIER:
            return _error("Invalid code_verifier parameter", 100)
        case _:
            assert_never(fault)


def _error(message: str, code: int, *, subcode: int | None = None) -> tuple[Response, int]:
    error: dict[str, object] = {"message": message, "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    return jsonify(error=error | {"fbtrace_id": "A" + secrets.token_urlsafe(16)}), 400
