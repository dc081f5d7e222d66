"""The threat model names tests that exist, and each of them names its row in turn."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.threats import BITES

ROOT = Path(__file__).parents[1]
MODEL = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = dict(re.findall(r"^\| (T\d+) \|(.*)$", MODEL, re.MULTILINE))
TEST = re.compile(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`")
# The web's edge and sessions: each has a test of its own, by name. T12 comes with full ID-token verification.
WHOLE = [f"T{number:02}" for number in (*range(1, 31), *range(52, 66), 70, 71, 74, 78, 79, 107)]


@cache
def functions(file: str) -> dict[str, str]:
    """The source of each test of a file, its decorators and docstring included."""
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return {node.name: ast.get_source_segment(text, node) or "" for node in found}


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = TEST.findall(MODEL)
    assert len(named) > 100
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / "tests" / file).exists() or (test and test not in functions(file))
    ]
    assert missing == []


def test_every_row_has_an_id_of_its_own() -> None:
    ids = re.findall(r"^\| (T\d+) \|", MODEL, re.MULTILINE)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("row", WHOLE)
def test_a_row_has_a_test_that_says_so_itself(row: str) -> None:
    tests = [functions(file)[test] for file, test in TEST.findall(ROWS[row]) if test]
    assert [text for text in tests if re.search(rf"\b{row}\b|_{row.lower()}(_|\()", text)], "no test names this row"


@pytest.mark.parametrize("bite", BITES, ids=lambda bite: f"{bite.row}-{bite.test.rpartition('::')[2]}")
def test_what_must_fail_without_a_protection_is_among_the_row_s_tests(bite: object) -> None:
    row, (file, _, test) = bite.row, bite.test.partition("::")  # type: ignore[attr-defined]
    assert (file, test) in TEST.findall(ROWS[row])
