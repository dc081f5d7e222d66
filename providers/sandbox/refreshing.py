"""Refreshing at one stand-in: how long tokens live, what goes wrong with it, and how often it was done.

A refresh token that works only once ends everything of its grant when it is used again (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from providers.sandbox.grants import Grant, Grants
from providers.sandbox.troubles import Trouble, play


class RefreshFault(StrEnum):
    """Why a refresh token is not exchanged."""

    UNKNOWN = "unknown"  # never issued, expired or revoked
    USED = "used"  # a second time: the grant is gone now


@dataclass(slots=True)
class Refreshing:
    """What tests set, and what they read."""

    life: int  # of the next access tokens, in seconds
    expires: bool = True  # GitHub: whether its tokens do, and come with a refresh token
    single_use: bool = False
    trouble: Trouble = Trouble.NONE  # of a refresh
    after: bool = False  # the trouble comes once the refresh has been done: the answer alone is lost
    error: str = ""  # refuse every refresh in these words
    done: int = 0
    reused: int = 0
    _consented: set[str] = field(default_factory=set)
    _spent: dict[str, Grant] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def redeem(self, grants: Grants, refresh_token: str) -> Grant | RefreshFault:
        """The grant behind a refresh token; of many who bring one that works only once, one gets it."""
        with self._lock:
            if (spent := self._spent.get(refresh_token)) is not None:
                self.reused += 1
                grants.end(spent)
                return RefreshFault.USED
            grant = grants.refresh_tokens.get(refresh_token)
            if grant is None:
                return RefreshFault.UNKNOWN
            if self.single_use:
                grants.end(grant)  # the old access token, too
                self._spent[refresh_token] = grant
            self.done += 1
            return grant

    def is_first(self, grant: Grant) -> bool:
        """Whether this person hasn't allowed it before."""
        with self._lock:
            first = grant.person.subject not in self._consented
            self._consented.add(grant.person.subject)
            return first

    def spoiled(self, *, pace: float) -> ResponseReturnValue | None:
        """What goes wrong before anything is done; None for nothing."""
        if self.error:
            return jsonify(error=self.error), 400
        return None if self.after else play(self.trouble, pace=pace)

    def lost(self, *, pace: float) -> ResponseReturnValue | None:
        """What comes in place of an answer to what has been done; None for the answer itself."""
        return play(self.trouble, pace=pace) if self.after else None

    def set(self, form: Mapping[str, str]) -> None:
        """Over HTTP, `yes` for what is true. Raises ValueError."""
        self.life = int(form.get("life", self.life))
        self.trouble = Trouble(form.get("trouble", self.trouble))
        self.error = form.get("error", self.error)
        self.expires = form.get("expires", "yes" if self.expires else "") == "yes"
        self.single_use = form.get("single_use", "yes" if self.single_use else "") == "yes"
        self.after = form.get("after", "yes" if self.after else "") == "yes"

    def told(self) -> dict[str, Any]:
        return {"life": self.life, "done": self.done, "reused": self.reused}

    def clear(self) -> None:
        """Forget what came; what was set stays."""
        with self._lock:
            self.done = self.reused = 0
            self._spent.clear()
            self._consented.clear()
