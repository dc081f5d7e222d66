"""Configures `logging` for a process that is the portal's own, and leaves alone what somebody else configured."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from portal.logs.incidents import InRequest
from portal.logs.lines import JsonLines, TextLines

_TRUSTED = {"portal", "gunicorn", "werkzeug", "py"}  # whose INFO we know; `py` is for Python's warnings
_SERVER = ("gunicorn.error", "gunicorn.access")


def set_up_logging(*, as_json: bool, project: str | None = None) -> None:
    """Write all records to stderr, a line each. `project` as in JsonLines.

    A root logger with a handler is somebody's choice: a larger application's, or a test's. Then nothing is done.
    """
    root = logging.getLogger()
    if not all(isinstance(handler, _Lines) for handler in root.handlers):
        return
    if not root.handlers:
        root.addHandler(_Lines(sys.stderr))
    formatter = JsonLines(project) if as_json else TextLines()
    servers = [handler for name in _SERVER for handler in logging.getLogger(name).handlers]
    for handler in (*root.handlers, *servers):  # gunicorn.conf.py had to guess the format before there was a setting
        handler.setFormatter(formatter)
    logging.getLogger("portal").setLevel(logging.INFO)
    logging.captureWarnings(True)


class _Lines(logging.StreamHandler[TextIO]):
    """The one handler. Below WARNING it takes what we know: whoever turns on DEBUG gets no library's secrets (T70)."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.addFilter(InRequest())
        self.addFilter(_is_trusted)

    def handleError(self, record: logging.LogRecord) -> None:
        """A pipe that is closed, a disk that is full. The stock method would print the arguments as they are."""


def _is_trusted(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _TRUSTED
