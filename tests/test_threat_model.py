"""The threat model names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = (ROOT / "docs" / "threat-model.md").read_text()


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", MODEL)
    assert len(named) > 60
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (path := ROOT / "tests" / file).exists() or (test and f"def {test}(" not in path.read_text())
    ]
    assert missing == []


def test_every_row_has_an_id_of_its_own() -> None:
    ids = re.findall(r"^\| (T\d+) \|", MODEL, re.MULTILINE)
    assert len(ids) == len(set(ids))
