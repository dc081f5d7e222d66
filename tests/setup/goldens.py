"""What the admin's commands print, kept as files and compared to the letter.

After a change that is meant, write them anew and read the difference:
PORTAL_TEST_GOLDENS=1 .venv/bin/pytest -n0 tests/setup
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "goldens"
WRITE = bool(os.environ.get("PORTAL_TEST_GOLDENS"))


def matches(name: str, output: str, names: Mapping[str, str]) -> None:
    """Hold an output against its file. `names` are what differs from run to run, and what stands for it there."""
    for differs, stands in names.items():
        output = output.replace(differs, stands)
    output = re.sub(r"made [\w-]{43}", "made KEY", output)
    output = re.sub(r"\b127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:PORT", output)
    file = FOLDER / f"{name}.txt"
    if WRITE:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(output, encoding="utf-8")
    assert output == file.read_text(encoding="utf-8")
