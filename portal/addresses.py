"""The one form of an e-mail address that is compared. It decides nothing: an address is never a way in (T33)."""

from __future__ import annotations

import unicodedata

import idna


def normalise_address(address: str) -> str | None:
    """NFKC, one `@`, case-folded, the domain in its IDNA form; None for what is no plain address.

    Dots and `+tags` are kept: only the mailbox's own provider may say that two spellings are one mailbox (T38).
    """
    text = unicodedata.normalize("NFKC", address).strip()
    local, at, domain = text.partition("@")
    if not at or not local or not domain or "@" in domain:
        return None
    if any(c in '<>(),;:\\"[]' or c.isspace() or not c.isprintable() for c in text):
        return None
    try:
        # IDNA folds the case itself; casefold() would make `faß.example` the `fass.example` of somebody else.
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    folded = unicodedata.normalize("NFKC", local.casefold())  # once more: folding takes characters apart
    normal = f"{folded}@{ascii_domain}"
    plain = "." in ascii_domain and not ascii_domain.endswith(".")
    return normal if plain and len(normal) <= 254 else None
