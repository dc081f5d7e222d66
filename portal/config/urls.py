"""The forms of a web address that a setting may hold. It never asks whether anybody answers there."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from portal.config.values import Wrong, text

LONGEST_ISSUER = 200  # characters: a sign-in under way keeps it in its cookie, beside the longest `next` (T64)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|[0-9a-f:.]+")


def is_loopback_http(url: str) -> bool:
    """Whether a URL is plain http to this very machine. False for what is no URL."""
    return is_loopback(url, schemes=("http",))


def is_loopback(url: str, *, schemes: Collection[str] = ("https", "http")) -> bool:
    """Whether a URL leads to this very machine. False for what is no URL."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme in schemes and _is_loopback(parts.hostname or "")


def base_url(value: object) -> str:
    """The origin as browsers write it in `Origin`: lower case, no default port, no slash at the end."""
    example = "https://portal.example.com"
    parts = _https(value, example=example)
    if parts.path not in ("", "/") or parts.query:
        raise Wrong("has a path; the portal lives at the root of its host", example)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")


def home_url(value: object) -> str:
    """A path of this host, or a web address elsewhere: the one place where plain http carries nothing of ours."""
    url = text(value)
    if not url.startswith("/"):
        _web(url, example="https://www.example.com/")
    elif url.startswith("//") or "\\" in url:  # a browser reads both as another host
        raise Wrong("starts like the address of another host", "/welcome")
    return url


def endpoint(value: object) -> str:
    _https(value, example="https://id.example.com/oauth/token")
    return text(value)


def issuer(value: object) -> str:
    """Kept to the letter, for issuers are compared as texts (OpenID Connect Core §2: no query, no fragment)."""
    example = "https://id.example.com"
    if _https(value, example=example).query:
        raise Wrong("has a query (?...)", example)
    url = text(value)
    if not re.fullmatch(r"[\x21\x23-\x7e]+", url):
        raise Wrong("has a character in it that no web address has", example)
    if len(url) > LONGEST_ISSUER:
        raise Wrong(f"has {len(url)} characters, and {LONGEST_ISSUER} is the most that a sign-in can carry", example)
    return url


def _https(value: object, *, example: str) -> SplitResult:
    """T30: codes and tokens travel here. Plain http is read on the way, and reaches a cloud's metadata server (T91)."""
    parts = _web(value, example=example)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise Wrong(f"is plain http to {parts.hostname}, which is not this machine", example)
    return parts


def _web(value: object, *, example: str) -> SplitResult:
    url = text(value)
    if "@" in re.split(r"[/?#]", url.partition("//")[2])[0]:  # first, unrepeated: before the @ may stand a password
        raise Wrong("has a user name or password in it", example)
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("https", "http") and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        known = None
    if not known or "\\" in url or " " in url:
        raise Wrong("is no web address", example)
    if "#" in url:
        raise Wrong("has a fragment (#...)", example)
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    return ip in IPv4Network("127.0.0.0/8") or ip == IPv6Address("::1")
