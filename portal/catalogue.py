"""Writes docs/errors.md: every outcome with its code, its status, what the person reads and what an admin does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.advice import ADVICE
from portal.errors import Outcome
from portal.files import TEMPLATES

_HEAD = """\
# Errors

<!-- Written by: python manage.py errors > docs/errors.md. The words come from templates/portal/_outcomes.html and
     portal/advice.py; a test compares. -->

Every page that a request can end on, by the code that stands in the log. The page shows a number such as `7QGX-M2HC`;
the log has the same one (`incident`), on each line of that request from WARNING on. Whoever writes to you about an
error need only give it: `grep 7QGX-M2HC`, or in Cloud Logging `jsonPayload.incident="7QGX-M2HC"`.

A bug and what is wrong with the store, a provider or the set-up (500 and above) is logged as ERROR, `not-found` and
`wrong-method` as INFO, everything else as WARNING.
"""


def write_catalogue() -> str:
    """The whole document, in the order of the list."""
    return "\n".join([_HEAD, *_table(), "", *_sections()])


def _table() -> Iterator[str]:
    yield "| code | status | the page's heading |"
    yield "|---|---|---|"
    for outcome, (heading, *_) in _words().items():
        yield f"| [`{outcome.code}`](#{outcome.code}) | {outcome.status} | {heading} |"


def _sections() -> Iterator[str]:
    for outcome, (heading, happened, what_next, _) in _words().items():
        yield f"## {outcome.code}\n"
        yield f"{outcome.status}. The person reads: **{heading}.** {happened} {what_next}\n"
        yield f"{ADVICE[outcome]}\n"


def _words() -> dict[Outcome, tuple[str, str, str, str]]:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    module: Any = environment.get_template("portal/_outcomes.html").make_module(
        {"provider": None, "for_account": False}
    )
    return {outcome: module.words[outcome.code] for outcome in Outcome}
