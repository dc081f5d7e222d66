"""What can come of withdrawing a person's access: the portal does it at the provider, or the person does it there.

Words and values only; who asks for it, and what is done about it here, is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Withdrawn(StrEnum):
    """What a provider made of the wish to end an access."""

    REMOVED = "removed"
    OVER = "over"  # it takes the token for nothing any more, so that nobody can do anything with it
    NO_WAY = "no-way"  # it has no means for it: the person alone can, in their settings there


@dataclass(frozen=True, slots=True)
class Removal:
    """A provider's own word that a person has removed the application there, or wants their data gone."""

    subject: str
    issued: datetime  # by the provider's clock, in whole seconds
