"""The opaque ids under which people's pictures are served. It makes and reads them, and fetches nothing.

An id is signed, so that a picture is seen by whom a page of the portal or of its application has shown it, strangers
included, and by nobody who knows or guesses a user's id (T42). It stays the same, so that browsers keep the picture.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable

from portal.crypto import derive_key

_SIGNED = 12  # bytes, 96 bits: each guess is a request
_ID = re.compile(r"([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{16})")


class AvatarIds:
    """Signs with the first key; all of them verify."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [derive_key(key, "avatar id") for key in keys]

    def make(self, user_id: str) -> str:
        """The id of a user's picture, be there such a user or not."""
        return user_id + _sign(self._keys[0], user_id)

    def read(self, avatar_id: str) -> str | None:
        """Whose picture it is; None for what was not made here."""
        match = _ID.fullmatch(avatar_id)
        if match and any(hmac.compare_digest(_sign(key, match[1]), match[2]) for key in self._keys):
            return match[1]
        return None


def _sign(key: bytes, user_id: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, user_id.encode(), "sha256")[:_SIGNED]).decode()
