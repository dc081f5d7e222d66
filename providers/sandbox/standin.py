"""What tells one stand-in from another in the browser, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import request

from providers.sandbox.clients import Client
from providers.sandbox.grants import Grants
from providers.sandbox.people import Person, subject_for
from providers.sandbox.troubles import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    name: str
    title: str
    client: Client
    grants: Grants
    people: Mapping[str, Person]
    scopes: Mapping[str, str]  # each spelling that may be asked for, and the provider's own
    email_scopes: frozenset[str]
    calls: tuple[Call, ...]
    subject: re.Pattern[str]
    subject_digits: int
    has_verified: bool  # whether the provider says of an address that it is verified
    issuer_path: str | None  # RFC 9207: where the provider sends `iss`
    fragment: str = ""
    denial: Mapping[str, str]  # what comes back beside the state when the person says no
    pace: float = 1.0

    @property
    def issuer(self) -> str | None:
        return None if self.issuer_path is None else base() + self.issuer_path

    def new_subject(self, text: str) -> str:
        return subject_for(text, digits=self.subject_digits)


def base() -> str:
    """Where this sandbox is, as the client of this request sees it."""
    return request.host_url.rstrip("/")
