"""Tells findings: as lines for people, as JSON for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from portal.setup.findings import Finding, Level, passed

_SIGNS = {Level.GOOD: "✓", Level.UNTESTED: "–", Level.WARNING: "!", Level.PROBLEM: "✗"}
_PLAIN = {Level.GOOD: "+", Level.UNTESTED: "-", Level.WARNING: "!", Level.PROBLEM: "x"}


def as_lines(findings: Sequence[Finding], *, encoding: str = "utf-8") -> str:
    """A line each, under what it is about, and a summary. In plain signs where the terminal has no others."""
    signs = _SIGNS if _can_write("".join(_SIGNS.values()), encoding) else _PLAIN
    lines = []
    for about, group in groupby(findings, key=lambda finding: finding.about):
        lines.append(about)
        lines += [f"  {signs[finding.level]} {finding.says}" for finding in group]
    return "\n".join([*lines, "", summary(findings)])


def as_json(findings: Sequence[Finding]) -> str:
    found = [
        {"level": finding.level.value, "about": finding.about, "says": finding.says, "setting": finding.setting or None}
        | ({"people": finding.people} if finding.people else {})
        for finding in findings
    ]
    return json.dumps({"ok": passed(findings), "findings": found}, ensure_ascii=False, indent=2)


def summary(findings: Sequence[Finding]) -> str:
    """How many of what."""
    counts = Counter(finding.level for finding in findings)
    parts = [
        f"{number} {word if number == 1 else word + 's'}"
        for level, word in ((Level.PROBLEM, "problem"), (Level.WARNING, "warning"))
        if (number := counts[level])
    ]
    if counts[Level.UNTESTED]:
        parts.append(f"{counts[Level.UNTESTED]} not tested")
    if not parts:
        return "All good."
    return ("Good; " if passed(findings) else "") + ", ".join(parts) + "."


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
