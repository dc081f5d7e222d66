"""Whom people ask, as the admin wrote it: a mail address, a web address, or a few words. It is only ever shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.config.urls import home_url
from portal.config.values import Wrong, text

LONGEST = 200  # characters
_WEB = re.compile(r"https?:", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.IGNORECASE)
_MAIL = re.compile(r"[A-Za-z0-9.!$'*+_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")  # no ? & # %: they steer a mailto:
_EXAMPLE = '"help@example.com", "https://www.example.com/help" or "the people at the front desk"'


@dataclass(frozen=True, slots=True)
class Contact:
    """What is shown, and where it leads; None for words alone."""

    text: str
    href: str | None


def contact(value: object) -> str:
    """The setting, if it can be shown."""
    given = text(value)
    if len(given) > LONGEST:
        raise Wrong(f"has {len(given)} characters, and {LONGEST} are the most", _EXAMPLE)
    if _WEB.match(given):
        return home_url(given)
    if _OTHER_SCHEME.fullmatch(given):
        raise Wrong("starts like an address that no page of ours leads to", _EXAMPLE)
    return given


def read_contact(given: str) -> Contact:
    """A link is made of what is wholly a mail or a web address, and of nothing else (T106): all else is words."""
    if _WEB.match(given):
        return Contact(given, given)
    return Contact(given, f"mailto:{given}" if _MAIL.fullmatch(given) else None)
