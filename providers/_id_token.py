"""Verifies an ID token: its form, its header, its signature by one of the issuer's keys, then its claims (T12).

The signature is always verified, though OIDC Core, section 3.1.3.7, item 6 lets one skip it for a token that came
straight from the issuer. It fetches nothing itself, and nothing that a token names is ever fetched (T91).
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Any, Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError

from providers._claims import Expected, check_claims
from providers._documents import decode
from providers._faults import Fault, ProviderError
from providers._keys import ALGORITHMS, Key


class Keys(Protocol):
    """Where an issuer's keys come from."""

    def load(self) -> tuple[Key, ...]:
        """Those that are known."""

    def renew(self, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        """Those there are now, where `seen` has not the one that is wanted."""


class _Registry(jws.JWSRegistry):
    """joserfc's rules, with room for a certificate chain in the header: some issuers send one, nobody here reads it."""

    max_header_length = 16 * 1024


_REGISTRIES: Final = {name: _Registry(algorithms=[name], strict_check_header=False) for name in ALGORITHMS}


class _NoKey(Exception):
    """No key among those known made this signature, and a newer set might have it."""


def verify(encoded: object, keys: Keys, expected: Expected, *, now: float) -> dict[str, Any]:
    """The claims of an ID token, all of them the issuer's word to us, now. Raises ProviderError.

    `keys` are asked for only after the header is found right, and once more where they lack the token's.
    """
    algorithm, kid = _read_header(encoded, expected.algorithms)
    token = str(encoded)
    known = keys.load()
    try:
        payload = _verified(token, algorithm, kid, known)
    except _NoKey:
        try:
            payload = _verified(token, algorithm, kid, keys.renew(known))
        except _NoKey as missing:
            raise _refused(str(missing)) from None
    try:
        claims = decode(payload)
    except ValueError:
        raise _refused("the claims can't be read") from None
    if not isinstance(claims, dict):
        raise _refused("the claims are no object")
    check_claims(claims, expected, algorithm, now=now)
    return claims


def _read_header(encoded: object, algorithms: tuple[str, ...]) -> tuple[str, str | None]:
    """The algorithm and the `kid` of a token that looks like one of ours."""
    try:
        if not isinstance(encoded, str):
            raise ValueError("missing")
        header_part, payload, signature = encoded.encode("ascii").split(b".")
        header = decode(_exact(header_part))
        for part in (payload, signature):
            _exact(part)
    except ValueError:
        raise _refused("missing, or no JWS in compact form") from None
    if not isinstance(header, dict):
        raise _refused("the header is no object")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in algorithms:  # pinned: never what the token would like
        raise _refused(f"signed with {algorithm!r}, expected {' or '.join(algorithms)}")
    if not isinstance(kind, str) or kind.upper() not in ("JWT", "APPLICATION/JWT"):  # a logout token isn't one of these
        raise _refused("another type of token")
    if "crit" in header or "b64" in header:  # extensions that must be understood, and none is (RFC 7515, 4.1.11)
        raise _refused("an unknown extension is critical")
    if not isinstance(kid, str | None):
        raise _refused("kid is no text")
    return algorithm, kid


def _exact(part: bytes) -> bytes:
    """Base64url as it must be written: no padding, no spaces, no stray bits, so that one token has one spelling."""
    decoded = b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if urlsafe_b64encode(decoded).rstrip(b"=") != part:
        raise ValueError("another spelling")
    return decoded


def _verified(token: str, algorithm: str, kid: str | None, keys: tuple[Key, ...]) -> bytes:
    """The payload, if one key could have signed this token, and did."""
    fitting = [key for key in keys if key.fits(algorithm) and kid in (None, key.kid)]
    if not fitting:
        raise _NoKey("no key of the issuer fits")
    if len(fitting) > 1:  # then the kid must say which (OIDC Core, section 10.1)
        raise _refused("more than one key of the issuer fits")
    try:
        return jws.deserialize_compact(token, fitting[0].public, registry=_REGISTRIES[algorithm]).payload
    except (JoseError, ValueError, TypeError):
        if kid is None:  # an issuer that names no keys changes them without another sign
            raise _NoKey("the signature is wrong") from None
        raise _refused("the signature is wrong") from None


def _refused(why: str) -> ProviderError:
    return ProviderError(Fault.MALFORMED, "token", f"ID token: {why}")
