"""Judges the claims of an ID token whose signature is verified (OIDC Core, section 3.1.3.7). Pure: it gets the time."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from providers._faults import Fault, ProviderError

LEEWAY: Final = 60  # seconds that two clocks may differ (T92)
SUBJECT: Final = r"[\x21-\x7e]{1,255}"  # OIDC Core, section 2: ASCII, case-sensitive, 255 at most; and no blanks (T32)
# Seconds since a token was issued, though it was asked for just now. Microsoft dates back by minutes; where an issuer's
# tokens live an hour, as most do, `exp` says so first.
OLDEST: Final = 2 * 60 * 60
LATEST: Final = 2**40  # the year 36812; milliseconds since 1970 lie beyond


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say. `nonce` is None only where none was sent."""

    issuers: tuple[str, ...]  # the ways to write it: Google has two
    client_id: str
    algorithms: tuple[str, ...]
    nonce: str | None = field(repr=False)
    access_token: str = field(repr=False)


def check_claims(claims: Mapping[str, Any], expected: Expected, algorithm: str, *, now: float) -> None:
    """Raises ProviderError for the first claim that is missing, of another type, or not as it must be."""
    if claims.get("iss") not in expected.issuers:
        raise _refused("iss is another issuer")
    _check_audience(claims, expected.client_id)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not re.fullmatch(SUBJECT, subject):
        raise ProviderError(Fault.SUBJECT, "token", "the subject is no text of the agreed form")
    if expected.nonce is not None and not _same(claims.get("nonce"), expected.nonce):  # T11
        raise _refused("nonce is not this sign-in's")
    if "at_hash" in claims and not _same(claims["at_hash"], _half_hash(expected.access_token, algorithm)):
        raise _refused("at_hash is another access token's")  # T15
    # Last, so that only a token with nothing else wrong is put down to the clock.
    _check_times(claims, now)


def check_recent(claims: Mapping[str, Any], since: float, *, now: float) -> None:
    """Whether the person proved who they are after `since`, epoch seconds (OIDC Core, sections 2 and 3.1.2.1)."""
    proved = _number(claims, "auth_time") if "auth_time" in claims else None
    if proved is None or proved < since - LEEWAY:
        seconds = "not told" if proved is None else f"{since - proved:.0f} s before it was asked for"
        raise ProviderError(Fault.NOT_RECENT, "token", f"ID token: the last proof is {seconds}")
    if proved > now + LEEWAY:
        raise _skewed("auth_time", proved - now)


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not client_id or not all(isinstance(each, str) for each in audiences) or client_id not in audiences:
        raise _refused("aud is another client")
    # Where it was made for several, azp says which of them asked; where there is an azp, it must be us.
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise _refused("azp is another client")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, issued = _number(claims, "exp"), _number(claims, "iat")
    begins = _number(claims, "nbf") if "nbf" in claims else issued
    if ends <= issued:
        raise _refused("it ends before it begins")
    if ends <= now - LEEWAY:
        raise _skewed("exp", ends - now)
    if not now - OLDEST <= issued <= now + LEEWAY:
        raise _skewed("iat", issued - now)
    if begins > now + LEEWAY:
        raise _skewed("nbf", begins - now)


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise _refused(f"{name} is no time")
    return value


def _skewed(name: str, seconds: float) -> ProviderError:
    return ProviderError(Fault.CLOCK, "token", f"ID token: {name} is {seconds:+.0f} s from this server's clock")


def _half_hash(access_token: str, algorithm: str) -> str:
    """`at_hash` (OIDC Core, section 3.1.3.6): the left half of the hash that the algorithm is named after."""
    digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _same(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="surrogatepass"), wanted.encode())


def _refused(why: str) -> ProviderError:
    return ProviderError(Fault.MALFORMED, "token", f"ID token: {why}")
