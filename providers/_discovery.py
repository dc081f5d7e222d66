"""Finds an OpenID Connect issuer's addresses by its discovery document, and keeps them for this process."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from providers._calls import fetch, read_json
from providers._documents import is_safe_url
from providers._faults import Fault, ProviderError

LIFE: Final = (5 * 60, 24 * 60 * 60)  # seconds a document is kept: at least, at most
FAILURE_LIFE: Final = 1  # seconds: long enough for those who waited for the same call, short enough to try again
PATIENCE: Final = 5  # seconds to wait for another thread's call


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is used of an issuer's discovery document (OIDC Discovery, section 3)."""

    authorization_url: str
    token_url: str
    userinfo_url: str
    sends_iss: bool


class Discovery:
    """The discovery documents of this process: each kept as long as it allows, and fetched by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        self._kept: dict[str, tuple[Metadata | ProviderError, float]] = {}  # with the time it is kept until

    def load(self, http: requests.Session, issuer: str) -> Metadata:
        """An issuer's metadata. Raises ProviderError, the same one to all who waited for the call that failed."""
        if (kept := self._get(issuer)) is not None:
            return kept
        with self._lock:
            fetching = self._fetching.setdefault(issuer, threading.Lock())
        if not fetching.acquire(timeout=PATIENCE):
            raise ProviderError(Fault.SLOW, "discovery", "another call for the same document is under way")
        try:
            return self._get(issuer) or self._fetch(http, issuer)
        finally:
            fetching.release()

    def _get(self, issuer: str) -> Metadata | None:
        outcome, until = self._kept.get(issuer, (None, 0.0))
        if until <= self._clock():
            return None
        if isinstance(outcome, ProviderError):  # a new one each time: a traceback belongs to one thread
            raise ProviderError(outcome.fault, outcome.call, outcome.detail, status=outcome.status)
        return outcome

    def _fetch(self, http: requests.Session, issuer: str) -> Metadata:
        try:
            url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            response = fetch(http, url, call="discovery")
            metadata = read_metadata(read_json(response, call="discovery"), issuer)
        except ProviderError as error:
            self._kept[issuer] = (error, self._clock() + FAILURE_LIFE)
            raise
        said = re.search(r"max-age=([0-9]{1,9})", response.headers.get("Cache-Control", "").lower())
        shortest, longest = LIFE
        life = min(max(int(said[1]) if said else 0, shortest), longest)
        self._kept[issuer] = (metadata, self._clock() + life)
        return metadata


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """What a discovery document says, if it is this issuer's own and safe to follow (T14). Raises ProviderError."""
    if document.get("issuer") != issuer:  # exactly: a slash more is another issuer (OIDC Discovery, section 4.3)
        raise ProviderError(Fault.MALFORMED, "discovery", "the document is of another issuer than the configured one")
    return Metadata(
        authorization_url=_endpoint(document, "authorization_endpoint"),
        token_url=_endpoint(document, "token_endpoint"),
        userinfo_url=_endpoint(document, "userinfo_endpoint"),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,  # RFC 9207, section 3
    )


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise ProviderError(Fault.MALFORMED, "discovery", f"{name} is missing or not https")
    return url


discovery: Final = Discovery()
