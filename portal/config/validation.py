"""Each value by itself: from what is written to `Settings`, and a problem for every value that can't stand."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portal.config.problems import Problem, dotted
from portal.config.settings import TABLES, ProviderSettings, Settings, keys_of
from portal.config.sources import Written
from portal.config.tomlfile import Name
from portal.config.values import Wrong


def validate(written: Mapping[Name, Written]) -> tuple[Settings, list[Problem]]:
    """The settings that stand (the others are as if absent), and the problems of those that don't."""
    try:
        return Settings.model_validate(_tree(written)), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    broken = [_name(detail) for detail in details]
    sound = {name: found for name, found in written.items() if not any(name[: len(b)] == b for b in broken)}
    return Settings.model_validate(_tree(sound)), [_problem(detail, written) for detail in details]


def _tree(written: Mapping[Name, Written]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for (*tables, key), found in written.items():
        table: Any = tree
        for part in tables:
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if isinstance(table, dict) and found.value is not None:  # `providers = 3` is told of by itself
            table[key] = dict(found.value) if isinstance(found.value, dict) else found.value
    return tree


def _name(detail: ErrorDetails) -> Name:
    loc = detail["loc"]
    if detail["type"] == "value_error" and loc[2:] == ("[key]",):  # pydantic's way to say: the name, not what it names
        loc = loc[:2]
    return tuple(part for part in loc if isinstance(part, str))


def _problem(detail: ErrorDetails, written: Mapping[Name, Written]) -> Problem:
    name = _name(detail)
    found = next(found for at, found in written.items() if at[: len(name)] == name)
    setting = dotted(name) + _position(detail, found.value)
    match detail["type"], detail.get("ctx", {}).get("error"):
        case _, Wrong() as error:
            return Problem(setting, found.source, error.wrong, error.write)
        case "extra_forbidden", _:
            return Problem(setting, found.source, "is no setting", _nearest(name))
        case _:  # nothing else is left to pydantic
            table = "providers.github" if name == ("providers",) else setting
            return Problem(setting, found.source, "is not a table", f"[{table}]")


def _position(detail: ErrorDetails, value: object) -> str:
    """Which of several, counted as people do."""
    several = len(value) > 1 if isinstance(value, list) else isinstance(value, str) and "," in value
    return "".join(f", item {part + 1}" for part in detail["loc"] if several and isinstance(part, int))


def _nearest(name: Name) -> str:
    known = keys_of(Settings if len(name) == 1 else TABLES.get(name[0], ProviderSettings))
    return next(iter(get_close_matches(name[-1], known, n=1)), f"one of {', '.join(known)}")
