"""Reads the settings that an application gives in `app.config["PORTAL"]`. It knows no setting's meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portal.config.tomlfile import Name, flat

GIVEN = "app.config['PORTAL']"  # the source that problems name
GIVEN_EXAMPLE = 'a dictionary such as {"providers": {"github": {"client_id": "...", "client_secret": "..."}}}'


class NotSettings(Exception):
    """Something that tells nothing at all."""


def read_given(given: object) -> Iterator[tuple[Name, Any]]:
    """Name and value of each setting. None is none, as `os.environ.get("...")` has it. Raises NotSettings."""
    if not isinstance(given, Mapping):
        raise NotSettings(f"is of type {type(given).__name__}, not a dictionary")
    for name, value in flat(_as_toml(given)):
        if value is not None:
            yield name, value


def _as_toml(value: Any, depth: int = 0) -> Any:
    """The same of the types that a file has; what it has not stays, and is told of where it is checked."""
    if isinstance(value, Mapping) and depth < 5:  # deeper than any setting; one that holds itself has no end
        if not all(isinstance(key, str) for key in value):
            raise NotSettings("has a name in it that is no text")
        return {key: _as_toml(inner, depth + 1) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple | set | frozenset) else value
