"""The pass: what the session cookie of a whole domain holds. It names a Session and proves that we named it.

It is no session secret, and none can be made of it. Every host below the domain gets this cookie, and the application
behind each: with the secret in it, any of them could act as the person on the account page, and whatever a neighbour
puts in its place would open the portal's own pages. A pass is good for `/auth` and for nothing else.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence

from portal.crypto import derive_key

_FORM = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")
_LONGEST = 120


class DomainPass:
    """Makes and reads passes, under a ring of keys: the first signs, all verify."""

    def __init__(self, secret_keys: Sequence[str], *, domain: str) -> None:
        self.domain = domain
        self._keys = [derive_key(key, "domain pass") for key in secret_keys]

    def make(self, user_id: str, session_id: str) -> str:
        """The pass of a session. It ends with it: the Session is read each time."""
        return f"{user_id}.{session_id}.{_sign(self._keys[0], user_id, session_id)}"

    def read(self, values: Iterable[str]) -> tuple[str, str] | None:
        """The ids of the user and the session that the cookies of a request name; None unless it is one pass of ours.

        A neighbour below the domain can add a cookie of this name under another path. Two that differ are therefore
        none: which of them a browser sends first is the neighbour's choice.
        """
        different = {value[: _LONGEST + 1] for value in values}
        if len(different) != 1:
            return None
        match = _FORM.fullmatch(different.pop())
        if match is None:
            return None
        user_id, session_id, proof = match.groups()
        proved = [hmac.compare_digest(proof, _sign(key, user_id, session_id)) for key in self._keys]
        return (user_id, session_id) if any(proved) else None


def _sign(key: bytes, user_id: str, session_id: str) -> str:
    code = hmac.digest(key, f"{user_id}.{session_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()
