"""Many looks at once: one that hangs or breaks is one line, and the others are told."""

from __future__ import annotations

import json
import threading
import time

import pytest

from portal.setup.clocks import judge
from portal.setup.findings import Finding, Level, good, problem, warning
from portal.setup.report import as_json, as_lines
from portal.setup.together import look_at_all


def test_one_that_hangs_and_one_that_breaks_stop_no_other() -> None:
    never = threading.Event()

    def hangs() -> list[Finding]:
        never.wait(30)
        return []

    def breaks() -> list[Finding]:
        raise RuntimeError("secret-in-a-text")

    begun = time.monotonic()
    found = look_at_all({"a": hangs, "b": breaks, "c": lambda: [good("c", "fine")]}, seconds=0.2)
    assert time.monotonic() - begun < 5
    never.set()
    assert [finding.level for finding in found] == [Level.PROBLEM, Level.PROBLEM, Level.GOOD]
    assert "given up" in found[0].says
    assert "RuntimeError" in found[1].says
    assert "secret" not in found[1].says


def test_where_a_terminal_has_no_signs_plain_ones_stand() -> None:
    found = [good("a", "fine"), warning("a", "hm"), problem("b", "bad")]
    assert as_lines(found, encoding="ascii") == "a\n  + fine\n  ! hm\nb\n  x bad\n\n1 problem, 1 warning."
    assert "✗ bad" in as_lines(found)


def test_json_says_the_same() -> None:
    told = json.loads(as_json([problem("a", "bad", "base_url"), good("b", "fine")]))
    assert told["ok"] is False
    assert told["findings"][0] == {"level": "problem", "about": "a", "says": "bad", "setting": "base_url"}


@pytest.mark.parametrize(
    ("ahead", "level"),
    [({}, Level.UNTESTED), ({"A": 3.0}, Level.GOOD), ({"A": -30.0}, Level.WARNING), ({"A": 61.0}, Level.PROBLEM)],
)
def test_a_clock_is_judged_by_how_far_it_is_off(ahead: dict[str, float], level: Level) -> None:
    assert judge(ahead)[0].level is level


def test_one_provider_of_three_whose_clock_is_wrong_is_not_believed() -> None:
    assert judge({"A": 0.4, "B": 500.0, "C": -0.2})[0].level is Level.GOOD
