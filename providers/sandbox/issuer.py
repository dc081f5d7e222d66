"""A plain OpenID Provider of any name, for what is no Google: strict, without quirks but those it is told to have.

One application is registered with each. openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from providers.sandbox import clients, people
from providers.sandbox.back import CallFault, bearer, exchange, refusal
from providers.sandbox.draft import Claims
from providers.sandbox.front import authorize
from providers.sandbox.grants import CodeFault, Grant, Grants
from providers.sandbox.keyring import KeyRing
from providers.sandbox.misbehaviour import MISBEHAVIOURS
from providers.sandbox.openid import part, token_answer, userinfo_claims
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import AUTH_METHODS, OpenID, StandIn, base
from providers.sandbox.troubles import Call, play

HOUR = 3600
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
KEPT = {"Cache-Control": "public, max-age=3600"}
CLAIMS = ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "picture", "sub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What such a provider is like. `entries` are the portal's names for it, from which the redirect URIs are made."""

    name: str
    title: str = "Issuer"
    entries: tuple[str, ...] = ()  # none: its own name
    algorithm: str = "RS256"  # or ES256
    says_auth_time: bool = True
    sends_iss: bool = True  # RFC 9207
    sparse: bool = False  # name and address are in userinfo only
    auth_methods: tuple[str, ...] = AUTH_METHODS
    misbehaves: str = ""  # always, in this way of `misbehaviour`

    def __post_init__(self) -> None:
        if self.misbehaves and self.misbehaves not in MISBEHAVIOURS:
            raise ValueError(f"There is no such misbehaviour: {self.misbehaves}")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name} can't be an issuer's name: a-z, 0-9, - and _ make one.")
        if self.algorithm not in ("RS256", "ES256"):
            raise ValueError(f"An issuer here signs with RS256 or ES256, not with {self.algorithm}.")

    @property
    def redirect_paths(self) -> list[str]:
        return [f"/login/{entry}/authorized" for entry in self.entries or (self.name,)]


def make_standin(issuer: Issuer, redirect_uris: frozenset[str], *, clock: Clock, pace: float) -> StandIn:
    path = f"/issuer/{issuer.name}"
    return StandIn(
        name=issuer.name,
        title=issuer.title,
        client=clients.of_issuer(issuer.name, redirect_uris),
        grants=Grants(prefix="", life=HOUR, clock=clock),
        people=people.ISSUER,
        scopes={scope: scope for scope in ("openid", "email", "profile", "offline_access")},
        refreshing=Refreshing(life=HOUR, single_use=True),
        email_scopes=frozenset({"email"}),
        calls=(Call.TOKEN, Call.PROFILE),
        subject=re.compile(r"[\x21-\x7e]{1,255}"),
        subject_digits=12,
        has_verified=True,
        issuer_path=path if issuer.sends_iss else None,
        denial={"error": "access_denied"},
        auth_methods=issuer.auth_methods,
        openid=OpenID(
            path=path,
            keys=KeyRing(path, issuer.algorithm),
            profile_scopes=frozenset({"profile"}),
            says_auth_time=issuer.says_auth_time,
            sparse=issuer.sparse,
            misbehaves=issuer.misbehaves,
        ),
        pace=pace,
    )


def make_blueprint(standins: Mapping[str, StandIn]) -> Blueprint:
    """All of them, by name."""
    issuer = Blueprint("issuer", __name__, url_prefix="/issuer/<name>")

    def at(name: str) -> StandIn:
        return standins.get(name) or abort(404)

    @issuer.get("/.well-known/openid-configuration")
    def discovery(name: str) -> ResponseReturnValue:
        return discovery_document(at(name)), KEPT

    @issuer.route("/authorize", methods=["GET", "POST"])
    def auth(name: str) -> ResponseReturnValue:
        return authorize(at(name))

    @issuer.get("/keys")
    def keys(name: str) -> ResponseReturnValue:
        return dict(part(at(name)).keys.document()), KEPT

    @issuer.post("/token")
    def token(name: str) -> ResponseReturnValue:
        match request.form.get("grant_type"):
            case "authorization_code":
                return _token(at(name))
            case "refresh_token":
                return _refreshed(at(name))
            case _:
                return _error("unsupported_grant_type")

    @issuer.get("/userinfo")
    def userinfo(name: str) -> ResponseReturnValue:
        standin = at(name)
        grant = standin.grants.tokens.get(bearer())
        if grant is None:
            body, status = _error("invalid_token", 401)
            return body, status, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        bad = play(grant.trouble_at(Call.PROFILE), pace=standin.pace)
        return userinfo_claims(standin, grant) if bad is None else bad

    @issuer.post("/revoke")
    def revoke(name: str) -> ResponseReturnValue:
        """RFC 7009: a token that nobody knows is no error (section 2.2)."""
        standin = at(name)
        fault = refusal(standin, request.form)
        if fault is not None:
            return _error("invalid_client", 401) if fault is CallFault.CLIENT else _error("invalid_request")
        if (bad := standin.revoking.spoiled(pace=standin.pace)) is not None:
            return bad
        standin.revoking.withdraw(standin.grants, request.form.get("token", ""))
        return "", 200

    return issuer


def discovery_document(standin: StandIn) -> dict[str, object]:
    """OpenID Connect Discovery §3; the flag for `iss` is RFC 9207 §3."""
    here = part(standin)
    issuer = base() + here.path
    document: dict[str, object] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}/keys",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [here.keys.algorithm],
        "scopes_supported": list(standin.scopes),
        "claims_supported": [*CLAIMS, *(["auth_time"] if here.says_auth_time else [])],
        "token_endpoint_auth_methods_supported": list(standin.auth_methods),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": standin.issuer_path is not None,
    }
    change = MISBEHAVIOURS[here.misbehaves].discovery if here.misbehaves else None
    if change is not None:
        change(document)
    return document


def _token(standin: StandIn) -> ResponseReturnValue:
    match exchange(standin, request.form):
        case Grant() as grant:
            bad = play(grant.trouble_at(Call.TOKEN), pace=standin.pace)
            return _answer(standin, grant) if bad is None else bad
        case CallFault.CLIENT:
            body, status = _error("invalid_client", 401)
            return body, status, {"WWW-Authenticate": "Basic"}  # RFC 6749 §5.2
        case CallFault.REPEATED:
            return _error("invalid_request")
        case CodeFault():
            return _error("invalid_grant")
        case _ as never:
            assert_never(never)


def _refreshed(standin: StandIn) -> ResponseReturnValue:
    """OpenID Connect Core §12. Each refresh token works once, and comes with the next."""
    here = standin.refreshing
    if refusal(standin, request.form) is not None:
        return _error("invalid_client", 401)
    if (bad := here.spoiled(pace=standin.pace)) is not None:
        return bad
    grant = here.redeem(standin.grants, request.form.get("refresh_token", ""))
    if not isinstance(grant, Grant):
        return _error("invalid_grant")
    answer = _answer(standin, grant)
    return here.lost(pace=standin.pace) or answer


def _answer(standin: StandIn, grant: Grant) -> Claims:
    more = {"refresh_token": standin.grants.refresh_tokens.put(grant)} if "offline_access" in grant.scopes else {}
    return token_answer(standin, grant) | more


def _error(error: str, status: int = 400) -> tuple[Response, int]:
    return jsonify(error=error), status
