"""The keys of a development machine: made once, kept in a folder, good for nothing else. Production brings its own."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from portal.config.values import secret_key, token_key


def load_or_make_dev_keys(folder: Path) -> tuple[str, bytes]:
    """A secret key and a token key, kept as `secret.key` and `token.key`. Raises OSError; Wrong for spoilt files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return secret_key(_load_or_make(folder / "secret.key")), token_key(_load_or_make(folder / "token.key"))


def _load_or_make(path: Path) -> str:
    if not path.exists():
        _make(path, secrets.token_urlsafe(32))
    if path.stat().st_mode & 0o077:  # a folder that was copied or unpacked; such a file is mended, not complained of
        path.chmod(0o600)
    return path.read_text(encoding="ascii", errors="replace").removesuffix("\n")


def _make(path: Path, key: str) -> None:
    """Put a key at a free path, whole or not at all; where another process was quicker, its key stays.

    Opening the path itself with O_EXCL would do for the winner, but the loser could then read a key half written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{key}\n")
        with suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, it never replaces
    finally:
        draft.unlink(missing_ok=True)
