"""A test that shows a protection fails without it: each is taken away, and its test must notice."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.source_tree import ROOT
from tests.threats import BITES


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What `tests.biting` found, in a process of its own: what it takes away would be missed here."""
    said = tmp_path_factory.mktemp("biting") / "said"
    with said.open("wb") as log:
        answer = subprocess.run(
            [sys.executable, "-m", "tests.biting"], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, timeout=300
        )
    assert answer.returncode == 0, said.read_text()[-4_000:]
    return dict(json.loads(answer.stdout))


@pytest.mark.full
def test_with_all_protections_all_of_them_pass(told: dict[str, object]) -> None:
    assert told["control"] == []


@pytest.mark.full
@pytest.mark.parametrize(
    "number", range(len(BITES)), ids=[f"{bite.row}-{bite.test.rpartition('::')[2]}" for bite in BITES]
)
def test_without_its_protection_it_fails(told: dict[str, object], number: int) -> None:
    """By what it asserts: a crash would only show that the protection was taken away clumsily."""
    how = str(told[str(number)])
    assert how.startswith(("assert ", "AssertionError", "Failed: DID NOT RAISE")), how
