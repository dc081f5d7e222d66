"""Finds an OpenID Connect issuer's addresses by its discovery document, and keeps them for this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import requests

from providers._calls import fetch, read_json
from providers._documents import is_safe_url
from providers._faults import Fault, ProviderError
from providers._kept import Kept, life
from providers._keys import ALGORITHMS


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is used of an issuer's discovery document (OIDC Discovery, section 3)."""

    authorization_url: str
    token_url: str
    userinfo_url: str  # "" where the issuer has none
    jwks_url: str
    algorithms: tuple[str, ...]  # for ID tokens: what the issuer announces, of those that are accepted
    claims: frozenset[str]  # those that the issuer says it may tell; empty where it says nothing
    sends_iss: bool
    basic_auth: bool  # whether the client secret goes into a header, not among the parameters
    revocation_url: str = ""  # RFC 8414, section 2; "" where the issuer has none


class Discovery:
    """The discovery documents of this process, one for all entries of an issuer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Kept[Metadata] = Kept("discovery", clock)
        self.forget = self._kept.forget

    def load(self, http: requests.Session, issuer: str) -> Metadata:
        """An issuer's metadata. Raises ProviderError."""
        return self._kept.load(issuer, lambda: _fetch(http, issuer))


def _fetch(http: requests.Session, issuer: str) -> tuple[Metadata, float]:
    response = fetch(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration", call="discovery")
    return read_metadata(read_json(response, call="discovery"), issuer), life(response.headers)


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """What a discovery document says, if it is this issuer's own and safe to follow (T14). Raises ProviderError."""
    named = document.get("issuer")
    if named != issuer:  # exactly: a slash more is another issuer (OIDC Discovery, section 4.3)
        raise ProviderError(
            Fault.MALFORMED, "discovery", f"issuer is configured as {issuer}, and names itself {named!r}"
        )
    # RS256 is what every issuer must be able to sign with, and what it signs with for whoever registered nothing else.
    announced = _texts(document, "id_token_signing_alg_values_supported") or {"RS256"}
    algorithms = tuple(name for name in ALGORITHMS if name in announced)
    if not algorithms:
        raise ProviderError(
            Fault.MALFORMED, "discovery", f"the issuer signs ID tokens with none of {', '.join(ALGORITHMS)}"
        )
    # Where the list is absent it means the header (OIDC Discovery, section 3); where both are there, the parameters are
    # what every sort of provider here has in common.
    ways = _texts(document, "token_endpoint_auth_methods_supported") or {"client_secret_basic"}
    endpoint = partial(_endpoint, document, only_https=issuer.startswith("https:"))
    return Metadata(
        authorization_url=endpoint("authorization_endpoint"),
        token_url=endpoint("token_endpoint"),
        userinfo_url=endpoint("userinfo_endpoint") if "userinfo_endpoint" in document else "",
        jwks_url=endpoint("jwks_uri"),
        algorithms=algorithms,
        claims=_texts(document, "claims_supported"),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,  # RFC 9207, section 3
        basic_auth="client_secret_basic" in ways and "client_secret_post" not in ways,
        revocation_url=_optional(document, "revocation_endpoint", only_https=issuer.startswith("https:")),
    )


def _endpoint(document: Mapping[str, Any], name: str, *, only_https: bool) -> str:
    url = document.get(name)
    # An issuer on this machine may have plain addresses here; no other one sends us to our own services (T91).
    if not isinstance(url, str) or not is_safe_url(url) or (only_https and not url.startswith("https:")):
        raise ProviderError(Fault.MALFORMED, "discovery", f"{name} is missing or not https")
    return url


def _optional(document: Mapping[str, Any], name: str, *, only_https: bool) -> str:
    """An address that sign-in can do without: one that isn't safe is none, and locks nobody out."""
    try:
        return _endpoint(document, name, only_https=only_https)
    except ProviderError:
        return ""


def _texts(document: Mapping[str, Any], name: str) -> frozenset[str]:
    values = document.get(name)
    return frozenset(value for value in values if isinstance(value, str)) if isinstance(values, list) else frozenset()


discovery: Final = Discovery()
