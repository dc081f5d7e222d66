"""Whether this machine's clock agrees with the providers', by the `Date` of their answers. It sets no clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Any

import requests

from portal.setup.findings import Finding, good, problem, untested, warning

TOLERATED = 60.0  # seconds: what an ID token's times may be off by
REMARKABLE = 10.0
_ABOUT = "clock"


class Clocks:
    """How far each provider's clock is ahead of ours, in seconds, as of its last answer. Safe to share."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead: dict[str, float] = {}

    def listen(self, session: requests.Session, title: str) -> requests.Session:
        """Read the `Date` of whatever comes back over a session."""

        def read(response: requests.Response, **_: Any) -> None:
            try:
                told = parsedate_to_datetime(response.headers["Date"]).timestamp()
            except (KeyError, TypeError, ValueError, OverflowError):
                return
            self._ahead[title] = told - self._now()

        session.hooks["response"].append(read)
        return session

    def judge(self) -> list[Finding]:
        return judge(dict(self._ahead))


def judge(ahead: Mapping[str, float]) -> list[Finding]:
    """One of several may be wrong itself, so the middle one counts."""
    if not ahead:
        return [untested(_ABOUT, "no provider answered whose time could be compared with this machine's")]
    seconds = median(ahead.values())
    who = " and ".join(sorted(ahead))
    if abs(seconds) <= REMARKABLE:
        return [good(_ABOUT, f"agrees with {who}")]
    way = "behind" if seconds > 0 else "ahead of"
    says = f"this machine's clock is {abs(seconds):.0f} s {way} that of {who}"
    if abs(seconds) > TOLERATED:
        return [
            problem(_ABOUT, f"{says}, and ID tokens are refused beyond {TOLERATED:.0f} s: set it, by NTP for instance")
        ]
    return [warning(_ABOUT, f"{says}: set it, by NTP for instance, before it is more than {TOLERATED:.0f} s")]
