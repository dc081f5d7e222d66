"""What is in force, and where each value came from, every secret hidden. It asks no Secret Manager and no store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from portal.config import Problem
from portal.config.problems import dotted
from portal.config.rules import APP_ENGINE, hosted_on, is_development, lifetimes_of
from portal.config.secret_manager import SCHEME
from portal.config.settings import SECRETS, Settings
from portal.config.sources import Found, Written, read_sources
from portal.config.tomlfile import Name
from portal.config.validation import validate
from portal.config.values import ClientAddress, spell
from portal.logs import printable

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it may be shown."""

    name: str
    value: str
    source: str


def in_force(environ: Mapping[str, str], cwd: Path) -> tuple[list[Shown], list[Problem]]:
    """Every setting with what holds, and what is wrong with what is written. Raises ConfigError for what is no TOML."""
    written, problems = read_sources(None, environ, cwd)
    plain = {name: found for name, found in written.items() if name[-1] not in SECRETS}
    settings, wrong = validate(plain)
    secrets = {name: found for name, found in written.items() if name[-1] in SECRETS}
    return list(_walk(_effective(settings, environ), plain, secrets)), problems + wrong


def lines_in_force(environ: Mapping[str, str], cwd: Path, *, defaults: bool = True) -> list[str]:
    """The same as lines, each `name = value` and its source; without `defaults` only what somebody wrote."""
    shown, _ = in_force(environ, cwd)
    told = [each for each in shown if defaults or each.source != DEFAULT]
    width = min(60, max((len(each.name) + len(each.value) + 3 for each in told), default=0))
    return [f"{each.name + ' = ' + each.value:<{width}}  # {each.source}" for each in told]


def _effective(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with what holds where nobody chose."""
    limits = lifetimes_of(settings.sessions)
    sessions = {key: getattr(limits, key) for key in type(settings.sessions).model_fields}
    on_app_engine = hosted_on(environ) == APP_ENGINE
    address = ClientAddress.APP_ENGINE if on_app_engine else ClientAddress.CONNECTION
    return settings.model_copy(
        update={
            "sessions": settings.sessions.model_copy(update=sessions),
            "client_address": settings.client_address or address,
            "log": settings.log or ("text" if is_development(settings.base_url) else "json"),
        }
    )


def _walk(settings: Settings, written: Found, secrets: Found) -> Iterator[Shown]:
    for key in Settings.model_fields:
        value = getattr(settings, key)
        if key in SECRETS:
            yield _secret((key,), secrets.get((key,)))
        elif isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                yield _plain((key, inner), getattr(value, inner), written)
        elif key != "providers":
            yield _plain((key,), value, written)
    entries = dict.fromkeys(name[1] for name in (*written, *secrets) if name[0] == "providers" and len(name) == 3)
    for entry in entries:
        held = settings.providers.get(entry)
        for name in (*written, *secrets):
            if name[:2] == ("providers", entry) and name in secrets:
                yield _secret(name, secrets[name])
            elif name[:2] == ("providers", entry) and held is not None and name[-1] in type(held).model_fields:
                yield _plain(name, getattr(held, name[-1]), written)


def _plain(name: Name, value: Any, written: Found) -> Shown:
    found = written.get(name)
    return Shown(dotted(name), printable(_spell(value)), found.source if found else DEFAULT)


def _secret(name: Name, found: Written | None) -> Shown:
    """That it is there, and no more: not its length, for a short one would be half told."""
    if found is None:
        return Shown(dotted(name), "not set (in development made in instance/)", DEFAULT)
    references = isinstance(found.value, str) and found.value.strip().startswith(SCHEME) and "," not in found.value
    value = printable(found.value.strip()) if references else "(hidden)"
    if found.value is None:
        value = "(can't be read)"
    source = f"{found.source}, in {printable(str(found.file))}" if found.file else found.source
    return Shown(dotted(name), value, source)


def _spell(value: Any) -> str:
    match value:
        case None | ():
            return "not set"
        case Enum():
            return json.dumps(value.value)
        case timedelta():
            return json.dumps(spell(value))
        case tuple() | frozenset():
            return f"[{', '.join(map(_spell, value))}]"
        case str() | bool() | int():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
