"""An issuer's public keys: read from its key set (RFC 7517), made ready once, and kept for this process.

Of a key only its numbers are taken: no certificate, and no address of one (T91).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from providers._calls import fetch, read_json
from providers._faults import Fault, ProviderError
from providers._kept import Kept, life

# What ID tokens may be signed with, and with which type of key. Never `none`, nor HS*, whose key would be the client
# secret, or, with a careless verifier, the issuer's public one. EdDSA isn't here: no standard says which hash its
# `at_hash` is made with.
ALGORITHMS: Final[Mapping[str, type[RSAKey] | type[ECKey]]] = {"RS256": RSAKey, "ES256": ECKey, "PS256": RSAKey}
RSA_BITS: Final = (2048, 8192)  # RFC 7518, section 3.3 demands the first; more than the second only costs time


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that may have signed an ID token. `kid` is the issuer's name for it, `alg` its only use, if any."""

    kid: str | None
    alg: str | None
    public: RSAKey | ECKey

    def fits(self, algorithm: str) -> bool:
        return isinstance(self.public, ALGORITHMS[algorithm]) and self.alg in (None, algorithm)


class KeySets:
    """The key sets of this process, one for all entries of an issuer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Kept[tuple[Key, ...]] = Kept("keys", clock)
        self.forget = self._kept.forget

    def load(self, http: requests.Session, url: str) -> tuple[Key, ...]:
        """The keys at `jwks_uri`. Raises ProviderError."""
        return self._kept.load(url, lambda: _fetch(http, url))

    def renew(self, http: requests.Session, url: str, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        """The keys as they are now, because `seen` lacks one; `seen` itself when that was asked only just before.

        So an issuer may change its keys at any time, and a flood of unknown ones is no flood of calls.
        """
        return self._kept.renew(url, seen, lambda: _fetch(http, url))


def _fetch(http: requests.Session, url: str) -> tuple[tuple[Key, ...], float]:
    response = fetch(http, url, call="keys")
    return read_keys(read_json(response, call="keys")), life(response.headers)


def read_keys(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """The keys that can verify an ID token; all others are passed over (RFC 7517, section 5). Raises ProviderError."""
    given = document.get("keys")
    keys = [key for each in given if (key := _read(each))] if isinstance(given, list) else []
    if not keys:
        raise ProviderError(Fault.MALFORMED, "keys", "the key set has no key that can verify an ID token")
    return tuple(keys)


def _read(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or "d" in jwk:  # a private key that everybody can read proves nothing
        return None
    operations = jwk.get("key_ops", ["verify"])
    alg, kid = jwk.get("alg"), jwk.get("kid")
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if (alg is not None and (not isinstance(alg, str) or alg not in ALGORITHMS)) or not isinstance(kid, str | None):
        return None
    public = _public(jwk)
    key = Key(kid, alg, public) if public else None
    return key if key and (alg is None or key.fits(alg)) else None


def _public(jwk: Mapping[str, Any]) -> RSAKey | ECKey | None:
    """A key made of the numbers alone, so that nothing else in the document reaches the library."""
    shortest, longest = RSA_BITS
    try:
        if jwk.get("kty") == "RSA":
            n, e = str(jwk["n"]), str(jwk["e"])
            # Judged by its length before it is imported: the library would only warn, and a huge exponent is slow.
            if not shortest <= len(n) * 6 <= longest + 24 or len(e) > 6:
                return None
            rsa = RSAKey.import_key({"kty": "RSA", "n": n, "e": e})
            return rsa if shortest <= rsa.public_key.key_size <= longest else None
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": str(jwk["x"]), "y": str(jwk["y"])})
    except (JoseError, KeyError, ValueError, TypeError):
        return None
    return None


key_sets: Final = KeySets()
