"""A configuration out of a few lines of TOML and environment variables, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import Config, load_config
from tests.config.setups import Load


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The configuration of these lines and variables, where the portal has google, github and facebook."""

    def load(toml: str = "", **environ: str) -> Config:
        if toml:
            (tmp_path / "portal.toml").write_text(toml, encoding="utf-8")
        return load_config(environ=environ, cwd=tmp_path, known=("facebook", "github", "google"))

    return load
