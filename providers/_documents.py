"""Reads what a provider sends: strict JSON, and the few shapes of claim that are taken from it.

Pure and total: it asks nobody, decides nothing, and raises only ValueError, whose text never quotes the document.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

MAX_DEPTH: Final = 20
MAX_TEXT: Final = 256  # bytes: what a store's index and a page can carry (T89, T98)
MAX_ADDRESS: Final = 254  # characters, RFC 5321 section 4.5.3.1.3
MAX_URL: Final = 2048  # Facebook's signed picture addresses pass 400

_METADATA: Final = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})  # Amazon's and Alibaba's

# Control, format (bidi and zero-width are among them), surrogate, line and paragraph separators, and the letters that
# draw nothing: a name made of these looks empty, or like somebody else's (T89, T108).
_REMOVED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def decode(body: bytes) -> Any:
    """The JSON document in `body`: UTF-8, integers exact, no key twice, no NaN or Infinity, 20 levels at most (T85)."""
    try:
        document = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
    if any(isinstance(node, dict | list) for node in level):
        raise ValueError("nested too deep")
    return document


def _children(node: Any) -> list[Any]:
    match node:
        case dict():
            return list(node.values())
        case list():
            return node
        case _:
            return []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):  # two readers of one document must not see two subjects
        raise ValueError("a key appears twice")
    return document


def _refuse_constant(_: str) -> None:
    raise ValueError("not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999 is valid JSON and infinite
        raise ValueError("number out of range")
    return number


def claim(document: Mapping[str, Any], name: str, kind: type[T], /) -> T | None:
    """An optional claim, None where it is absent, null, blank or of another type (true is no integer). Texts come
    without control, bidi and zero-width characters, trimmed, and cut to 256 bytes."""
    value = document.get(name)
    if isinstance(value, str):
        value = _clean(value).encode()[:MAX_TEXT].decode(errors="ignore").rstrip() or None
    return value if type(value) is kind else None


def claim_address(document: Mapping[str, Any], name: str, /) -> str | None:
    """An optional e-mail address: one "@" with something on either side, no spaces or commas, 254 characters at most.

    An address is never mended, as a name is: `ad<zero-width>min@` taken for `admin@` would be somebody else's (T38).
    """
    value = document.get(name)
    if not isinstance(value, str) or len(value) > MAX_ADDRESS + 2 or _clean(value) != (value := value.strip()):
        return None
    # Judged as the portal will compare it: NFKC turns a full-width "＠" or "，" into a real one.
    compared = unicodedata.normalize("NFKC", value)
    local, _, domain = compared.partition("@")
    if not local or not domain or "@" in domain or len(value) > MAX_ADDRESS or len(compared) > MAX_ADDRESS:
        return None
    return None if "," in compared or any(character.isspace() for character in compared) else value


def claim_url(document: Mapping[str, Any], name: str, /) -> str | None:
    """An optional address of a picture: https, or http on loopback, 2048 characters at most."""
    value = document.get(name)
    return value if isinstance(value, str) and len(value) <= MAX_URL and is_safe_url(value) else None


def is_safe_url(url: str) -> bool:
    """Whether a URL is https, or http on loopback; without credentials, fragment, or a link-local host (T14, T91)."""
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' \\#"<>'):
        return False  # urlsplit would drop a tab or newline in silence, and so judge another URL than is called
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        # The system would resolve 2852039166 and 0xa9fea9fe, too, and find a metadata server.
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rstrip(".").rpartition(".")[2]):
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_link_local or address in _METADATA:  # where clouds keep their metadata servers
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and address.is_loopback)


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    kept = (c for c in text if unicodedata.category(c) not in _REMOVED_CATEGORIES and c not in _BLANK_LETTERS)
    return "".join(kept).strip()
