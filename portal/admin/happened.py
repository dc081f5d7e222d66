"""`events`: what happened, to one user or to all, and what happens now. It changes nothing."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from portal.admin.opening import load_user, opened
from portal.admin.tables import at
from portal.config.values import Wrong, any_span
from portal.history import History
from portal.logs import printable
from portal.models import Event
from portal.records import WHATS

OVERLAP = timedelta(minutes=1)  # instances' clocks differ, and what was begun first may be written last
PAUSE = 2.0  # seconds between two looks, or ten times as long as a look takes

Since = Callable[[datetime | None], Iterator[Event]]  # what happened since a time


class Moment(click.ParamType[datetime]):
    """A time as an admin writes it: so long ago ("7d", "90m"), or a date, with a time of UTC or without."""

    name = "7d or 2026-05-04"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        try:
            return now - any_span(value, "7d")
        except Wrong:
            pass
        try:
            given = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f'{value!r} is neither a length of time ("7d", "12h") nor a date ("2026-05-04")', param, ctx)
        return given if given.tzinfo else given.replace(tzinfo=UTC)


@click.command()
@click.option("--user", "who", help="Of this user alone: an id or an identity (github:583231).")
@click.option("--what", multiple=True, type=click.Choice(sorted(WHATS)), help="Only this; may be given several times.")
@click.option("--since", type=Moment(), help="Only what is younger.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(0), help="The newest so many.")
@click.option("--follow", is_flag=True, help="Then go on with what happens, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def events(
    *, who: str | None, what: Collection[str], since: datetime | None, limit: int, follow: bool, as_json: bool
) -> None:
    """Tell what happened, the newest last.

    Of one user it costs what it tells. Of all it goes over everybody's history, for there is no index on time: a look a
    user and what is younger than --since; so does each look of --follow. Where that is too much, the log has the same.
    """
    start = datetime.now(UTC)  # before the first look: nothing falls between it and the next
    with opened() as here:
        history = here.accounts.history
        read = _of_one(history, load_user(here, who).id) if who else _of_all(history)

        def wanted(since: datetime | None) -> Iterator[Event]:
            return (event for event in read(since) if not what or event.what in what)

        found = heapq.nlargest(limit, wanted(since), key=lambda event: (event.when, event.id))
        for event in reversed(found):
            _tell(event, as_json)
        if follow:
            for event in following(wanted, start, {event.id for event in found}):
                _tell(event, as_json)


def following(
    read: Since, start: datetime, told: set[str], pause: Callable[[float], object] = time.sleep
) -> Iterator[Event]:
    """What happens from `start` on, each once, but for what was `told` since. Ends with what `pause` raises."""
    seen = {event.id: event.when for event in read(start - OVERLAP) if event.when < start or event.id in told}
    while True:
        began = time.monotonic()
        since = max([start, *seen.values()]) - OVERLAP
        fresh = sorted((event for event in read(since) if event.id not in seen), key=lambda event: event.when)
        seen |= {event.id: event.when for event in fresh}
        yield from fresh
        seen = {key: when for key, when in seen.items() if when >= since}
        pause(max(PAUSE, 10 * (time.monotonic() - began)))


def _of_one(history: History, user_id: str) -> Since:
    def read(since: datetime | None) -> Iterator[Event]:
        for event in history.walk(user_id):
            if since is not None and event.when < since:
                return
            yield event

    return read


def _of_all(history: History) -> Since:
    def read(since: datetime | None) -> Iterator[Event]:
        for some in history.everybody(since):
            yield from some

    return read


def _tell(event: Event, as_json: bool) -> None:
    if as_json:
        told = asdict(event) | {"when": event.when.isoformat()}
        click.echo(json.dumps(told, ensure_ascii=True))
        return
    rest = [
        f"with {event.entry}" if event.entry else "",
        event.device,
        f"by {event.by}" if event.by else "",
        event.note,
    ]
    click.echo("  ".join([at(event.when), event.user_id, event.what, *(printable(each) for each in rest if each)]))
