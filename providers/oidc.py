"""Any OpenID Connect provider: its verified ID token says who signed in, and userinfo adds what is missing there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self
from urllib.parse import quote_plus

import requests

from providers._claims import SUBJECT, Expected, check_recent
from providers._discovery import discovery
from providers._domains import ascii_domain, read_domains
from providers._id_token import verify
from providers._keys import Key, key_sets
from providers._userinfo import completed, lacks
from providers.base import (
    EmailTrust,
    Fault,
    Identity,
    Provider,
    ProviderError,
    Withdrawn,
    claim,
    claim_address,
    claim_url,
    get_json,
    origin,
    read_json,
    send_form,
    text_subject,
)

SELECT_ACCOUNT: Mapping[str, str] = {"prompt": "select_account"}
SIGN_IN_ANEW: Mapping[str, str] = {"prompt": "login", "max_age": "0"}  # OIDC Core, section 3.1.2.1


@dataclass(frozen=True, kw_only=True)
class OpenIDProvider(Provider):
    """A provider whose ID token says who somebody is. With `discover`, its addresses come from its issuer."""

    SETTINGS: ClassVar = Provider.SETTINGS | {"issuer", "authoritative_for", "offline"}

    authorization_url: str = ""
    token_url: str = ""
    api_url: str = ""  # where userinfo lives, unless `userinfo_url` says it in full
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    another_account: Mapping[str, str] = field(default_factory=lambda: SELECT_ACCOUNT, hash=False)
    reauthentication: Mapping[str, str] = field(default_factory=lambda: SELECT_ACCOUNT, hash=False)
    # Asked not to ask anybody, an issuer sends an error back, and so says that it knows where to (OIDC Core, 3.1.2.1).
    dry_params: Mapping[str, str] = field(default_factory=lambda: {"prompt": "none"}, hash=False)
    issuer: str = ""
    userinfo_url: str = ""
    jwks_url: str = ""
    revocation_url: str = ""  # "" where there is none
    algorithms: tuple[str, ...] = ("RS256",)
    claims: frozenset[str] = frozenset()  # that the issuer says it may tell, beside those that every one does
    authoritative_for: tuple[str, ...] = ()  # the domains whose addresses the issuer itself gives to people
    offline: bool = False  # whether a refresh token is asked for, so that the access token can be renewed
    discover: bool = False

    @property
    def iss(self) -> str | None:
        return self.issuer

    @property
    def id_token_issuers(self) -> tuple[str, ...]:
        """The ways in which an ID token may write the issuer."""
        return (self.issuer,)

    @property
    def uses_nonce(self) -> bool:
        return "openid" in self.scopes

    def configure(self, name: str, settings: Mapping[str, Any]) -> Self:
        configured = self._configured(name, settings)
        return configured.asking_offline() if configured.offline else configured

    def asking_offline(self) -> Self:
        """This provider as it asks for a refresh token (OIDC Core, section 11)."""
        wanted = dict.fromkeys((*self.scopes, "offline_access"))
        return replace(self, scopes=tuple(wanted), consent_anew={"prompt": "consent"})

    def owns(self, url: str) -> bool:
        return super().owns(url) or (bool(self.userinfo_url) and origin(url) == origin(self.userinfo_url))

    def _configured(self, name: str, settings: Mapping[str, Any]) -> Self:
        given = dict(settings)
        if domains := given.get("authoritative_for"):
            given["authoritative_for"] = read_domains(domains, setting="authoritative_for", provider=name)
        if not given.get("issuer"):
            return super().configure(name, given)
        # Pinned addresses give way to the issuer's; those the configuration names itself go above both.
        unpinned = replace(self, authorization_url="", token_url="", api_url="", jwks_url="", revocation_url="")
        unpinned = replace(unpinned, discover=True)
        return super(OpenIDProvider, unpinned).configure(name, given)

    def resolve(self, http: requests.Session) -> Provider:
        if not self.discover:
            return self
        found = discovery.load(http, self.issuer)
        # Demanded of an issuer that doesn't tell it, the time would lock people out of their own settings.
        proves_time = self.uses_nonce and "auth_time" in found.claims
        return replace(
            self,
            discover=False,
            authorization_url=self.authorization_url or found.authorization_url,
            token_url=self.token_url or found.token_url,
            userinfo_url=f"{self.api_url}/userinfo" if self.api_url else found.userinfo_url,
            jwks_url=found.jwks_url,
            revocation_url=found.revocation_url,
            algorithms=found.algorithms,
            claims=found.claims,
            sends_iss=found.sends_iss,
            basic_auth=found.basic_auth,
            proves_time=proves_time,
            reauthentication=SIGN_IN_ANEW if proves_time else self.reauthentication,
        )

    def identify(
        self, http: requests.Session, token: Mapping[str, Any], *, nonce: str | None, since: float | None = None
    ) -> Identity:
        now = time.time()
        asserted = self._read_id_token(http, token, nonce, now)
        if since is not None:
            check_recent(asserted or {}, since, now=now)
        claims = asserted if asserted is not None else self._get_userinfo(http, token)
        self.check_allowed(claims)
        if asserted is not None and (self.userinfo_url or self.api_url) and lacks(asserted, self.scopes, self.claims):
            claims = completed(asserted, self._get_userinfo(http, token))
        email = claim_address(claims, "email")
        return Identity(
            issuer=self.issuer,
            subject=text_subject(claims.get("sub"), SUBJECT),
            name=claim(claims, "name", str),
            login=claim(claims, "preferred_username", str),
            email=email,
            email_trust=self.email_trust(claims, email) if email else EmailTrust.NONE,
            avatar=claim_url(claims, "picture"),
        )

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:
        """RFC 7009: with the refresh token, where there is one, for the access tokens end with it."""
        if not self.revocation_url:
            return Withdrawn.NO_WAY
        kind = "refresh_token" if token.get("refresh_token") else "access_token"
        fields, credentials = {"token": token[kind], "token_type_hint": kind}, None
        if self.basic_auth:
            credentials = requests.auth.HTTPBasicAuth(*map(quote_plus, (self.client_id, self.client_secret.plain)))
        else:
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret.plain}
        return self.read_withdrawn(
            send_form(http, self.revocation_url, fields, call="revocation", credentials=credentials)
        )

    def read_withdrawn(self, response: requests.Response) -> Withdrawn:
        """What an answer of the revocation endpoint says. Raises ProviderError."""
        status = response.status_code
        if status == 200:  # of a token that was none any more, too (section 2.2)
            return Withdrawn.REMOVED
        answered = ProviderError(Fault.STATUS, "revocation", str(status), status=status)
        if not 400 <= status < 500:
            raise answered
        try:
            code = self.error_code(read_json(response, call="revocation"))
        except ProviderError:
            raise answered from None
        match code:
            case "invalid_token":  # not the RFC's, but Google's
                return Withdrawn.OVER
            case "unsupported_token_type":
                return Withdrawn.NO_WAY
            case "invalid_client" | "unauthorized_client":
                raise ProviderError(Fault.CLIENT_REFUSED, "revocation", f"{status} {code}", status=status)
        raise answered

    def check_allowed(self, claims: Mapping[str, Any]) -> None:
        """Raises ProviderError where the configuration lets in only some of the issuer's people, and not this one."""

    def count_keys(self, http: requests.Session) -> int | None:
        return len(key_sets.load(http, self.jwks_url)) if self.jwks_url else None

    def email_trust(self, claims: Mapping[str, Any], email: str) -> EmailTrust:
        """Who vouches for the address in these claims."""
        # Only the boolean: the *string* "false" has been seen, and is true to a careless `if`.
        if claims.get("email_verified") is not True:
            return EmailTrust.NONE
        runs = ascii_domain(email.rpartition("@")[2]) in self.authoritative_for
        return EmailTrust.AUTHORITATIVE if runs else EmailTrust.VERIFIED

    def _read_id_token(
        self, http: requests.Session, token: Mapping[str, Any], nonce: str | None, now: float
    ) -> dict[str, Any] | None:
        """The ID token's claims, verified; None where there is no token and none was asked for."""
        encoded = token.get("id_token")
        if encoded is None and nonce is None:
            return None
        if encoded is None and "openid" not in self.granted_scopes(token):
            raise ProviderError(Fault.SCOPE_MISSING, "token", "openid was not granted")
        expected = Expected(self.id_token_issuers, self.client_id, self.algorithms, nonce, token["access_token"])
        return verify(encoded, _Keys(http, self.jwks_url), expected, now=now)

    def _get_userinfo(self, http: requests.Session, token: Mapping[str, Any]) -> dict[str, Any]:
        url = self.userinfo_url or f"{self.api_url}/userinfo"
        if not self.userinfo_url and not self.api_url:
            raise ProviderError(Fault.MALFORMED, "profile", "the issuer has no userinfo, and openid was not asked for")
        claims: dict[str, Any] = get_json(http, url, access_token=token["access_token"], call="profile")
        return claims


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys at an address, for the calls of one request."""

    http: requests.Session
    url: str

    def load(self) -> tuple[Key, ...]:
        return key_sets.load(self.http, self.url)

    def renew(self, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        return key_sets.renew(self.http, self.url, seen)
