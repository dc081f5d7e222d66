"""The back channel, the same everywhere: who is calling (RFC 6749 §2.3.1), with which code, with which token."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import unquote_plus

from flask import request
from werkzeug.datastructures import MultiDict

from providers.sandbox.grants import CodeFault, Grant
from providers.sandbox.standin import StandIn


class CallFault(StrEnum):
    """Why a token call is refused before its code is looked at."""

    REPEATED = "repeated"  # RFC 6749 §3.2
    CLIENT = "client"


def exchange(standin: StandIn, fields: MultiDict[str, str]) -> Grant | CallFault | CodeFault:
    """Redeem the code among the fields of a token call."""
    if fault := refusal(standin, fields):
        return fault
    return standin.grants.redeem(
        fields.get("code", ""),
        redirect_uri=fields.get("redirect_uri", ""),
        verifier=fields.get("code_verifier", ""),
    )


def refusal(standin: StandIn, fields: MultiDict[str, str]) -> CallFault | None:
    """None where the caller is the registered application."""
    if any(len(values) > 1 for _, values in fields.lists()):
        return CallFault.REPEATED
    method, client_id, secret = _credentials(fields)
    known = client_id == standin.client.client_id and standin.client.has_secret(secret)
    return None if known and method in standin.auth_methods else CallFault.CLIENT


def bearer() -> str:
    """The access token in the header; empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() in ("bearer", "token") else ""


def _credentials(fields: Mapping[str, str]) -> tuple[str, str, str]:
    """How the caller says who it is, and what."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return "client_secret_basic", unquote_plus(basic.username or ""), unquote_plus(basic.password or "")
    return "client_secret_post", fields.get("client_id", ""), fields.get("client_secret", "")
