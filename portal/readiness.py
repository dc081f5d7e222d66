"""Whether this process can serve: the store and the keys, tried for real. It knows no HTTP and no words for people.

Anybody may ask, so asking often must not cost often (T103): the store hears of it once a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from portal.canary import WatchedStore
from portal.crypto import TokenCipher
from portal.errors import SealError, StoreError
from portal.logs import log, printable

CHECK_EVERY = 1.0  # seconds
_OWNER = "readiness"


class Readiness:
    """What one process knows of its own fitness. Safe to share between threads."""

    def __init__(
        self, store: WatchedStore, cipher: TokenCipher, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._clock = clock
        self._lock = Lock()
        self._checked: float | None = None
        self._ready = False
        self._warm = False

    def is_ready(self) -> bool:
        """Whether the store answers and the keys are its own, as of a second ago at most."""
        with self._lock:  # who comes meanwhile waits for this answer rather than asking for one more
            if self._checked is None or self._clock() - self._checked >= CHECK_EVERY:
                self._ready = self._check()
                self._checked = self._clock()
            return self._ready

    def begin_warm_up(self) -> bool:
        """True for the first who asks, and for nobody after."""
        with self._lock:
            first, self._warm = not self._warm, True
            return first

    def _check(self) -> bool:
        try:
            self._store.check()
            self._cipher.unseal(self._cipher.seal(b"", _OWNER), _OWNER)
            if not self._store.keys_fit():  # T76: what is deployed with other keys isn't let loose on people
                log.warning("not ready: token_keys are not the keys of this store; see `manage.py keys check`")
                return False
        except (StoreError, SealError) as error:
            log.warning("not ready: %s %s", type(error).__name__, printable(error))
            return False
        return True
