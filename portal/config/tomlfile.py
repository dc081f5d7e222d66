"""Reads a TOML file into flat settings with the lines they stand on. It knows no setting's meaning."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Name: TypeAlias = tuple[str, ...]

_DEPTH = 3  # providers.github.client_id; a table that lies deeper is left as a value, of the wrong type
_DOTTED = r"\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*"
_TABLE = re.compile(rf"\s*\[{_DOTTED}\]")
_KEY = re.compile(rf"{_DOTTED}=")
_PLACE = re.compile(r" \(at (.*)\)$")


class Unreadable(Exception):
    """A file that tells nothing at all. `place` is the line and column, "" where none is to blame."""

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.place = place


def read_toml(path: Path, *, may_be_absent: bool) -> list[tuple[Name, Any, int | None]]:
    """Name, value and line of each setting; no line where it is not plain to see. Raises Unreadable."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Windows' editors put a mark in front
        tree = tomllib.loads(text)
    except OSError as error:
        if may_be_absent and isinstance(error, FileNotFoundError):
            return []
        raise Unreadable(f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 at byte {error.start + 1}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, what int() says of 5,000 digits, and a path with a NUL in it
        why = str(error)
        place = _PLACE.search(why)
        raise Unreadable(f"is not TOML: {_PLACE.sub('', why)}", place[1] if place else "") from None
    lines = _lines(text)
    return [(name, value, _line(name, lines)) for name, value in flat(tree)]


def flat(tree: Mapping[str, Any], above: Name = ()) -> Iterator[tuple[Name, Any]]:
    """Name and value of each setting in the tables of a tree."""
    for key, value in tree.items():
        name = (*above, key)
        if isinstance(value, dict) and value and len(name) < _DEPTH:
            yield from flat(value, name)
        else:
            yield name, value


def _lines(text: str) -> dict[Name, int]:
    """The line of each table and bare key. None beside multi-line strings: no line is better than a wrong one."""
    lines: dict[Name, int] = {}
    table: Name = ()
    if '"""' in text or "'''" in text:
        return lines
    for number, line in enumerate(text.split("\n"), 1):
        if header := _TABLE.match(line):
            table = _parts(header)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key)), number)
    return lines


def _parts(match: re.Match[str]) -> Name:
    return tuple(part.strip() for part in match[1].split("."))


def _line(name: Name, lines: Mapping[Name, int]) -> int | None:
    """The setting's own line, else that of the inline table it stands in."""
    return next((lines[name[:n]] for n in range(len(name), 0, -1) if name[:n] in lines), None)
