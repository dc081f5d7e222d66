"""One short number for one request that went wrong: on its page, and in each of its log lines from WARNING on."""

from __future__ import annotations

import logging
import secrets

from flask import g, has_request_context, request

from portal.logs.lines import read_trace

# No vowel, so that no word comes out, and nothing that is taken for something else on paper or by telephone: twenty
# characters, and in eight of them one number in 25 thousand million.
ALPHABET = "23456789CFGHJMPQRVWX"


def incident() -> str:
    """The number of this request, such as `7QGX-M2HC`; made when it is first asked for."""
    if "portal_incident" not in g:
        made = "".join(secrets.choice(ALPHABET) for _ in range(8))
        g.portal_incident = f"{made[:4]}-{made[4:]}"
    return str(g.portal_incident)


class InRequest(logging.Filter):
    """Adds to a record what its request is known by. It lets every record pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        if has_request_context():
            record.trace = read_trace(request.environ)
            if record.levelno >= logging.WARNING:
                record.incident = incident()
        return True
