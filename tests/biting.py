"""Runs the tests of tests/threats.py in a pytest of their own, with and without the protections; prints what failed.

`python -m tests.biting`, or with the ids of some rows, prints one JSON object: for each bite, by its number, how its
test failed without the protection (null where it passed); under "control" the tests that failed with all of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests.threats import BITES, Bite

ROOT = Path(__file__).parents[1]
IMPORTED_EARLY = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")


class Round:
    """One run: takes each test's protection away while that test, its fixtures included, is run."""

    def __init__(self, bites: dict[str, Bite]) -> None:
        self.bites = bites
        self.failed: dict[str, str] = {}
        self.ran: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        bite = self.bites.get(_name(item.nodeid))
        with pytest.MonkeyPatch.context() as patch:
            if bite is not None:
                bite.take(patch)
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = _name(report.nodeid)
        if report.when == "call":
            self.ran.add(name)
            if report.failed:
                self.failed.setdefault(name, _reason(report))


def _name(nodeid: str) -> str:
    return nodeid.partition("[")[0].removeprefix("tests/")


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).partition("\n")[0][:100] if crash else "?"


def run(tests: list[str], bites: dict[str, Bite]) -> Round:
    plugin = Round(bites)
    with redirect_stdout(sys.stderr):
        options = ["-n0", "-q", "--tb=short", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *IMPORTED_EARLY]
        pytest.main([*options, *(f"{ROOT}/tests/{test}" for test in tests)], plugins=[plugin])
    return plugin


def main(*rows: str) -> None:
    left = {number: bite for number, bite in enumerate(BITES) if not rows or bite.row in rows}
    tests = sorted({bite.test for bite in left.values()})
    with_all = run(tests, {})
    told: dict[str, Any] = {"control": sorted(with_all.failed.keys() | (set(tests) - with_all.ran))}
    while left:  # each test once a round: one protection is taken away at a time
        now = {bite.test: number for number, bite in reversed(left.items())}
        bitten = run(sorted(now), {test: left[number] for test, number in now.items()})
        for test, number in now.items():
            told[str(number)] = bitten.failed.get(test)
            del left[number]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
