"""The stand-in Google: OpenID Connect, with discovery, a key set and a signed ID token.

Quirks: who asks wrongly is sent to a page of errors; scopes come back as addresses; `userinfo` says "false", a text, of
an address that is not verified (seen in the wild, where the ID token has the boolean); a refresh token only for
`access_type=offline`, and but once for a person who isn't asked for their consent again; `max_age` is ignored, and
nothing says when somebody signed in.
developers.google.com/identity/openid-connect
"""

from __future__ import annotations

import base64
import re
from typing import assert_never
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from providers.sandbox import people
from providers.sandbox.back import CallFault, bearer, exchange, refusal
from providers.sandbox.clients import Client
from providers.sandbox.front import WHY, authorize, stop
from providers.sandbox.grants import CodeFault, Grant, Grants
from providers.sandbox.keyring import KeyRing
from providers.sandbox.openid import part, token_answer, userinfo_claims
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import OpenID, StandIn, base
from providers.sandbox.troubles import Call, play

EMAIL = "https://www.googleapis.com/auth/userinfo.email"
PROFILE = "https://www.googleapis.com/auth/userinfo.profile"
HOUR = 3599  # as Google sends it
PATH = "/google"


def make_standin(client: Client, *, clock: Clock, pace: float) -> StandIn:
    return StandIn(
        name="google",
        title="Google",
        client=client,
        grants=Grants(prefix="ya29.", life=HOUR, clock=clock),
        people=people.GOOGLE,
        scopes={"openid": "openid", "email": EMAIL, "profile": PROFILE, EMAIL: EMAIL, PROFILE: PROFILE},
        email_scopes=frozenset({EMAIL}),
        calls=(Call.TOKEN, Call.PROFILE),
        subject=re.compile(r"[\x21-\x7e]{1,255}"),
        subject_digits=21,
        has_verified=True,
        issuer_path=PATH,
        denial={"error": "access_denied"},
        refreshing=Refreshing(life=HOUR),
        refuse=_send_to_error_page,
        openid=OpenID(path=PATH, keys=KeyRing("google"), profile_scopes=frozenset({PROFILE}), says_auth_time=False),
        pace=pace,
    )


def make_blueprint(standin: StandIn) -> Blueprint:
    google = Blueprint("google", __name__, url_prefix=PATH)

    @google.get("/.well-known/openid-configuration")
    def discovery() -> ResponseReturnValue:
        return discovery_document(base() + PATH)

    @google.route("/o/oauth2/v2/auth", methods=["GET", "POST"])
    def auth() -> ResponseReturnValue:
        return authorize(standin)

    @google.get("/signin/oauth/error")
    def error_page() -> ResponseReturnValue:
        known = next((why for error, why in WHY.items() if error in request.args.get("error", "")), "Access blocked.")
        return stop(standin, known)

    @google.get("/oauth2/v3/certs")
    def certs() -> ResponseReturnValue:
        return dict(part(standin).keys.document()), {"Cache-Control": "public, max-age=3600"}

    @google.post("/token")
    def token() -> ResponseReturnValue:
        match request.form.get("grant_type"):
            case "authorization_code":
                return _from_code(standin)
            case "refresh_token":
                return _from_refresh_token(standin)
            case _:
                return _error("unsupported_grant_type", "Invalid grant_type")

    @google.get("/v1/userinfo")
    def userinfo() -> ResponseReturnValue:
        grant = standin.grants.tokens.get(bearer())
        if grant is None:
            body, status = _error("invalid_request", "Invalid Credentials", 401)
            return body, status, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        if (bad := play(grant.trouble_at(Call.PROFILE), pace=standin.pace)) is not None:
            return bad
        claims = userinfo_claims(standin, grant)
        if claims.get("email_verified") is False:
            claims["email_verified"] = "false"
        return claims

    @google.post("/revoke")
    def revoke() -> ResponseReturnValue:
        here = standin.revoking
        if (bad := here.spoiled(pace=standin.pace)) is not None:
            return bad
        done = here.withdraw(standin.grants, request.values.get("token", ""))
        return {} if done else _error("invalid_token", "Token expired or revoked")

    return google


def _send_to_error_page(_: StandIn, error: str) -> ResponseReturnValue:
    """Google names the error in base64, inside a message in protocol buffers: field 1, a text."""
    message = base64.urlsafe_b64encode(bytes([10, len(error)]) + error.encode() + b"\x12\x00").decode()
    query = urlencode({"authError": message, "error": error, "flowName": "GeneralOAuthFlow"})
    return Response(status=302, headers={"Location": f"{base()}{PATH}/signin/oauth/error?{query}"})


def discovery_document(issuer: str) -> dict[str, object]:
    """OpenID Connect Discovery §3; the flag for `iss` is RFC 9207 §3."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/o/oauth2/v2/auth",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/v1/userinfo",
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}/oauth2/v3/certs",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "hd", "iat", "iss", "name", "picture", "sub"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def _from_code(standin: StandIn) -> ResponseReturnValue:
    match exchange(standin, request.form):
        case Grant() as grant:
            if (bad := play(grant.trouble_at(Call.TOKEN), pace=standin.pace)) is not None:
                return bad
            # At the first consent only, and at one that was asked for.
            gives = grant.ask.offline and (standin.refreshing.is_first(grant) or grant.ask.consent)
            more = {"refresh_token": standin.grants.refresh_tokens.put(grant)} if gives else {}
            return token_answer(standin, grant) | more
        case CallFault() as fault:
            return _call_error(fault)
        case CodeFault.UNKNOWN:
            return _error("invalid_grant", "Malformed auth code.")
        case CodeFault.USED:
            return _error("invalid_grant", "Bad Request")
        case CodeFault.REDIRECT:
            return _error("redirect_uri_mismatch", "Bad Request")
        case CodeFault.VERIFIER:
            return _error("invalid_grant", "Invalid code verifier.")
        case _ as never:
            assert_never(never)


def _from_refresh_token(standin: StandIn) -> ResponseReturnValue:
    fault = refusal(standin, request.form)
    if fault is not None:
        return _call_error(fault)
    here = standin.refreshing
    if (bad := here.spoiled(pace=standin.pace)) is not None:
        return bad
    grant = here.redeem(standin.grants, request.form.get("refresh_token", ""))
    if not isinstance(grant, Grant):
        return _error("invalid_grant", "Token has been expired or revoked.")
    answer = token_answer(standin, grant)
    return here.lost(pace=standin.pace) or answer


def _call_error(fault: CallFault) -> tuple[Response, int]:
    match fault:
        case CallFault.CLIENT:
            return _error("invalid_client", "Unauthorized", 401)
        case CallFault.REPEATED:
            return _error("invalid_request", "Parameter not allowed more than once.")
        case _:
            assert_never(fault)


def _error(error: str, description: str, status: int = 400) -> tuple[Response, int]:
    return jsonify(error=error, error_description=description), status
