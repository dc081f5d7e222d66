"""Asks a person on the terminal until the answer can stand, and says why one can't. It decides no default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from portal.config import urls, values


def ask(told: str | None, question: str, usual: str, read: Callable[[object], Any], *, asks: bool) -> str:
    """What is `told` already, else what the person answers, else, where nobody may be asked, what is usual."""
    if told is not None:
        return str(valid(read, told, question))
    return prompt(question, usual, read) if asks else usual


def prompt(question: str, usual: str | None, read: Callable[[object], Any], *, hidden: bool = False) -> str:
    """Asks until the answer can stand, and says why one can't."""

    def convert(answer: str) -> str:
        try:
            return str(read(answer))
        except values.Wrong as error:
            raise click.UsageError(f"that {error.wrong}; write {error.write}") from None

    answer: str = click.prompt(
        question, default=usual, value_proc=convert, hide_input=hidden, show_default=usual not in ("", None)
    )
    return answer


def valid(read: Callable[[object], Any], told: str, where: str) -> Any:
    """What was told, as it is meant. Raises ClickException where it can't stand."""
    try:
        return read(told)
    except values.Wrong as error:
        raise click.ClickException(f"{where}: {error.wrong}; write {error.write}") from None


def address(value: object) -> str:
    """A base URL, or nothing."""
    return urls.base_url(value) if value else ""


def credential(value: object) -> str:
    """A client id, or nothing yet."""
    return values.credential(value) if value else ""


def names_of_providers(value: object) -> str:
    """Several names, with commas or blanks between."""
    found = str(value).replace(",", " ").split()
    return " ".join(values.provider_name(name) for name in found)
