"""Makes Facebook's `signed_request`s, right ones and any other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed_request(secret: str, user_id: object = "10216543210987654", **changes: Any) -> str:
    """A right one, as Facebook sends it. A change to None leaves the member out."""
    document = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": user_id} | changes
    text = json.dumps({name: value for name, value in document.items() if value is not None})
    return sign(secret, encoded(text.encode()))


def sign(secret: str, payload: str, algorithm: str = "sha256") -> str:
    """Any second part, rightly signed."""
    return f"{encoded(hmac.new(secret.encode(), payload.encode(), getattr(hashlib, algorithm)).digest())}.{payload}"
