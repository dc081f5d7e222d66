"""Signs by hand (RFC 7515) with keys of this process's own, each made when first needed. Knows no claim."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class Signer(Protocol):
    """A private key, and how it is used."""

    @property
    def alg(self) -> str: ...

    @property
    def kid(self) -> str: ...

    def sign(self, data: bytes) -> bytes: ...

    def public(self) -> dict[str, str]:
        """Its public half as a JWK (RFC 7517 §4)."""


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_part(part: Mapping[str, object]) -> str:
    """One part of a JWT, before the dots."""
    return encode(json.dumps(part, separators=(",", ":")).encode())


def half_hash(token: str) -> str:
    """`at_hash` for a token (OpenID Connect Core §3.1.3.6); RS256 and ES256 both hash with SHA-256."""
    return encode(hashlib.sha256(token.encode()).digest()[:16])


@dataclass(frozen=True, slots=True)
class RS256:
    key: rsa.RSAPrivateKey
    kid: str
    alg: str = "RS256"

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), SHA256())

    def public(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": self.alg, "kid": self.kid, "n": n, "e": e}


@dataclass(frozen=True, slots=True)
class ES256:
    key: ec.EllipticCurvePrivateKey
    kid: str
    alg: str = "ES256"

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)  # RFC 7518 §3.4: not ASN.1

    def public(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (encode(number.to_bytes(32)) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": self.alg, "kid": self.kid, "x": x, "y": y}


def make_signer(owner: str, algorithm: str, *, serial: int) -> Signer:
    """An owner's signer of this number: neighbours have different keys, and all, everywhere, different `kid`s."""
    kid = hashlib.sha256(f"{owner} {algorithm} {serial}".encode()).hexdigest()[:40]
    if algorithm == "ES256":
        return ES256(ec.generate_private_key(ec.SECP256R1()), kid)
    return RS256(_rsa_key(serial % 2), kid)


_lock = threading.Lock()
_rsa_keys: dict[int, rsa.RSAPrivateKey] = {}


def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    """One of the process's two RSA keys: each takes a tenth of a second to make, too long to make one at each turn.

    Under a lock, lest two first callers make two of one number and publish only one of them.
    """
    with _lock:
        if number not in _rsa_keys:
            _rsa_keys[number] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return _rsa_keys[number]
