"""What an OpenID Provider can do wrong, or oddly, by name: small changes to what the stand-ins would have said.

The names are those of the OpenID Foundation's tests of relying parties, without what they all begin with; the last
ones are our own. An `Issuer` may play one always, a person may choose one on the consent page.
https://gitlab.com/openid/conformance-suite
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.sandbox.draft import (
    Claims,
    Draft,
    badly_signed,
    brings_its_key,
    published_key,
    signed_as_ps256,
    signed_by_secret,
    signed_with,
    unsigned,
)
from providers.sandbox.keyring import KeyRing

Change = Callable[[Claims], object]
WEEK, HOUR = 7 * 24 * 3600, 3600  # seconds
SOMEBODY_ELSE = "https://issuer.somebody-else.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """One of them. What is None stays as it is."""

    words: str
    discovery: Change | None = None  # to the discovery document, and so for an issuer that always does it
    answer: Change | None = None  # to the parameters that go back with the code
    keys: Callable[[KeyRing], None] | None = None  # before the ID token is signed
    claims: Change | None = None  # to the ID token's
    draft: Callable[[Draft], object] | None = None  # to the rest of it
    token: Change | None = None  # to the token endpoint's answer
    profile: Change | None = None  # to the claims about the person, wherever they are told
    userinfo: Change | None = None
    sparse: bool = False  # the ID token doesn't say who it is, so that userinfo must be asked


def sets(**values: Any) -> Change:
    return lambda claims: claims.update(values)


def lacks(*names: str) -> Change:
    return lambda claims: [claims.pop(name, None) for name in names]


def turns(name: str, change: Callable[[Any], Any]) -> Change:
    """Change a value that is there."""
    return lambda claims: claims.update({name: change(claims[name])} if name in claims else {})


def _header(change: Change) -> Callable[[Draft], object]:
    return lambda draft: change(draft.header)


def _of_this_morning(claims: Claims) -> None:
    claims["iat"] -= 4 * HOUR
    claims["exp"] -= 4 * HOUR


def _for_two(claims: Claims) -> None:
    claims["aud"] = [claims["aud"], "other"]
    del claims["azp"]


def _two_without_kid(keys: KeyRing) -> None:
    keys.add()
    keys.hide_kids()


MISBEHAVIOURS: Mapping[str, Misbehaviour] = {
    # Of the Basic RP plan.
    "invalid-iss": Misbehaviour(words="ID token of another issuer", claims=sets(iss=SOMEBODY_ELSE)),
    "missing-sub": Misbehaviour(words="ID token without subject", claims=lacks("sub")),
    "invalid-aud": Misbehaviour(words="ID token for another application", claims=sets(aud="other", azp="other")),
    "missing-aud": Misbehaviour(words="ID token for nobody", claims=lacks("aud")),
    "missing-iat": Misbehaviour(words="ID token without time of issue", claims=lacks("iat")),
    "kid-absent-single-jwks": Misbehaviour(
        words="One key, without a name", keys=KeyRing.hide_kids, draft=_header(lacks("kid"))
    ),
    "kid-absent-multiple-jwks": Misbehaviour(
        words="Two keys, without names",
        keys=_two_without_kid,
        draft=_header(lacks("kid")),
    ),
    "idtoken-sig-none": Misbehaviour(words="ID token not signed", draft=unsigned),
    "invalid-sig-rs256": Misbehaviour(words="ID token badly signed", draft=badly_signed),
    "userinfo-invalid-sub": Misbehaviour(
        words="Profile of somebody else", sparse=True, userinfo=turns("sub", lambda sub: f"{sub}0")
    ),
    "nonce-invalid": Misbehaviour(words="ID token of another flow", claims=turns("nonce", lambda nonce: f"{nonce}0")),
    "scope-userinfo-claims": Misbehaviour(words="Name and address in userinfo only", sparse=True),
    # Of the Config RP plan.
    "discovery-issuer-mismatch": Misbehaviour(
        words="Discovery document of another issuer", discovery=sets(issuer=SOMEBODY_ELSE)
    ),
    "signing-key-rotation": Misbehaviour(words="A new key", keys=KeyRing.rotate),
    # Of the plan with all OpenID Connect tests of relying parties.
    "ignores-unparseable-key-in-jwks": Misbehaviour(words="Keys that nobody can use, too", keys=KeyRing.add_strange),
    "invalid-sig-hs256": Misbehaviour(
        words="ID token signed with the client secret",
        draft=signed_by_secret(lambda draft: draft.client_secret.encode()),
    ),
    "invalid-sig-es256": Misbehaviour(words="ID token signed by an unknown ES256 key", draft=signed_with("ES256")),
    "invalid-athash": Misbehaviour(words="ID token of another access token", claims=sets(at_hash="A" * 22)),
    "missing-athash": Misbehaviour(words="ID token without hash of the access token", claims=lacks("at_hash")),
    # Of the FAPI tests.
    "valid-aud-as-array": Misbehaviour(words="Audience as a list of one", claims=turns("aud", lambda aud: [aud])),
    "invalid-secondary-aud": Misbehaviour(words="ID token for two applications", claims=_for_two),
    "invalid-alternate-alg": Misbehaviour(words="ID token signed with PS256", draft=signed_as_ps256),
    "invalid-expired-exp": Misbehaviour(
        words="ID token that has expired", claims=turns("exp", lambda exp: exp - HOUR - 5 * 60)
    ),
    "invalid-missing-exp": Misbehaviour(words="ID token without end", claims=lacks("exp")),
    "invalid-missing-iss": Misbehaviour(words="ID token without issuer", claims=lacks("iss")),
    "invalid-missing-nonce": Misbehaviour(words="ID token without nonce", claims=lacks("nonce")),
    "iat-is-week-in-past": Misbehaviour(
        words="ID token issued a week ago", claims=turns("iat", lambda iat: iat - WEEK)
    ),
    "invalid-authorization-response-iss": Misbehaviour(
        words="Answer in another issuer's name", answer=sets(iss=SOMEBODY_ELSE)
    ),
    "remove-authorization-response-iss": Misbehaviour(words="Answer in nobody's name", answer=lacks("iss")),
    "invalid-state": Misbehaviour(words="Answer with another state", answer=turns("state", lambda state: state[::-1])),
    "invalid-missing-state": Misbehaviour(words="Answer without state", answer=lacks("state")),
    "token-endpoint-response-without-expires_in": Misbehaviour(
        words="Access token of unknown life", token=lacks("expires_in")
    ),
    "token-type-case-insensitivity": Misbehaviour(
        words="Token type in odd letters", token=turns("token_type", lambda _: "bEaReR")
    ),
    # Our own.
    "no-id-token": Misbehaviour(words="No ID token", token=lacks("id_token")),
    "id-token-no-jwt": Misbehaviour(words="Something else for an ID token", token=turns("id_token", lambda _: "a.b")),
    "unknown-kid": Misbehaviour(words="ID token with an unknown key's name", draft=_header(sets(kid="unknown"))),
    "key-in-header": Misbehaviour(words="ID token that brings its own key", draft=brings_its_key),
    "invalid-sig-hs256-public-key": Misbehaviour(
        words="ID token signed with the published key as a secret", draft=signed_by_secret(published_key)
    ),
    "unknown-crit": Misbehaviour(words="ID token with a critical header", draft=_header(sets(crit=["b64"], b64=True))),
    "invalid-azp": Misbehaviour(words="ID token authorised for another application", claims=sets(azp="other")),
    "secondary-aud-azp": Misbehaviour(
        words="ID token for two applications, made for this one", claims=turns("aud", lambda aud: [aud, "other"])
    ),
    "expired": Misbehaviour(words="ID token of this morning", claims=_of_this_morning),
    "nbf-in-future": Misbehaviour(
        words="ID token not yet valid", claims=lambda claims: claims.update(nbf=claims["iat"] + HOUR // 2)
    ),
    "iat-in-future": Misbehaviour(
        words="ID token of half an hour from now", claims=turns("iat", lambda iat: iat + HOUR // 2)
    ),
    "sub-too-long": Misbehaviour(words="Subject of 256 characters", claims=sets(sub="1" * 256)),
    "sub-not-ascii": Misbehaviour(words="Subject beyond ASCII", claims=sets(sub="ада")),
    "sub-number": Misbehaviour(words="Subject as a number", claims=sets(sub=4711)),
    "auth-time-missing": Misbehaviour(words="No time of sign-in", claims=lacks("auth_time")),
    "auth-time-old": Misbehaviour(
        words="Signed in an hour ago, whatever was asked", claims=turns("auth_time", lambda then: then - HOUR)
    ),
    "auth-time-text": Misbehaviour(words="Time of sign-in as a text", claims=turns("auth_time", str)),
    "email-verified-text": Misbehaviour(
        words="Address verified, as a text", profile=turns("email_verified", lambda it: "true" if it else "false")
    ),
    "email-verified-number": Misbehaviour(words="Address verified, as a number", profile=turns("email_verified", int)),
    "email-verified-absent": Misbehaviour(words="Address, and no word on it", profile=lacks("email_verified")),
}
