"""What keeps the portal from starting, and how it is told. None of these texts ever repeats a secret (T70)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from portal.errors import PortalError

NOT_SET = "not set"  # the source of what is missing

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting's trouble: where it was written, what is wrong, and what to write instead."""

    setting: str
    source: str
    wrong: str
    write: str

    def __str__(self) -> str:
        return f"{self.setting} ({self.source}) {self.wrong}.\n    Write: {self.write}"


class ConfigError(PortalError):
    """The configuration can't be used. `problems` are all there are, not the first one; `str` is a report to print."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"The configuration has {'a problem' if count == 1 else f'{count} problems'}:"
        return "\n\n".join([head, *map(str, self.problems)])


def dotted(name: Iterable[str]) -> str:
    """A setting's name as one writes it in the file; what a terminal might obey (T78) is escaped."""
    return ".".join(part if _PLAIN.fullmatch(part) else ascii(part) for part in name)
