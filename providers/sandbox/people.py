"""The sample people of each stand-in. All of them are made up, and so are their addresses (RFC 2606 names only).

In every list the first has another address at each provider, and the second the same, verified one everywhere. The
others are what an application tends to forget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """What one provider knows of a person. None where it knows nothing."""

    subject: str
    name: str | None = None
    email: str | None = None
    verified: bool = False
    login: str | None = None  # GitHub only
    public_email: bool = False  # GitHub only: the address is on the public profile, too
    hd: str | None = None  # Google only: the Workspace domain the account belongs to
    organisations: tuple[str, ...] = ()  # GitHub only: those it is a member of
    invited_to: tuple[str, ...] = ()  # GitHub only: those whose invitation it hasn't accepted
    note: str = ""  # what is special, in a few words for the consent page


OWN_ADDRESS, SAME_ADDRESS = "another address at each provider", "the same address at all three"

GOOGLE: Mapping[str, Person] = {
    "ada": Person("100000000000000001815", "Ada Lovelace", "ada@example.com", verified=True, note=OWN_ADDRESS),
    "grace": Person("100000000000000001906", "Grace Hopper", "grace@example.com", verified=True, note=SAME_ADDRESS),
    "katherine": Person(
        "100000000000000001918",
        "Katherine Johnson",
        "katherine@workspace.test",
        verified=True,
        hd="workspace.test",
        note="Workspace account",
    ),
    "alan": Person("100000000000000001912", "Alan Turing", "alan@example.com", note="address not verified"),
    "nobody": Person("100000000000000001000", note="no name, no address"),
}

GITHUB: Mapping[str, Person] = {
    "ada": Person(
        "1815",
        "Ada Lovelace",
        "ada.lovelace@code.test",
        verified=True,
        login="ada",
        organisations=("acme", "engines"),
        note=OWN_ADDRESS,
    ),
    "grace": Person(
        "1906",
        "Grace Hopper",
        "grace@example.com",
        verified=True,
        login="ghopper",
        invited_to=("acme",),
        note=SAME_ADDRESS,
    ),
    "barbara": Person(
        "1939",
        "Barbara Liskov",
        "barbara@code.test",
        verified=True,
        login="bliskov",
        public_email=True,
        note="public address",
    ),
    "alan": Person("1912", "Alan Turing", "alan@example.com", login="aturing", note="address not verified"),
    "nameless": Person("1000", None, "octo@code.test", verified=True, login="octo", note="no name, only a login"),
}

FACEBOOK: Mapping[str, Person] = {
    "ada": Person("10000000000001815", "Ada Lovelace", "ada@social.test", note=OWN_ADDRESS),
    "grace": Person("10000000000001906", "Grace Hopper", "grace@example.com", note=SAME_ADDRESS),
    "alan": Person("10000000000001912", "Alan Turing", note="signed up by phone, no address"),
}

ISSUER: Mapping[str, Person] = {
    "ada": Person("00u1815", "Ada Lovelace", "ada@company.test", verified=True, note="another address here"),
    "grace": Person("00u1906", "Grace Hopper", "grace@example.com", verified=True, note=SAME_ADDRESS),
    "katherine": Person(
        "00u1918", "Katherine Johnson", "katherine@workspace.test", verified=True, note="the same address as at work"
    ),
    "alan": Person("00u1912", "Alan Turing", "alan@example.com", note="address not verified"),
    "nobody": Person("00u1000", note="no name, no address"),
}


def subject_for(text: str, *, digits: int) -> str:
    """A whole number of exactly so many digits that is always the same for the same text."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return "1" + str(number % 10 ** (digits - 1)).zfill(digits - 1)
