"""Keeps the libraries' secrets out of every log, an application's own included: they print them below WARNING."""

from __future__ import annotations

import logging
import re

# At DEBUG these print state, verifier, code, client secret and token (T70); what they say above it is kept.
_TALKATIVE = {"flask_dance", "requests_oauthlib", "oauthlib", "urllib3"}
_QUERY = re.compile(r"\?.*(?= HTTP/\d)|\?.*")  # werkzeug decodes it: spaces and quotes may be inside


def quiet_libraries() -> None:
    """Stop DEBUG and INFO records of the libraries that log secrets, whatever level the application sets later."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _TALKATIVE]
    for logger in map(logging.getLogger, names):  # a logger's filter doesn't see its children's records: each its own
        if not any(isinstance(item, _WarningsOnly) for item in logger.filters):
            logger.addFilter(_WarningsOnly())


def drop_queries_from_access_log() -> None:
    """Let the development server's access log show paths only: a callback's query holds the code (T19)."""
    logger = logging.getLogger("werkzeug")
    if not any(isinstance(item, _WithoutQuery) for item in logger.filters):
        logger.addFilter(_WithoutQuery())


class _WarningsOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


class _WithoutQuery(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_QUERY.sub("", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
