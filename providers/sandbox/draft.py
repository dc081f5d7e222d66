"""An ID token on its way to a signature, and the ways in which that signature may be none or another's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from providers.sandbox.signing import RS256, Signer, encode, encode_part, make_signer

Claims = dict[str, Any]


@dataclass(slots=True)
class Draft:
    """An ID token before it is signed."""

    header: Claims
    claims: Claims
    signer: Signer
    client_secret: str
    signature: Callable[[bytes], bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.signature = self.signer.sign

    def sign(self) -> str:
        text = f"{encode_part(self.header)}.{encode_part(self.claims)}"
        return f"{text}.{encode(self.signature(text.encode()))}"


def unsigned(draft: Draft) -> None:
    draft.header = {"alg": "none", "typ": "JWT"}
    draft.signature = lambda _: b""


def badly_signed(draft: Draft) -> None:
    right = draft.signature
    draft.signature = lambda text: bytes([right(text)[0] ^ 1]) + right(text)[1:]


def signed_with(algorithm: str) -> Callable[[Draft], None]:
    """Signed by a key that the issuer doesn't publish, under the name of one that it does."""

    def change(draft: Draft) -> None:
        draft.header["alg"] = algorithm
        draft.signature = make_signer("nobody", algorithm, serial=0).sign

    return change


def signed_as_ps256(draft: Draft) -> None:
    """By the right key, and rightly, but not the way that was announced."""
    signer = draft.signer
    draft.header["alg"] = "PS256"
    if isinstance(signer, RS256):
        draft.signature = lambda text: signer.key.sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def signed_by_secret(key: Callable[[Draft], bytes]) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        secret = key(draft)
        draft.header["alg"] = "HS256"
        draft.signature = lambda text: hmac.digest(secret, text, hashlib.sha256)

    return change


def brings_its_key(draft: Draft) -> None:
    forger = make_signer("forger", "ES256", serial=0)
    draft.header |= {"alg": "ES256", "kid": forger.kid, "jwk": forger.public()}
    draft.signature = forger.sign


def published_key(draft: Draft) -> bytes:
    return encode_part(draft.signer.public()).encode()
