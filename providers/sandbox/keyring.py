"""The keys of one issuer: which one signs, which ones it publishes, and how they change."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from providers.sandbox.signing import Signer, make_signer

Document = dict[str, list[dict[str, str]]]

STRANGE: Sequence[dict[str, str]] = (  # RFC 7517 §5: who can't use a key ignores it, and not its neighbours
    {"kty": "AKP", "alg": "ML-DSA-99", "use": "sig", "kid": "of-another-time", "pub": "AAAA"},
    {"kty": "made-up", "use": "sig", "kid": "of-no-kind", "k": "AAAA"},
)


class KeyRing:
    """One key to begin with, made when first needed. The last key signs."""

    def __init__(self, owner: str, algorithm: str = "RS256") -> None:
        self._owner, self._algorithm = owner, algorithm
        self._lock = threading.Lock()
        self._keys: list[Signer] = []
        self._made = 0
        self._nameless = False
        self._strange: Sequence[dict[str, str]] = ()

    @property
    def algorithm(self) -> str:
        """What the issuer announces that it signs with."""
        return self._algorithm

    @property
    def signing(self) -> Signer:
        with self._lock:
            return self._present()[-1]

    def document(self) -> Document:
        """What is published (RFC 7517 §5)."""
        with self._lock:
            keys = [*self._strange, *(key.public() for key in self._present())]
        if self._nameless:
            keys = [{name: value for name, value in key.items() if name != "kid"} for key in keys]
        return {"keys": keys}

    def rotate(self) -> None:
        """From now on a new key signs, and the old ones are published no more."""
        with self._lock:
            self._present()
            self._keys = [self._make()]

    def add(self) -> None:
        """A second key stands beside the first, and signs from now on. More calls change nothing."""
        with self._lock:
            if len(self._present()) == 1:
                self._keys.append(self._make())

    def hide_kids(self) -> None:
        self._nameless = True

    def behave(self) -> None:
        """Undo `hide_kids` and `add_strange`: whoever comes next meets a good issuer again."""
        self._nameless, self._strange = False, ()

    def add_strange(self) -> None:
        """Publish keys that nobody can use beside the one that signs."""
        self._strange = STRANGE

    def _present(self) -> list[Signer]:
        if not self._keys:
            self._keys = [self._make()]
        return self._keys

    def _make(self) -> Signer:
        self._made += 1
        return make_signer(self._owner, self._algorithm, serial=self._made)
