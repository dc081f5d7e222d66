"""Rows of text as a table for a terminal. What people wrote can neither move the cursor nor begin a line (T78)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import click

from portal.logs import printable


@contextmanager
def progress(label: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, and nothing elsewhere; what it gives takes how far one is, from 0 to 1."""
    hidden = not (sys.stderr.isatty() and sys.stdout.isatty())
    with click.progressbar(length=100, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield lambda share: bar.update(max(0, round(share * 100) - bar.pos))


def echo_table(rows: Iterable[Sequence[object]], *, indent: str = "") -> None:
    """Print rows in columns as wide as what is in them; the last one is not filled up."""
    texts = [[printable(cell) if cell is not None else "-" for cell in row] for row in rows]
    if not texts:
        return
    widths = [max(len(text[column]) for text in texts) for column in range(len(texts[0]))]
    for text in texts:
        line = "  ".join(cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        click.echo(f"{indent}{line.rstrip()}")


def at(when: datetime | None) -> str:
    """A time in UTC, to the second."""
    return f"{when:%Y-%m-%d %H:%M:%SZ}" if when else "-"
