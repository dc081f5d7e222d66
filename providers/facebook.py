"""Facebook, by the Graph API: subjects of this one app, addresses that nobody vouches for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

import requests

from providers.base import (
    EmailTrust,
    Fault,
    Identity,
    Provider,
    claim,
    claim_address,
    claim_url,
    get_json,
    origin,
    text_subject,
)

GRAPH_VERSION = "v25.0"  # each lives two years at least; a call without one gets the oldest that the app may use


class Facebook(Provider):
    TOKEN_FAULTS: ClassVar[Mapping[str, Fault]] = {  # by Graph's code, with the subcode where it tells more
        "100": Fault.CODE_REFUSED,
        "100/36008": Fault.CLIENT_REFUSED,  # the redirect URI isn't the one that the dialog was opened with
        "191": Fault.CLIENT_REFUSED,  # nor is it registered
        "1": Fault.CLIENT_REFUSED,  # the secret is wrong
        "101": Fault.CLIENT_REFUSED,  # the app is unknown
    }

    @property
    def issuer(self) -> str:
        return f"{origin(self.authorization_url)}/{self.client_id}"  # another app has other ids for the same people

    @property
    def iss(self) -> str:
        return origin(self.authorization_url)  # as its OpenID configuration names itself; not sent in November 2026

    def error_code(self, document: Mapping[str, Any]) -> str | None:
        if "error" not in document:
            return None
        error = claim(document, "error", dict) or {}
        code = str(claim(error, "code", int))
        precise = f"{code}/{claim(error, 'error_subcode', int)}"
        return precise if precise in self.TOKEN_FAULTS else code

    def identify(
        self,
        http: requests.Session,
        token: Mapping[str, Any],
        *,
        nonce: str | None,  # noqa: ARG002 - there is no ID token
        since: float | None = None,  # noqa: ARG002 - nor a time in one
    ) -> Identity:
        access_token = token["access_token"]
        # Proves that who uses the token also holds the app's secret: another app's token stops working here (T15).
        proof = hmac.digest(self.client_secret.plain.encode(), access_token.encode(), "sha256").hex()
        params = {"fields": "id,name,email,picture", "appsecret_proof": proof}
        me = get_json(http, f"{self.api_url}/me", access_token=access_token, call="profile", params=params)
        picture = claim(claim(me, "picture", dict) or {}, "data", dict) or {}
        return Identity(
            issuer=self.issuer,
            subject=text_subject(me.get("id"), r"[1-9][0-9]{0,31}"),  # Graph documents a numeric string, never a number
            name=claim(me, "name", str),
            login=None,
            email=claim_address(me, "email"),
            email_trust=EmailTrust.NONE,  # Graph says of no address that it was verified
            avatar=None if picture.get("is_silhouette") is True else claim_url(picture, "url"),
        )


provider = Facebook(
    title="Facebook",
    authorization_url=f"https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth",
    token_url=f"https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token",
    api_url=f"https://graph.facebook.com/{GRAPH_VERSION}",
    scopes=("public_profile", "email"),
    another_account={"auth_type": "reauthenticate"},
    reauthentication={"auth_type": "reauthenticate"},
    avatar_hosts=("fbcdn.net", "fbsbx.com", "graph.facebook.com"),
    vouches=False,
    leaves_fragment=True,  # `#_=_`, since 2011
)
