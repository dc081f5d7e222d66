"""Sealing bytes for a named owner, deriving keys for a purpose, and digests for keys. It knows no user and no provider.

The seal is AES-256-GCM under a ring of keys: the first seals, all open. An envelope is

    version (1 byte) · key id (8) · nonce (12) · ciphertext and tag

and the owner's names are associated data, so that a value moved to another row, field or user does not open (T73).
Nonces are random: at 96 bits a key is good for about four thousand million seals (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.errors import SealError

VERSION = b"\x01"
KEY_BYTES = 32
ID_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16


class TokenCipher:
    """Seals and unseals under a ring of 32-byte keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises ValueError for no key, or one that isn't 32 bytes."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a cipher takes one or more keys of 32 bytes")
        self._ring = {_key_id(key): AESGCM(key) for key in keys}
        self._sealing_id = _key_id(keys[0])

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys in hex, that of the sealing one first. An id is a digest and tells nothing of its key."""
        return tuple(each.hex() for each in self._ring)

    def seal(self, plain: bytes, *owner: str) -> bytes:
        """Encrypt for an owner, named by any number of texts in a fixed order."""
        header = VERSION + self._sealing_id
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + self._ring[self._sealing_id].encrypt(nonce, plain, header + _joined(owner))

    def unseal(self, sealed: bytes, *owner: str) -> bytes:
        """What was sealed for this owner. Raises SealError for everything else."""
        header, nonce, rest = sealed[:9], sealed[9:21], sealed[21:]
        if len(rest) < TAG_BYTES:
            raise SealError("short")
        if header[:1] != VERSION:
            raise SealError("version")  # never read an unknown or a plain value leniently (T77)
        key = self._ring.get(header[1:])
        if key is None:
            raise SealError("key")
        try:
            return key.decrypt(nonce, rest, header + _joined(owner))
        except InvalidTag:
            raise SealError("altered") from None


def key_id(sealed: bytes) -> str | None:
    """The id, in hex, of the key that an envelope names; None for what is no envelope of this version."""
    if sealed[:1] != VERSION or len(sealed) < len(VERSION) + ID_BYTES + NONCE_BYTES + TAG_BYTES:
        return None
    return sealed[1:9].hex()


def derive_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (RFC 5869), so that no cookie can pass for another (T05, T61)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"portal " + purpose.encode()).derive(
        secret.encode()
    )


def digest(*parts: str) -> str:
    """SHA-256 over the parts, each with its length, so that no two lists read alike; 43 characters base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(_joined(parts)).digest()).rstrip(b"=").decode()


def _joined(parts: Sequence[str]) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4) + part for part in encoded)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"portal key id" + key).digest()[:ID_BYTES]
