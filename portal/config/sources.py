"""What is written where: environment and file as one mapping, in which each setting knows its origin.

It judges no value; it only tells what can't be read. Names are paths: ("providers", "github", "client_id").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from portal.config.given import GIVEN, GIVEN_EXAMPLE, NotSettings, read_given
from portal.config.problems import ConfigError, Problem, dotted
from portal.config.settings import SECRETS, TABLES, ProviderSettings, Settings, keys_of
from portal.config.tomlfile import Name, Unreadable, read_toml
from portal.config.values import PROVIDER_NAME

FIRST = ("google", "github", "facebook")  # the order of buttons that no file orders, and whom Flask-Dance has names for

_FLASK_DANCE: dict[str, Name] = {
    f"{provider}_oauth_{key}".upper(): ("providers", provider, key)
    for provider in FIRST
    for key in ("client_id", "client_secret", "client_secret_file")
}
_EXAMPLE = 'lines such as: base_url = "https://portal.example.com"'
_LARGEST_SECRET = 16 * 1024  # bytes; where there are more, another file was meant


@dataclass(frozen=True, slots=True)
class Written:
    """A setting as found: a text, whatever else TOML has, the Path of a secret, or None where that can't be read."""

    value: Any = field(repr=False)
    source: str
    file: Path | None = None  # where a secret lies that is read from a file of its own


Found: TypeAlias = dict[Name, Written]


def read_sources(
    path: Path | None, environ: Mapping[str, str], cwd: Path, given: object = None
) -> tuple[Found, list[Problem]]:
    """All that is written, a provider's settings in the order of the buttons, and what can't be read of it.

    `PORTAL_...` goes before Flask-Dance's names, and they before the file, or what is `given` in its place. Raises
    ConfigError where the file is no TOML, and says nothing else then: it would only follow from that.
    """
    problems: list[Problem] = []
    file, folder = _read_file(path, environ, cwd) if given is None else (_read_given(given, environ, problems), cwd)
    inside = _with_paths(file, folder, problems)
    outside = _with_paths(_flask_dance(environ), cwd, problems)
    outside |= _with_paths(_portal(environ, [name[1] for name in file if len(name) > 1]), cwd, problems)
    written = inside | dict(sorted(outside.items(), key=lambda item: _rank(item[0])))
    return {name: _read_secret(name, setting, problems) for name, setting in written.items()}, problems


def _read_file(path: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Found, Path]:
    """What the file says, and the folder that its relative paths start from."""
    named = environ.get("PORTAL_CONFIG", "").strip()
    given = str(path or named or "portal.toml")
    file, label = cwd / given, given if given.isprintable() else ascii(given)
    try:
        settings = read_toml(file, may_be_absent=not (path or named))
    except Unreadable as error:
        chosen = "as given" if path else "environment variable PORTAL_CONFIG" if named else "working directory"
        raise ConfigError([Problem(label, error.place or chosen, error.why, _EXAMPLE)]) from None
    found = {name: Written(value, f"{label} line {line}" if line else label) for name, value, line in settings}
    return found, file.parent


def _read_given(given: object, environ: Mapping[str, str], problems: list[Problem]) -> Found:
    """What an application says in its own configuration. A file beside it is not read, so none may be named."""
    if environ.get("PORTAL_CONFIG", "").strip():
        wrong = f"names a file, while {GIVEN} is there in its place"
        problems.append(Problem("PORTAL_CONFIG", "environment variable PORTAL_CONFIG", wrong, "one of the two"))
    try:
        return {name: Written(value, GIVEN) for name, value in read_given(given)}
    except NotSettings as error:
        raise ConfigError([Problem(GIVEN, "as given", str(error), GIVEN_EXAMPLE)]) from None


def _flask_dance(environ: Mapping[str, str]) -> Found:
    return {name: _variable(key, environ) for key, name in _FLASK_DANCE.items() if environ.get(key, "").strip()}


def _portal(environ: Mapping[str, str], entries: Iterable[str]) -> Found:
    """Our variables. Others are left alone, for Kubernetes sets PORTAL_PORT and more beside a service named portal.

    `entries` are the file's, among which a variable means `my-company` by MY_COMPANY. An empty variable is as none.
    """
    spelled = {entry.replace("-", "_"): entry for entry in entries}
    found: Found = {}
    for key, value in environ.items():
        if key.startswith("PORTAL_") and value.strip():
            match key.removeprefix("PORTAL_").lower().split("__"):
                case [name] if name in keys_of(Settings) and name not in {*TABLES, "providers"}:
                    found[name,] = _variable(key, environ)
                case [table, name] if table in TABLES and name in keys_of(TABLES[table]):
                    found[table, name] = _variable(key, environ)
                case ["providers", entry, name] if PROVIDER_NAME.fullmatch(entry) and name in keys_of(ProviderSettings):
                    found["providers", spelled.get(entry, entry), name] = _variable(key, environ)
    return found


def _variable(key: str, environ: Mapping[str, str]) -> Written:
    return Written(environ[key], f"environment variable {key}")


def _with_paths(found: Found, folder: Path, problems: list[Problem]) -> Found:
    """`X_file = "path"` becomes `X` with a Path for its value."""
    plain: Found = {}
    for name, setting in found.items():
        key = name[-1].removesuffix("_file")
        if key in SECRETS and key != name[-1]:
            name = (*name[:-1], key)
            if isinstance(setting.value, str):
                path = folder / setting.value.strip()
                setting = replace(setting, value=path, file=path)
        if name in plain:  # which of the two is in force? After a rotation the answer would be a surprise
            source = f"{plain[name].source} and {setting.source}"
            problems.append(Problem(dotted(name), source, "is set twice, as a value and as a file", "one of the two"))
            plain[name] = replace(plain[name], value=None)
        else:
            plain[name] = setting
    return plain


def _read_secret(name: Name, setting: Written, problems: list[Problem]) -> Written:
    """The setting with its value read, if it is in a file; None as its value if that can't be done."""
    if not isinstance(setting.value, Path):
        return setting
    try:
        with setting.value.open("rb") as file:
            content = file.read(_LARGEST_SECRET + 1)
        if len(content) <= _LARGEST_SECRET:
            return replace(setting, value=content.decode())
        why = f"names a file of more than {_LARGEST_SECRET} bytes"
    except OSError as error:
        why = f"names a file that can't be read: {error.strerror}"
    except ValueError:  # not UTF-8, or a NUL in the path
        why = "names a file that is not text in UTF-8"
    problems.append(Problem(dotted(name), setting.source, why, "the path of a file with the secret in it"))
    return replace(setting, value=None)


def _rank(name: Name) -> int:
    return FIRST.index(name[1]) if len(name) > 1 and name[1] in FIRST else len(FIRST)
