"""What a look at one thing found: one sentence, how bad it is, and the setting to change. It looks at nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from portal.logs import printable

LONGEST = 600  # characters of a sentence


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    UNTESTED = "untested"  # nothing is known to be wrong, and why it can't be known
    WARNING = "warning"  # works, and should be looked at
    PROBLEM = "problem"  # somebody will not be able to sign in


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Escaped here, so that no answer from elsewhere can move a terminal's cursor (T78)."""

    level: Level
    about: str  # a provider's name, or a part of the portal
    says: str
    setting: str = ""  # the one to change; "" where none is to blame
    people: tuple[str, ...] = ()  # the ids of whom it is about, all of them

    def __post_init__(self) -> None:
        object.__setattr__(self, "says", printable(self.says, LONGEST))


def good(about: str, says: str) -> Finding:
    return Finding(Level.GOOD, about, says)


def untested(about: str, says: str, setting: str = "") -> Finding:
    return Finding(Level.UNTESTED, about, says, setting)


def warning(about: str, says: str, setting: str = "") -> Finding:
    return Finding(Level.WARNING, about, says, setting)


def problem(about: str, says: str, setting: str = "") -> Finding:
    return Finding(Level.PROBLEM, about, says, setting)


def passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong. A warning is no failure."""
    return all(finding.level is not Level.PROBLEM for finding in findings)
