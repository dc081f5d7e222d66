"""ID tokens signed by hand (RS256, RFC 7515), with a key of this process's own, made when first needed."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def half_hash(token: str) -> str:
    """`at_hash` for a token (OpenID Connect Core §3.1.3.6)."""
    return encode(hashlib.sha256(token.encode()).digest()[:16])


@dataclass(frozen=True, slots=True)
class Signer:
    key: rsa.RSAPrivateKey
    kid: str

    def sign(self, claims: dict[str, object]) -> str:
        header = {"alg": "RS256", "kid": self.kid, "typ": "JWT"}
        text = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{text}.{encode(self.key.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """RFC 7517 §5."""
        numbers = self.key.public_key().public_numbers()
        n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e}]}


_lock = threading.Lock()
_signer: Signer | None = None


def get_signer() -> Signer:
    """The process's signer. Under a lock, lest two first callers make two keys and publish only one of them."""
    global _signer
    with _lock:
        if _signer is None:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            kid = hashlib.sha256(str(key.public_key().public_numbers().n).encode()).hexdigest()[:40]
            _signer = Signer(key, kid)
        return _signer
