"""Every misbehaviour does what its name says, and nothing else: each is held against a good sign-in beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from sandbox_application import Application, callback

from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from providers.sandbox.misbehaviour import MISBEHAVIOURS

PROVIDERS = ["acme"]
ZOE = {"subject": "4711", "name": "Zoë", "email": "zoe@example.com", "verified": True}
PERSON = {"email", "email_verified", "name", "picture"}

# What differs from a good sign-in: parts of the answer, and "signature" where no published key made it.
DIFFERS = {
    "invalid-iss": {"claims.iss"},
    "missing-sub": {"claims.sub"},
    "invalid-aud": {"claims.aud", "claims.azp"},
    "missing-aud": {"claims.aud"},
    "missing-iat": {"claims.iat"},
    "kid-absent-single-jwks": {"header.kid", "keys.kid"},
    "kid-absent-multiple-jwks": {"header.kid", "keys.kid", "keys.number"},
    "idtoken-sig-none": {"header.alg", "header.kid", "signature"},
    "invalid-sig-rs256": {"signature"},
    "userinfo-invalid-sub": {*(f"claims.{name}" for name in PERSON), "userinfo.sub"},
    "nonce-invalid": {"claims.nonce"},
    "scope-userinfo-claims": {f"claims.{name}" for name in PERSON},
    "signing-key-rotation": {"header.kid"},
    "ignores-unparseable-key-in-jwks": {"keys.number"},
    "invalid-sig-hs256": {"header.alg", "signature"},
    "invalid-sig-es256": {"header.alg", "signature"},
    "invalid-athash": {"claims.at_hash"},
    "missing-athash": {"claims.at_hash"},
    "valid-aud-as-array": {"claims.aud"},
    "invalid-secondary-aud": {"claims.aud", "claims.azp"},
    "invalid-alternate-alg": {"header.alg", "signature"},
    "invalid-expired-exp": {"claims.exp"},
    "invalid-missing-exp": {"claims.exp"},
    "invalid-missing-iss": {"claims.iss"},
    "invalid-missing-nonce": {"claims.nonce"},
    "iat-is-week-in-past": {"claims.iat"},
    "invalid-authorization-response-iss": {"answer.iss"},
    "remove-authorization-response-iss": {"answer.iss"},
    "invalid-state": {"answer.state"},
    "invalid-missing-state": {"answer.state"},
    "token-endpoint-response-without-expires_in": {"token.expires_in"},
    "token-type-case-insensitivity": {"token.token_type"},
    "unknown-kid": {"header.kid"},
    "key-in-header": {"header.alg", "header.kid", "header.jwk", "signature"},
    "invalid-sig-hs256-public-key": {"header.alg", "signature"},
    "unknown-crit": {"header.crit", "header.b64"},
    "invalid-azp": {"claims.azp"},
    "secondary-aud-azp": {"claims.aud"},
    "expired": {"claims.iat", "claims.exp"},
    "nbf-in-future": {"claims.nbf"},
    "iat-in-future": {"claims.iat"},
    "sub-too-long": {"claims.sub"},
    "sub-not-ascii": {"claims.sub"},
    "sub-number": {"claims.sub"},
    "auth-time-missing": {"claims.auth_time"},
    "auth-time-old": {"claims.auth_time"},
    "auth-time-text": {"claims.auth_time"},
    "email-verified-text": {"claims.email_verified", "userinfo.email_verified"},
    "email-verified-number": {"claims.email_verified", "userinfo.email_verified"},
    "email-verified-absent": {"claims.email_verified", "userinfo.email_verified"},
}
ELSEWHERE = {"no-id-token", "id-token-no-jwt", "discovery-issuer-mismatch"}  # there is no such token to look into


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """One whose clock stands still, so that two sign-ins differ in nothing but what is looked for."""
    with running_sandbox(issuers=[Issuer(name="acme")], clock=lambda: 1_800_000_000.0) as running:
        yield running


@dataclass(frozen=True)
class Told:
    """Everything that the application gets to see in one sign-in."""

    answer: dict[str, Any]
    token: dict[str, Any]
    header: dict[str, Any]
    claims: dict[str, Any]
    userinfo: dict[str, Any]
    keys: list[dict[str, str]]
    is_signed: bool

    def differs_from(self, good: Told) -> set[str]:
        found = {
            f"{part}.{name}"
            for part in ("answer", "token", "header", "claims", "userinfo")
            for name in getattr(self, part).keys() | getattr(good, part).keys()
            if _written(getattr(self, part), name) != _written(getattr(good, part), name)
        }
        found -= {"answer.code", "token.access_token", "token.id_token"}  # new each time
        if self.claims.get("at_hash") == _hash_of(self):
            found -= {"claims.at_hash"}
        found |= {"signature"} if not self.is_signed else set()
        found |= {"keys.number"} if len(self.keys) != len(good.keys) else set()
        return found | ({"keys.kid"} if any("kid" not in key for key in self.keys) else set())


def test_each_is_held_against_a_good_one() -> None:
    assert {*DIFFERS, *ELSEWHERE} == {*MISBEHAVIOURS}


@pytest.mark.full
@pytest.mark.parametrize("name", DIFFERS)
def test_it_changes_what_it_says_and_the_next_sign_in_is_good_again(application: Application, name: str) -> None:
    application.sandbox.keys("acme").rotate()  # one key again, whatever was played before
    good = _told(application)
    assert good.is_signed
    assert _told(application, name).differs_from(good) == DIFFERS[name]
    after = _told(application)
    assert after.is_signed
    assert after.differs_from(good) - {"header.kid", "keys.number"} == set(), "but a new key stays"


def test_a_token_answer_may_lack_the_id_token_or_have_something_else(application: Application) -> None:
    assert "id_token" not in application.signs_in(ZOE | {"trouble": "no-id-token"})
    assert application.signs_in(ZOE | {"trouble": "id-token-no-jwt"})["id_token"] == "a.b"


def test_google_plays_them_too_and_the_others_know_none(application: Application) -> None:
    application.name = "google"
    assert _claims(application.signs_in(ZOE | {"trouble": "missing-sub"})["id_token"]).keys() & {"sub"} == set()
    for name in ("github", "facebook"):
        application.name = name
        assert application.asks({"name": "Zoë", "trouble": "missing-sub"}).status_code == 400
        assert "ID token" not in application.asks().text


def test_a_profile_that_is_to_go_wrong_is_not_in_google_s_id_token(application: Application) -> None:
    application.name = "google"
    assert "name" in _claims(application.signs_in(ZOE)["id_token"])
    assert "name" in _claims(application.signs_in(ZOE | {"trouble": "scope_reduced"})["id_token"])
    assert "name" not in _claims(application.signs_in(ZOE | {"trouble": "html"})["id_token"])


def _told(application: Application, trouble: str | None = None) -> Told:
    answer = callback(application.asks(ZOE | {"trouble": trouble}, nonce="n-1"))
    token = application.redeems(answer["code"]).json()
    header, claims, signature = token["id_token"].split(".")
    keys = application.reads_keys()
    return Told(
        answer,
        token,
        json.loads(_decode(header)),
        _claims(token["id_token"]),
        application.reads_profile(token["access_token"]).json(),
        keys,
        any(_verifies(key, f"{header}.{claims}", signature) for key in keys if key["kty"] == "RSA"),
    )


def _written(part: dict[str, Any], name: str) -> str:
    """A value as it stands in JSON, where 1 is not true."""
    return json.dumps(part[name]) if name in part else ""


def _verifies(key: dict[str, str], text: str, signature: str) -> bool:
    n, e = (int.from_bytes(_decode(key[part])) for part in ("n", "e"))
    try:
        public = rsa.RSAPublicNumbers(e, n).public_key()
        public.verify(_decode(signature), text.encode(), padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _hash_of(told: Told) -> str:
    digest = hashlib.sha256(told.token["access_token"].encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _claims(token: str) -> dict[str, Any]:
    return dict(json.loads(_decode(token.split(".")[1])))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
