"""Whether the keys are good ones, and the files that hold secrets closed to others. It never shows any of them."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterable
from pathlib import Path

from portal.config import Config
from portal.setup.findings import Finding, good, problem, warning

_ABOUT = "keys"


def check_keys(config: Config, files: Iterable[Path]) -> list[Finding]:
    """`files` are those that secrets were read from."""
    findings = [*_alike(config), *(each for file in files for each in _open_to_others(file))]
    if not findings:
        many = f"{len(config.secret_keys)} for cookies, {len(config.token_keys)} for tokens"
        where = f"made in {config.instance.name}/ for development" if config.development else "good for production"
        findings.append(good(_ABOUT, f"{many}; {where}" if _made(config) else many))
    return findings


def _made(config: Config) -> bool:
    return config.development and (config.instance / "secret.key").exists()


def _alike(config: Config) -> list[Finding]:
    findings = []
    cookies = [key.plain.rstrip("=") for key in config.secret_keys]
    tokens = [base64.urlsafe_b64encode(key.plain).decode().rstrip("=") for key in config.token_keys]
    make = 'another value is made by: python -c "import secrets; print(secrets.token_urlsafe(32))"'
    if {*cookies} & {*tokens}:
        findings.append(
            problem(
                _ABOUT, f"secret_key and token_keys share a key, so who learns one learns both; {make}", "token_keys"
            )
        )
    for setting, keys in (("secret_key", cookies), ("token_keys", tokens)):
        if len({*keys}) < len(keys):
            findings.append(warning(_ABOUT, f"{setting} lists a key twice: leave one of them out", setting))
    return findings


def _open_to_others(file: Path) -> Iterable[Finding]:
    try:
        mode = file.stat().st_mode
    except OSError:
        return  # told where it is read
    if not stat.S_ISREG(mode):
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        can = "change" if mode & stat.S_IWOTH else "read"
        yield problem(_ABOUT, f"{file} holds secrets and anybody on this machine can {can} it: chmod o= {file}")
    elif mode & stat.S_IWGRP:  # a group that reads it may be the service's; none has to write it
        yield warning(_ABOUT, f"{file} holds secrets and its group can change it: chmod g-w {file}")
