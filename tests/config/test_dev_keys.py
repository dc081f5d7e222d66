"""Keys made in development are made once, whole, and for their owner's eyes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.config.keys import load_or_make_dev_keys
from portal.config.values import Wrong

ROOT = Path(__file__).parents[2]


def test_they_are_made_once_and_found_again(tmp_path: Path) -> None:
    secret_key, token_key = load_or_make_dev_keys(tmp_path / "instance")
    assert len(secret_key) >= 32
    assert len(token_key) == 32
    assert load_or_make_dev_keys(tmp_path / "instance") == (secret_key, token_key)
    assert load_or_make_dev_keys(tmp_path / "another")[0] != secret_key


def test_nobody_else_can_read_them_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_make_dev_keys(tmp_path / "instance")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "instance").iterdir()}
    assert modes == {"secret.key": 0o600, "token.key": 0o600}
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o700


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    keys = load_or_make_dev_keys(tmp_path)
    (tmp_path / "secret.key").chmod(0o644)
    assert load_or_make_dev_keys(tmp_path) == keys
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "ü" * 43])
def test_a_spoilt_file_is_neither_used_nor_replaced(tmp_path: Path, content: str) -> None:
    load_or_make_dev_keys(tmp_path)
    (tmp_path / "token.key").write_text(content, encoding="utf-8")
    with pytest.raises(Wrong):
        load_or_make_dev_keys(tmp_path)
    assert (tmp_path / "token.key").read_text(encoding="utf-8") == content


@pytest.mark.full
def test_processes_that_start_together_agree_and_the_naive_way_does_not() -> None:
    def disagreements(way: str) -> int:
        command = [sys.executable, "tests/config/racing_keys.py", way]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
        return int(ran.stdout)

    assert disagreements("naive") > 0
    assert disagreements("ours") == 0
