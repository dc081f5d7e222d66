"""What a provider lets on about an application's registration, without anybody signing in. Pure: it asks nobody.

A dry run is an authorization request that no person follows, and a token request with a code that nobody issued. Both
are answered by the back channel alone, and neither can sign anyone in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import requests

from providers._faults import Fault, ProviderError

Registered: TypeAlias = Literal["client_id", "client_secret", "redirect_uri", "scopes"]

# What the errors of RFC 6749, section 4.1.2.1, and those that the vendors added, say of the registration.
BLAMED: Final[Mapping[str, tuple[Registered, ...]]] = {
    "invalid_client": ("client_id",),
    "unauthorized_client": ("client_id",),
    "application_suspended": ("client_id",),
    "redirect_uri_mismatch": ("redirect_uri",),
    "invalid_redirect_uri": ("redirect_uri",),
    "invalid_scope": ("scopes",),
}
# OIDC Core, section 3.1.2.6: `prompt=none` was understood, and only a person is missing.
SOMEBODY_NEEDED: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
_REDIRECT = re.compile(r"redirect[_ -]?ur[il]|callback[_ -]?url|AADSTS50011\b", re.IGNORECASE)
_CLIENT = re.compile(
    r"client[_ -]?id\b|invalid[_ -]client|(client|application) (was )?not found|unknown client|AADSTS700016\b",
    re.IGNORECASE,
)
_SENT_BACK: Final[tuple[Registered, ...]] = ("client_id", "redirect_uri")  # what is right where one is sent back
_WORD = re.compile(r"[A-Za-z0-9_./-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where an application is registered with a provider, and what the fields are called there."""

    url: str = ""  # "" where only the admin knows: any OpenID Connect issuer's
    path: str = "your provider's administration pages"  # how one gets to the form
    client_id: str = "Client ID"
    client_secret: str = "Client secret"  # noqa: S105 - a label
    redirect_uri: str = "Redirect URI"
    scopes: str = "Scopes"
    hint: str = ""  # one sentence for whoever fills it in


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one answer tells of the registration: what it refuses, and what it accepts. What is in neither, it doesn't
    tell. Where several are refused, it is one of them, and the answer doesn't say which."""

    refuses: tuple[Registered, ...] = ()
    accepts: tuple[Registered, ...] = ()
    said: str = ""  # the provider's own word for it, if that is one


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """The version of a vendor's API that the addresses in use name."""

    name: str  # "" where they name none
    released: date | None = None  # None where it is unknown here
    ends: date | None = None
    newest: str = ""


def read_authorization(response: requests.Response, redirect_uri: str) -> Answer:
    """What a dry authorization request's answer tells, by the standards alone. Raises ProviderError for a 5xx."""
    status = response.status_code
    if status >= 500:
        raise ProviderError(Fault.STATUS, "authorization", str(status), status=status)
    location = response.headers.get("Location", "")
    if 300 <= status < 400 and location:
        return _read_redirect(location, redirect_uri)
    if status >= 400:
        return _read_page(page_text(response))
    return Answer()  # a page to sign in on, most likely: what it thinks of the rest shows only behind it


def page_text(response: requests.Response) -> str:
    """A page's text, for words of ASCII to be looked for: requests itself would guess at its encoding, for long."""
    return response.content.decode("utf-8", errors="replace")


def word(text: str | None) -> str:
    """An error's name, fit to be shown; "" for what is none."""
    return text if text and _WORD.fullmatch(text) else ""


def _read_redirect(location: str, redirect_uri: str) -> Answer:
    error = word(parse_qs(urlsplit(location).query).get("error", [None])[0])
    refused = BLAMED.get(error, ())
    if location.partition("?")[0].partition("#")[0] != redirect_uri:
        return Answer(refuses=refused, said=error)
    if refused:  # sent back with an error: then the redirect URI was good, whatever else was not
        return Answer(refuses=refused, accepts=tuple(each for each in _SENT_BACK if each not in refused), said=error)
    if not error or error in SOMEBODY_NEEDED:
        return Answer(accepts=(*_SENT_BACK, "scopes"))
    return Answer(accepts=_SENT_BACK, said=error)


def _read_page(text: str) -> Answer:
    """An error page, which no standard describes. Where it names one of the two, it is believed."""
    redirect, client = _REDIRECT.search(text), _CLIENT.search(text)
    if redirect and not client:
        return Answer(refuses=("redirect_uri",), accepts=("client_id",))
    return Answer(refuses=("client_id",) if client and not redirect else ("client_id", "redirect_uri"))
