"""Google, by OpenID Connect: pinned addresses, and for which e-mail addresses its word is the last."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self
from urllib.parse import unquote, urlsplit

import requests

from providers._domains import ascii_domain, read_domains
from providers.base import Answer, Console, EmailTrust, Fault, ProviderError, Registered, Withdrawn, send_form
from providers.oidc import OpenIDProvider

ISSUER: Final = "https://accounts.google.com"

# What the page says to which Google sends whoever asks wrongly, as seen in public reports of 2024-2026. It judges the
# redirect URI by its policy first, and calls what breaks that `invalid_request`.
ERRORS: Final[Mapping[str, tuple[Registered, ...]]] = {
    "invalid_client": ("client_id",),
    "deleted_client": ("client_id",),
    "disabled_client": ("client_id",),
    "redirect_uri_mismatch": ("redirect_uri",),
    "invalid_request": ("redirect_uri",),
    "invalid_scope": ("scopes",),
}
_AUTH_ERROR = re.compile(r"[?&]authError=([A-Za-z0-9_%+/-]+)")


@dataclass(frozen=True, kw_only=True)
class Google(OpenIDProvider):
    # It runs the mailboxes that `hd` and gmail.com tell of, and no others that a configuration could add.
    SETTINGS: ClassVar = (OpenIDProvider.SETTINGS - {"authoritative_for"}) | {"hosted_domains"}

    hosted_domains: tuple[str, ...] = ()  # whose accounts alone are let in; empty for all

    @property
    def lets_in(self) -> tuple[str, ...]:
        return self.hosted_domains

    @property
    def id_token_issuers(self) -> tuple[str, ...]:
        return self.issuer, self.issuer.partition("://")[2]  # the second is in old tokens, and still documented

    def configure(self, name: str, settings: Mapping[str, Any]) -> Self:
        if not settings.get("hosted_domains"):
            return super().configure(name, settings)
        domains = read_domains(settings["hosted_domains"], setting="hosted_domains", provider=name)
        configured = super().configure(name, {**settings, "hosted_domains": domains})
        # Only a hint to Google's account picker: whoever wants to, changes it in the address bar (T18).
        hint = {"hd": domains[0] if len(domains) == 1 else "*"}
        return replace(configured, authorization_params={**configured.authorization_params, **hint})

    def asking_offline(self) -> Self:
        # Google has a parameter where the standard has a scope, and gives a refresh token at the first consent only.
        asking = {**self.authorization_params, "access_type": "offline"}
        return replace(self, authorization_params=asking, consent_anew={"prompt": "consent"})

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:
        # The token is all that Google documents for it; the whole grant ends with either of the two.
        fields = {"token": token.get("refresh_token") or token["access_token"]}
        return self.read_withdrawn(send_form(http, self.revocation_url, fields, call="revocation"))

    def owns(self, url: str) -> bool:
        parts = urlsplit(url)
        is_googles = (parts.hostname or "").endswith(".googleapis.com") and parts.scheme == "https"
        # A stand-in's tokens are none of Google's business.
        return super().owns(url) or (is_googles and parts.port is None and self.issuer == ISSUER)

    def check_allowed(self, claims: Mapping[str, Any]) -> None:
        # By the claim, never by the address: an account outside of the Workspace can carry one of its addresses.
        if self.hosted_domains and _workspace(claims) not in self.hosted_domains:
            raise ProviderError(Fault.NOT_ALLOWED, "token", "the account's hd is none of hosted_domains")

    def read_dry_authorization(self, response: requests.Response, redirect_uri: str) -> Answer:
        error = _auth_error(response.headers.get("Location", ""))
        if error is None:
            return super().read_dry_authorization(response, redirect_uri)
        return Answer(refuses=ERRORS.get(error, ()), said=error)

    def email_trust(self, claims: Mapping[str, Any], email: str) -> EmailTrust:
        # A Google account can carry any address, once verified and perhaps given to another person since. Google runs
        # the mailbox only at gmail.com, and where `hd` says that the domain is a Workspace of the account's own.
        trust = super().email_trust(claims, email)
        domain = ascii_domain(email.rpartition("@")[2])
        runs = domain is not None and domain in ("gmail.com", _workspace(claims))
        return EmailTrust.AUTHORITATIVE if trust is EmailTrust.VERIFIED and runs else trust

    def granted_scopes(self, token: Mapping[str, Any]) -> tuple[str, ...]:
        # Asked for `email` and `profile`, Google grants them under their long names.
        prefix = "https://www.googleapis.com/auth/userinfo."
        return tuple(scope.removeprefix(prefix) for scope in super().granted_scopes(token))


def _workspace(claims: Mapping[str, Any]) -> str | None:
    domain = claims.get("hd")
    return ascii_domain(domain) if isinstance(domain, str) else None


def _auth_error(location: str) -> str | None:
    """The error's name out of `authError`, which is a message in protocol buffers, in base64; None without one."""
    found = _AUTH_ERROR.search(location)
    if not found:
        return None
    encoded = re.sub(r"[^A-Za-z0-9_-]", "", unquote(found[1]).replace("+", "-").replace("/", "_"))
    decoded = urlsafe_b64decode(encoded[: len(encoded) // 4 * 4])  # the name comes first, so a rest can be left out
    name = re.search(rb"[a-z]{2,20}(_[a-z]{2,20}){1,4}", decoded)
    return name[0].decode() if name else ""


# Pinned from https://accounts.google.com/.well-known/openid-configuration as read on 2026-11-20. `sends_iss` stays
# False: a pin can't follow what that document announces, so `iss` must be right where it is present and may be missing.
# `auth_time` is not among the claims announced there, so Google is never asked to prove a time.
provider = Google(
    title="Google",
    issuer=ISSUER,
    authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address, not a secret
    api_url="https://openidconnect.googleapis.com/v1",
    jwks_url="https://www.googleapis.com/oauth2/v3/certs",
    revocation_url="https://oauth2.googleapis.com/revoke",
    console=Console(
        url="https://console.cloud.google.com/auth/clients",
        path="Create client, type Web application",
        redirect_uri="Authorized redirect URIs",
        scopes="Data access",
        hint="While the audience is in testing, only the test users listed there can sign in.",
    ),
    # Not all of googleusercontent.com: below bc.googleusercontent.com are other people's virtual machines.
    avatar_hosts=(
        "lh3.googleusercontent.com",
        "lh4.googleusercontent.com",
        "lh5.googleusercontent.com",
        "lh6.googleusercontent.com",
    ),
)
