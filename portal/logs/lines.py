"""How a record becomes a line: JSON with Cloud Logging's fields, or text for a terminal. Neither ever raises.

Of what a caller adds by `extra=` only what is in FIELDS is written, of an exception no local variable. It imports the
standard library alone and nothing of the portal: gunicorn.conf.py runs this file by itself, before any worker.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from traceback import TracebackException
from typing import Any, NamedTuple

LONGEST = 200  # characters of what somebody else wrote
LONGEST_LINE = 2_000  # of a message
LONGEST_TRACE = 20_000  # of a traceback, its end; an entry of Cloud Logging has room for 256 KB
FIELDS = ("outcome", "status", "provider", "incident", "advice")  # what `extra=` may add to an entry
HTTP_FIELDS = ("requestMethod", "requestUrl", "status", "responseSize", "remoteIp", "protocol", "latency")

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
# What follows a query goes too: a server that tells of a bad request line quotes it as it came, spaces and all (T19).
_QUERY = re.compile(r"""\?[^\s"'<>=]*=.*?(?= HTTP/\d|["'<>\n]|$)""", re.MULTILINE)
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")  # no word is so long; state, verifier and most tokens are (T70)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOUD_TRACE = re.compile(r"([0-9a-f]{32})/(\d{1,20})(?:;o=([01]))?")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SEVERITIES = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"))


def printable(text: object, longest: int = LONGEST) -> str:
    """The text on one line, control and direction characters escaped, cut at so many characters (T78)."""
    text = str(text)[:longest]
    if text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown[:longest]


def clean(text: object, longest: int = LONGEST_LINE) -> str:
    """The same without queries, and without what looks like a secret: the last net, for what no caller foresaw."""
    cut = _LIKE_A_SECRET.sub("[hidden]", _QUERY.sub("?[hidden]", str(text)[: 2 * longest]))
    return printable(cut, longest)


def wants_json(environ: Mapping[str, str]) -> bool:
    """The form of the log as far as the environment tells; the setting `log` may yet say otherwise."""
    hosted = "GAE_ENV" in environ or "K_SERVICE" in environ
    production = hosted or environ.get("PORTAL_BASE_URL", "").startswith("https:")
    return {"json": True, "text": False}.get(environ.get("PORTAL_LOG", "").strip().lower(), production)


class Trace(NamedTuple):
    """A request as Google's front end numbers it."""

    trace: str
    span: str
    sampled: bool


def read_trace(environ: Mapping[str, Any]) -> Trace | None:
    """The trace that the front end put into a request, by `traceparent` (W3C) or its own older header."""
    if found := _TRACEPARENT.fullmatch(str(environ.get("HTTP_TRACEPARENT", ""))[:100]):
        return Trace(found[1], found[2], bool(int(found[3], 16) & 1))
    if found := _CLOUD_TRACE.fullmatch(str(environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", ""))[:100]):
        span = int(found[2])
        return Trace(found[1], f"{span:016x}", found[3] == "1") if span < 2**64 else None
    return None


class JsonLines(logging.Formatter):
    """An entry a line, as Cloud Logging reads them: https://cloud.google.com/logging/docs/structured-logging"""

    def __init__(self, project: str | None = None) -> None:
        """`project` is Google's id for it where this runs there; without one no trace can be named."""
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        try:
            return json.dumps(self._entry(record))
        except Exception as error:  # noqa: BLE001 - a line that can't be written must not end a request
            return json.dumps({"severity": "ERROR", "message": f"a log line was lost to {type(error).__name__}"})

    def _entry(self, record: logging.LogRecord) -> dict[str, Any]:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, Any] = {
            "severity": severity(record),
            "time": when.replace("+00:00", "Z"),
            "message": _message(record),
            "logger": printable(record.name),
        }
        entry |= _allowed(vars(record), FIELDS)
        if isinstance(request := getattr(record, "httpRequest", None), dict):
            entry["httpRequest"] = _allowed(request, HTTP_FIELDS)
        trace = getattr(record, "trace", None)
        if self._project and isinstance(trace, Trace):
            entry["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace.trace}"
            entry["logging.googleapis.com/spanId"] = trace.span
            entry["logging.googleapis.com/trace_sampled"] = trace.sampled
        if lines := _traceback(record):
            entry["stack_trace"] = "\n".join(lines)[-LONGEST_TRACE:]  # the field that Error Reporting looks at
        return entry


class TextLines(logging.Formatter):
    """A line that begins with the time; what belongs to it follows indented, so that nothing can pass for a line."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return "\n    ".join(self._lines(record))
        except Exception as error:  # noqa: BLE001 - as above
            return f"a log line was lost to {type(error).__name__}"

    def _lines(self, record: logging.LogRecord) -> Iterator[str]:
        when = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        said = [_message(record)]
        if record.name == "werkzeug" and not record.args:  # its greeting has several lines, and nothing of a request
            said = [clean(line) for line in _COLOUR.sub("", str(record.msg)).split("\n")]
        extra = _allowed(vars(record), FIELDS)
        number = extra.get("incident")
        known = number is None or str(number) in said[0]
        yield f"{when} {severity(record):<8} {printable(record.name)}: {said[0]}" + ("" if known else f" [{number}]")
        yield from said[1:]
        if record.levelno >= logging.ERROR and "advice" in extra:
            yield f"What to look at: {extra['advice']}"
        yield from _traceback(record)


def severity(record: logging.LogRecord) -> str:
    """Cloud Logging's name for the level, or for the next below it."""
    return next((name for level, name in _SEVERITIES if record.levelno >= level), "DEBUG")


def _message(record: logging.LogRecord) -> str:
    try:
        said = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that don't fit, or can't be printed: the text alone is ours
        said = f"{record.msg if isinstance(record.msg, str) else type(record.msg).__name__} (its arguments don't fit)"
    return clean(_COLOUR.sub("", said) if record.name == "werkzeug" else said)


def _allowed(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: values[name] for name in names if values.get(name) is not None}
    return {name: value if type(value) is int else clean(value, 500) for name, value in found.items()}


def _traceback(record: logging.LogRecord) -> list[str]:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is None:
        return []
    told = "\n".join(_told(TracebackException(type(error), error, error.__traceback__, capture_locals=False)))
    return [printable(line, LONGEST_LINE) for line in told.split("\n")]


def _told(error: TracebackException) -> Iterator[str]:
    """An exception after what led to it. The frames are our code; the texts may be anybody's."""
    before, between = error.__cause__, _CAUSE
    if before is None and not error.__suppress_context__:
        before, between = error.__context__, _CONTEXT
    if before is not None:
        yield from _told(before)
        yield between
    if error.stack:
        yield "Traceback (most recent call last):"
        for frame in error.stack.format():
            yield frame.rstrip("\n")
    for text in error.format_exception_only():
        yield from (clean(line) for line in text.rstrip("\n").split("\n"))
