"""What tells one stand-in from another in the browser, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import request
from flask.typing import ResponseReturnValue

from providers.sandbox.clients import Client
from providers.sandbox.grants import Grants
from providers.sandbox.keyring import KeyRing
from providers.sandbox.people import Person, subject_for
from providers.sandbox.refreshing import Refreshing
from providers.sandbox.revoking import Revoking
from providers.sandbox.troubles import Call

AUTH_METHODS = ("client_secret_post", "client_secret_basic")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenID:
    """What a stand-in that speaks OpenID Connect has beside the rest."""

    path: str  # of the issuer
    keys: KeyRing
    profile_scopes: frozenset[str]
    says_auth_time: bool
    sparse: bool = False  # the ID token says no more than who it is; the rest is in userinfo
    misbehaves: str = ""  # always, in this way


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    name: str
    title: str
    client: Client
    grants: Grants
    people: Mapping[str, Person]
    scopes: Mapping[str, str]  # each spelling that may be asked for, and the provider's own
    email_scopes: frozenset[str]
    withheld: frozenset[str] = frozenset()  # beside them, from whoever grants less than was asked
    calls: tuple[Call, ...]
    subject: re.Pattern[str]
    subject_digits: int
    has_verified: bool  # whether the provider says of an address that it is verified
    issuer_path: str | None  # RFC 9207: where the provider sends `iss`
    fragment: str = ""
    denial: Mapping[str, str]  # what comes back beside the state when the person says no
    auth_methods: tuple[str, ...] = AUTH_METHODS  # how the application may say who it is (OpenID Connect Core §9)
    refuse: Callable[[StandIn, str], ResponseReturnValue] | None = None  # where it has a way of its own to say no
    openid: OpenID | None = None
    refreshing: Refreshing = field(default_factory=lambda: Refreshing(life=3600))
    revoking: Revoking = field(default_factory=Revoking)
    pace: float = 1.0

    @property
    def issuer(self) -> str | None:
        return None if self.issuer_path is None else base() + self.issuer_path

    def new_subject(self, text: str) -> str:
        return subject_for(text, digits=self.subject_digits)


def base() -> str:
    """Where this sandbox is, as the client of this request sees it."""
    return request.host_url.rstrip("/")
