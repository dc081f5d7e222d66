"""Facebook's `signed_request`: who really sent it, and when. It doesn't know what is asked for.

developers.facebook.com/docs/facebook-login/guides/advanced/existing-system and the data-deletion callback's page. The
form is theirs and no JWT: two parts, the signature first, taken over the second part as it was received (T100).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from providers._documents import decode

LONGEST: Final = 4096  # characters; a real one has a few hundred
OLDEST: Final = 3600  # seconds; they are sent at once, and a clock may be wrong
NEWEST: Final = 300  # seconds in the future
_FORM: Final = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]+)", re.ASCII)


def read_signed_request(raw: str, secret: bytes, *, now: float) -> Mapping[str, Any]:
    """The document in it, its `issued_at` an integer that is not long ago. Raises ValueError, whose text quotes
    nothing of what came."""
    found = _FORM.fullmatch(raw) if len(raw) <= LONGEST else None
    if found is None:
        raise ValueError("not two parts of base64url, a signature first")
    signature, payload = found.groups()
    expected = hmac.digest(secret, payload.encode(), "sha256")
    # The text is compared, not what it decodes to: the last letter has two bits to spare, and would pass in four forms.
    if not hmac.compare_digest(_encoded(expected), signature):
        raise ValueError("the signature is not this app's")
    try:
        document = decode(_decoded(payload))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValueError("signed, but not over an object of strict JSON")
    if document.get("algorithm") != "HMAC-SHA256":  # what the sender names is compared, never obeyed
        raise ValueError("signed, but by another algorithm")
    issued = document.get("issued_at")
    if type(issued) is not int or not now - OLDEST <= issued <= now + NEWEST:
        raise ValueError("signed, but too long ago, or in the future")
    return document


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))  # binascii.Error is a ValueError
    if _encoded(octets) != text:
        raise ValueError("not the one form of base64url")
    return octets
