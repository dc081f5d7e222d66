"""The one form of a domain that is compared. It asks no name server and judges no address."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

import idna

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_domain(domain: str) -> str | None:
    """A domain in ASCII and small letters; None for what is none.

    Only ASCII letters are folded: lower() takes a Kelvin sign for a "k", and so somebody else's domain for ours (T38).
    """
    folded = domain.translate(_FOLD)
    try:
        encoded = folded if folded.isascii() else idna.encode(folded).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if len(encoded) <= 253 and re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", encoded) else None


def read_domains(domains: Iterable[str], *, setting: str, provider: str) -> tuple[str, ...]:
    """The domains of a setting, each once. Raises ValueError for what is none."""
    found: dict[str, None] = {}
    for domain in domains:
        normal = ascii_domain(domain) if isinstance(domain, str) else None
        if normal is None or "." not in normal:
            raise ValueError(f"{setting} of provider {provider!r} takes domains such as 'example.com', not {domain!r}")
        found[normal] = None
    return tuple(found)
