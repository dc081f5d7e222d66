"""Withdrawing access at one stand-in: what goes wrong with it, and how often it was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask.typing import ResponseReturnValue

from providers.sandbox.grants import Grants
from providers.sandbox.troubles import Trouble, play


@dataclass(slots=True)
class Revoking:
    """What tests set, and what they read."""

    trouble: Trouble = Trouble.NONE
    done: int = 0  # grants that were withdrawn

    def spoiled(self, *, pace: float) -> ResponseReturnValue | None:
        """What goes wrong before anything is done; None for nothing."""
        return play(self.trouble, pace=pace)

    def withdraw(self, grants: Grants, token: str) -> bool:
        """End all that came of this person's consent. False where nobody knows the token (any more)."""
        person = grants.person_of(token)
        if person is None:
            return False
        grants.end_all_of(person)
        self.done += 1
        return True

    def set(self, form: Mapping[str, str]) -> None:
        """Over HTTP. Raises ValueError."""
        self.trouble = Trouble(form.get("trouble", self.trouble))

    def told(self) -> dict[str, Any]:
        return {"done": self.done}

    def clear(self) -> None:
        """Forget what came; what was set stays."""
        self.done = 0
