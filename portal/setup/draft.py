"""Writes portal.toml: a new one with a comment at each setting, or one more provider at the end of one that is there.

It changes nothing of what is written, and puts a file in place whole or not at all.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers.base import Provider

_NOTES = {
    "client_id": "“{client_id}” in the console",
    "client_secret": "“{client_secret}”; a secret: this file is for your eyes alone",
    "client_secret_file": "the file that holds “{client_secret}”",
    "issuer": "to the letter as its discovery document writes it",
    "enabled": "false switches it off; the button is gone then",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A provider to be written down. `settings` in the order in which they are to stand."""

    provider: Provider
    redirect_uri: str
    settings: Mapping[str, Any] = field(repr=False)


class Changed(Exception):
    """Somebody else wrote the file meanwhile."""


def new_file(*, base_url: str | None, title: str, store: str) -> str:
    """The text of a file without providers, with keys that were made just now."""
    lines = [
        "# The portal's settings. The README lists them all; `manage.py config schema` tells them to an editor.",
        "# `manage.py check` tries them out.",
        "",
        "# The address that people use. Redirect URIs are made from it. Left out: this machine alone.",
        f"base_url = {_toml(base_url)}" if base_url else '# base_url = "https://login.example.com"',
        "",
        "# The name at the top of each page.",
        f"title = {_toml(title)}",
        "",
        "# Where accounts are kept: sqlite:///PATH, or datastore://PROJECT",
        f"store = {_toml(store)}",
        "",
        "# Seals cookies: a secret. To change it, write a list: the first signs, all verify.",
        f"secret_key = {_toml(secrets.token_urlsafe(32))}",
        "",
        "# Seals the providers' tokens in the store. To change it, write a list: the first seals, all open.",
        f"token_keys = {_toml(secrets.token_urlsafe(32))}",
        "",
        "# Who may do what only admins may: identities, never addresses.",
        '# admins = ["github:583231"]',
        "",
    ]
    return "\n".join(lines)


def table(entry: Entry) -> str:
    """The text of one provider's table."""
    provider = entry.provider
    lines = ["", f"# {provider.title}: {provider.console.url or provider.console.path}"]
    lines.append(f"# There, “{provider.console.redirect_uri}” must list exactly {entry.redirect_uri}")
    lines.append(f"[providers.{provider.name}]")
    fields = {"client_id": provider.console.client_id, "client_secret": provider.console.client_secret}
    for key, value in entry.settings.items():
        note = _NOTES.get(key, "").format(**fields)
        lines.append(f"{key} = {_toml(value)}" + (f"  # {note}" if note else ""))
    return "\n".join([*lines, ""])


def create(path: Path, text: str) -> None:
    """Put a file at a free path, closed to others. Raises FileExistsError where it isn't free, and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _write(path, text)
    try:
        os.link(draft, path)  # unlike a rename, it never replaces
    finally:
        draft.unlink(missing_ok=True)


def append(path: Path, was: bytes, more: str) -> None:
    """Add to the end of a file that still is as it `was`. It keeps its owner and a group that may read it: a
    service may be the group. Everybody else is shut out. Raises Changed, and OSError."""
    path = path.resolve()  # a link stays one
    gap = b"" if was.endswith(b"\n") or not was else b"\n"
    draft = _write(path, (was + gap).decode("utf-8") + more)
    try:
        if path.read_bytes() != was:
            raise Changed
        kept = path.stat()
        os.chown(draft, kept.st_uid, kept.st_gid)
        draft.chmod(kept.st_mode & 0o040 | 0o600)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _toml(value: Any) -> str:
    """A TOML value: JSON's strings, booleans and lists of them are all TOML's, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
