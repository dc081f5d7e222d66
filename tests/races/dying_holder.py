"""A process that refreshes somebody's token and is gone in the middle of it, at a named point.

`python -m tests.races.dying_holder STORE SANDBOX PROVIDER USER POINT LEASE`; it ends with status 9 if it came there.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from portal import lease
from portal.backchannel import BackChannel
from portal.storage import open_store
from portal.tokens import Tokens
from tests.portal.desk import CIPHER
from tests.portal.house import Hooked, load_stand_in

GONE = 9


def die(*_: object) -> Any:
    os._exit(GONE)


def main(url: str, sandbox: str, name: str, user: str, point: str, seconds: str) -> None:
    lease.LEASE = timedelta(seconds=float(seconds))
    provider: Any = load_stand_in(name, sandbox)
    match point:
        case "leased":
            provider = Hooked(provider)
            provider.resolve = die  # the next thing that is done
        case "sending":
            provider = Hooked(provider, before=die)
        case "answered":
            provider = Hooked(provider, after=die)
        case "waiting":
            print("waiting", flush=True)  # to be killed from outside, while the provider thinks about it
    tokens = Tokens(open_store(url), CIPHER, {name: provider}, BackChannel(), now=lambda: datetime.now(UTC))
    tokens.session_for(SimpleNamespace(id=user), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
