"""Any OpenID Connect provider: whose token it is, from userinfo and from the ID token's nonce and subject.

It does not verify the ID token's signature: the token came straight from the provider, and vouches for nothing here.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

import requests

from providers._discovery import discovery
from providers._documents import decode
from providers.base import (
    EmailTrust,
    Fault,
    Identity,
    Provider,
    ProviderError,
    claim,
    claim_address,
    claim_url,
    get_json,
    text_subject,
)

SUBJECT: Final = r"[\x21-\x7e]{1,255}"  # OIDC Core, section 2: ASCII, case-sensitive, 255 at most; and no blanks (T32)


@dataclass(frozen=True, kw_only=True)
class OpenIDProvider(Provider):
    """A provider whose userinfo says who somebody is. With `discover`, its addresses come from its issuer."""

    SETTINGS: ClassVar = Provider.SETTINGS | {"issuer"}

    authorization_url: str = ""
    token_url: str = ""
    api_url: str = ""  # where userinfo lives, unless `userinfo_url` says it in full
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    another_account: Mapping[str, str] = field(default_factory=lambda: {"prompt": "select_account"}, hash=False)
    issuer: str = ""
    userinfo_url: str = ""
    discover: bool = False

    @property
    def iss(self) -> str | None:
        return self.issuer

    @property
    def uses_nonce(self) -> bool:
        return "openid" in self.scopes

    def configure(self, name: str, settings: Mapping[str, Any]) -> Self:
        if not settings.get("issuer"):
            return super().configure(name, settings)
        # Pinned addresses give way to the issuer's; those the configuration names itself go above both.
        unpinned = replace(self, authorization_url="", token_url="", api_url="", discover=True)
        return super(OpenIDProvider, unpinned).configure(name, settings)

    def resolve(self, http: requests.Session) -> Provider:
        if not self.discover:
            return self
        found = discovery.load(http, self.issuer)
        return replace(
            self,
            discover=False,
            authorization_url=self.authorization_url or found.authorization_url,
            token_url=self.token_url or found.token_url,
            userinfo_url=f"{self.api_url}/userinfo" if self.api_url else found.userinfo_url,
            sends_iss=found.sends_iss,
        )

    def identify(self, http: requests.Session, token: Mapping[str, Any], *, nonce: str | None) -> Identity:
        asserted = self._read_id_token(token, nonce)
        userinfo_url = self.userinfo_url or f"{self.api_url}/userinfo"
        claims = get_json(http, userinfo_url, access_token=token["access_token"], call="profile")
        subject = text_subject(claims.get("sub"), SUBJECT)
        if asserted is not None and asserted.get("sub") != subject:  # somebody else's profile (T16)
            raise ProviderError(Fault.MALFORMED, "profile", "userinfo has another subject than the ID token")
        email = claim_address(claims, "email")
        return Identity(
            issuer=self.issuer,
            subject=subject,
            name=claim(claims, "name", str),
            login=claim(claims, "preferred_username", str),
            email=email,
            email_trust=self.email_trust(claims, email) if email else EmailTrust.NONE,
            avatar=claim_url(claims, "picture"),
        )

    def email_trust(self, claims: Mapping[str, Any], email: str) -> EmailTrust:  # noqa: ARG002 - Google's needs it
        """Who vouches for the address in these claims."""
        # Only the boolean: the *string* "false" has been seen, and is true to a careless `if`.
        return EmailTrust.VERIFIED if claims.get("email_verified") is True else EmailTrust.NONE

    def _read_id_token(self, token: Mapping[str, Any], nonce: str | None) -> Mapping[str, Any] | None:
        """The ID token's claims, None where there is no token and none was needed.

        It came straight from the token endpoint over TLS, which OIDC Core, section 3.1.3.7, item 6 accepts in place of
        the signature; a later version verifies that, too. What is read here decides nothing but whether to stop: the
        identity comes from userinfo.
        """
        encoded = token.get("id_token")
        if encoded is None and nonce is None:
            return None
        if encoded is None and "openid" not in self.granted_scopes(token):
            raise ProviderError(Fault.SCOPE_MISSING, "token", "openid was not granted")
        claims = _payload(encoded)
        if nonce is None:
            return claims
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(errors="surrogatepass"), nonce.encode()):
            raise ProviderError(Fault.MALFORMED, "token", "the ID token's nonce is not this sign-in's")  # T11
        return claims


def _payload(encoded: object) -> dict[str, Any]:
    """The claims of a JWT in compact form, unverified. Raises ProviderError."""
    try:
        if not isinstance(encoded, str):
            raise ValueError("missing")
        _, payload, _ = encoded.split(".")
        claims = decode(b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True))
        if not isinstance(claims, dict):
            raise ValueError("no object")
    except ValueError:
        raise ProviderError(Fault.MALFORMED, "token", "the ID token is missing or can't be read") from None
    return claims
