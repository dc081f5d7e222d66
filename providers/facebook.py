"""Facebook, by the Graph API: subjects of this one app, addresses that nobody vouches for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from providers._signed_request import read_signed_request
from providers.base import (
    Answer,
    ApiVersion,
    Console,
    EmailTrust,
    Fault,
    Identity,
    Provider,
    ProviderError,
    Registered,
    Removal,
    Withdrawn,
    claim,
    claim_address,
    claim_url,
    get_json,
    origin,
    page_text,
    read_json,
    send,
    text_subject,
)

SHORT_LIVED = timedelta(days=1)  # of such a token the life is an hour or two
SUBJECT = r"[1-9][0-9]{0,31}"  # Graph documents a numeric string, never a number
GRAPH_VERSION = "v25.0"  # each lives two years at least; a call without one gets the oldest that the app may use

# When each came out, and until when it is there at the least, where that has been said; as read on 2026-11-21 at
# developers.facebook.com/docs/graph-api/changelog/versions
GRAPH_VERSIONS: Final[Mapping[str, tuple[date, date | None]]] = {
    "v26.0": (date(2026, 7, 29), None),
    "v25.0": (date(2026, 2, 18), date(2028, 7, 29)),
    "v24.0": (date(2025, 10, 8), date(2028, 2, 18)),
    "v23.0": (date(2025, 5, 29), date(2027, 10, 8)),
    "v22.0": (date(2025, 1, 21), date(2027, 5, 20)),
    "v21.0": (date(2024, 10, 2), date(2027, 1, 21)),
    "v20.0": (date(2024, 5, 21), date(2026, 9, 24)),
    "v19.0": (date(2024, 1, 23), date(2026, 5, 21)),
    "v18.0": (date(2023, 9, 12), date(2026, 1, 26)),
    "v17.0": (date(2023, 5, 23), date(2025, 9, 12)),
}


class Facebook(Provider):
    TOKEN_FAULTS: ClassVar[Mapping[str, Fault]] = {  # by Graph's code, with the subcode where it tells more
        "100": Fault.CODE_REFUSED,
        "100/36008": Fault.CLIENT_REFUSED,  # the redirect URI isn't the one that the dialog was opened with
        "191": Fault.CLIENT_REFUSED,  # nor is it registered
        "190": Fault.CODE_REFUSED,  # the token is dead, at the exchange for a longer one
        "1": Fault.CLIENT_REFUSED,  # the secret is wrong
        "101": Fault.CLIENT_REFUSED,  # the app is unknown
    }
    TOKEN_REFUSALS: ClassVar[Mapping[str, Registered]] = {
        "100/36008": "redirect_uri",
        "191": "redirect_uri",
        "1": "client_secret",
        "101": "client_id",
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
        params = {"fields": "id,name,email,picture", "appsecret_proof": self._proof(access_token)}
        me = get_json(http, f"{self.api_url}/me", access_token=access_token, call="profile", params=params)
        picture = claim(claim(me, "picture", dict) or {}, "data", dict) or {}
        return Identity(
            issuer=self.issuer,
            subject=text_subject(me.get("id"), SUBJECT),
            name=claim(me, "name", str),
            login=None,
            email=claim_address(me, "email"),
            email_trust=EmailTrust.NONE,  # Graph says of no address that it was verified
            avatar=None if picture.get("is_silhouette") is True else claim_url(picture, "url"),
        )

    def can_refresh(self, token: Mapping[str, Any]) -> bool:
        return bool(token.get("access_token"))  # there are no refresh tokens: a living token gets a longer life

    def refresh(self, http: requests.Session, token: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask_token(http, {"grant_type": "fb_exchange_token", "fb_exchange_token": token["access_token"]})

    def due_at(self, renewed: datetime, expires: datetime) -> datetime:
        if expires - renewed < SHORT_LIVED:
            return renewed  # to be exchanged for one of 60 days at its first use
        return super().due_at(renewed, expires)

    def sign(self, request: requests.PreparedRequest, access_token: str) -> None:
        super().sign(request, access_token)
        address = urlsplit(request.url or "")
        asked = [pair for pair in parse_qsl(address.query, keep_blank_values=True) if pair[0] != "appsecret_proof"]
        proved = urlencode([*asked, ("appsecret_proof", self._proof(access_token))])  # of this token, and once
        request.url = address._replace(query=proved).geturl()

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:
        """developers.facebook.com/docs/graph-api/reference/user/permissions: without naming one, all of them go."""
        access_token = token["access_token"]
        response = send(
            http,
            "DELETE",
            f"{self.api_url}/me/permissions",
            call="revocation",
            access_token=access_token,
            params={"appsecret_proof": self._proof(access_token)},
        )
        status = response.status_code
        if self.rejects(response):  # dead, or they have removed the app themselves
            return Withdrawn.OVER
        if status == 200 and read_json(response, call="revocation").get("success") is True:
            return Withdrawn.REMOVED
        raise ProviderError(Fault.STATUS, "revocation", str(status), status=status)

    def read_removal(self, signed: str, *, now: float) -> Removal:
        document = read_signed_request(signed, self.client_secret.plain.encode(), now=now)
        try:
            subject = text_subject(document.get("user_id"), SUBJECT)
        except ProviderError as error:
            raise ValueError(error.detail) from None
        return Removal(subject, datetime.fromtimestamp(document["issued_at"], UTC))

    def rejects(self, response: requests.Response) -> bool:
        if response.status_code not in (400, 401):
            return False
        try:
            return self.error_code(read_json(response, call="profile")) == "190"
        except ProviderError:
            return False

    def read_dry_authorization(self, response: requests.Response, redirect_uri: str) -> Answer:
        location = response.headers.get("Location", "")
        told = location + page_text(response)
        if re.search(r"INVALID_APP_ID|Invalid App ID", told):
            return Answer(refuses=("client_id",))
        if re.search(r"error_code=191\b|URL Blocked|isn.{1,6}t included in the app", told):
            return Answer(refuses=("redirect_uri",), accepts=("client_id",))
        if response.is_redirect and "/login" in location.partition("?")[0]:
            return Answer(accepts=("client_id",))  # the redirect URI may be looked at only once somebody has signed in
        return super().read_dry_authorization(response, redirect_uri)

    @property
    def api_version(self) -> ApiVersion:
        found = re.search(r"/(v\d+\.\d+)(?=/|$)", self.api_url)
        name = found[1] if found else ""
        released, ends = GRAPH_VERSIONS.get(name, (None, None))
        return ApiVersion(name=name, released=released, ends=ends, newest=next(iter(GRAPH_VERSIONS)))

    def _proof(self, access_token: str) -> str:
        """Shows that who uses the token also holds the app's secret: another app's token stops working here (T15)."""
        return hmac.digest(self.client_secret.plain.encode(), access_token.encode(), "sha256").hex()


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
    tells_of_removal=True,
    renews_expired=False,
    leaves_fragment=True,  # `#_=_`, since 2011
    console=Console(
        url="https://developers.facebook.com/apps",
        path="your app, App settings, Basic; and the use case's Facebook Login settings",
        client_id="App ID",
        client_secret="App secret",  # noqa: S106 - a label
        redirect_uri="Valid OAuth Redirect URIs",
        scopes="Permissions",
        hint="http://localhost works without being registered while the app is in development.",
    ),
)
