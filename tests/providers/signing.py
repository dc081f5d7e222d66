"""An issuer's own keys and the ID tokens made with them, right or wrong, for the tests of what is believed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER: Final = "https://id.example.test/realms/staff"
JWKS: Final = f"{ISSUER}/keys"
CLIENT: Final = "portal-client"
NONCE: Final = "n-0S6_WzA2Mj"
ACCESS_TOKEN: Final = "at-7d1f"
ABSENT: Final = object()  # a claim or header field that is left out

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def dumped(value: Any) -> str:
    return encode(json.dumps(value, separators=(",", ":")).encode())


@cache
def rsa_key(name: str = "the issuer's", bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key, made once for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str = "the issuer's") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKey, kid: str | None = "k1", **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        found: dict[str, Any] = {"kty": "RSA", "n": n, "e": e}
    else:
        found = {"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32)), "y": encode(numbers.y.to_bytes(32))}
    named = found if kid is None else found | {"kid": kid}
    return {name: value for name, value in (named | {"use": "sig"} | more).items() if value is not ABSENT}


def key_set(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"keys": list(keys) or [jwk(rsa_key())]}


def at_hash(access_token: str = ACCESS_TOKEN) -> str:
    return encode(hashlib.sha256(access_token.encode()).digest()[:16])


def header(**changed: Any) -> dict[str, Any]:
    return _without_absent({"alg": "RS256", "kid": "k1", "typ": "JWT"} | changed)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a right ID token, in which everything that can be checked is there."""
    now = int(time.time())
    right = {"iss": ISSUER, "aud": CLIENT, "azp": CLIENT, "sub": "auth0|5f7c8ec7", "nonce": NONCE}
    return _without_absent(right | {"iat": now, "nbf": now, "exp": now + 3600, "at_hash": at_hash()} | changed)


def sign(body: Any, head: Any = None, key: PrivateKey | None = None) -> str:
    """A JWS, signed as its header says as far as the key can."""
    head = header() if head is None else head
    text = f"{dumped(head)}.{dumped(body)}"
    return f"{text}.{encode(signature(text, str(head.get('alg')), key or rsa_key()))}"


def signature(text: str, algorithm: str, key: PrivateKey) -> bytes:
    message = text.encode()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
    if algorithm.startswith("PS"):
        return key.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return key.sign(message, padding.PKCS1v15(), SHA256())


def maced(body: Any, head: Any, secret: bytes) -> str:
    """A JWS whose signature is an HMAC, as of a verifier that takes a public key for a secret."""
    text = f"{dumped(head)}.{dumped(body)}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def _without_absent(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ABSENT}
