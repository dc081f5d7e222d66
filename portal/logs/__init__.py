"""The portal's log: `log` is what the portal writes to. No line ever holds a secret, and nobody else can forge one.

`lines` writes a record as one line, `libraries` quiets what prints secrets, `incidents` numbers the requests that went
wrong, `setup` configures a process that is the portal's own.
"""

from __future__ import annotations

import logging

from portal.logs.incidents import incident
from portal.logs.libraries import drop_queries_from_access_log, quiet_libraries
from portal.logs.lines import LONGEST, printable
from portal.logs.setup import set_up_logging

__all__ = [
    "LONGEST",
    "drop_queries_from_access_log",
    "incident",
    "log",
    "printable",
    "quiet_libraries",
    "set_up_logging",
]

log = logging.getLogger("portal")
