"""Puts what a secret's reference names in the reference's place: `sm://PROJECT/NAME`, alone or as an item of a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from portal.config.problems import Problem, dotted
from portal.config.secret_manager import SCHEME, OpenSession, Unread, parse_reference, read_secrets
from portal.config.settings import SECRETS
from portal.config.sources import Found, Written
from portal.config.tomlfile import Name

_NAMES_NOTHING = Unread("starts with sm:// but names no secret", "sm://PROJECT/NAME, or sm://PROJECT/NAME/VERSION")


def resolve_references(written: Mapping[Name, Written], problems: list[Problem], open_session: OpenSession) -> Found:
    """`written` with the secrets themselves; None as the value of a setting of which one can't be read."""
    items = {name: _items(setting.value) for name, setting in written.items() if name[-1] in SECRETS}
    named = {item: parse_reference(item) for several in items.values() for item in several if _is_reference(item)}
    references = [reference for reference in named.values() if reference]
    read = read_secrets(references, open_session) if references else {}
    answers = {item: read[reference] if reference else _NAMES_NOTHING for item, reference in named.items()}
    resolved = dict(written)
    for name, several in items.items():
        if any(item in answers for item in several):
            resolved[name] = _resolve(name, written[name], [answers.get(item, item) for item in several], problems)
    return resolved


def _items(value: object) -> list[str]:
    """The secrets of a setting, one or several. What is no text is told of elsewhere, and stays as it is till then."""
    match value:
        case str():
            return [part.strip() for part in value.split(",")]
        case list() if all(isinstance(item, str) for item in value):
            return [item.strip() for item in value]
        case _:
            return []


def _is_reference(item: str) -> bool:
    return item.startswith(SCHEME)


def _resolve(name: Name, setting: Written, answers: list[str | Unread], problems: list[Problem]) -> Written:
    for position, answer in enumerate(answers, 1):
        if isinstance(answer, Unread):
            where = f", item {position}" if len(answers) > 1 else ""
            problems.append(Problem(dotted(name) + where, setting.source, answer.wrong, answer.write))
    secrets = [answer for answer in answers if isinstance(answer, str)]
    # Joined again, for a secret may hold a whole ring of keys: "new,old".
    return replace(setting, value=",".join(secrets) if len(secrets) == len(answers) else None)
