"""What is kept of a provider's token, sealed for its row and opened again. It knows no store and asks no provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.crypto import TokenCipher
from portal.errors import SealError
from portal.models import Token
from providers.base import MAX_LIFE

_KEPT = ("access_token", "refresh_token", "id_token", "token_type")


def token_owner(oauth_id: str, user_id: str, version: int) -> tuple[str, ...]:
    """Whom a Token's sealed value is bound to: its row, its user and how often it was renewed (T73)."""
    return (Token.KIND, oauth_id, user_id, "sealed", str(version))


def seal_kept(cipher: TokenCipher, token: Mapping[str, Any], *, entry: str, owner: tuple[str, ...]) -> bytes:
    """Seal what is to be kept of a token. `entry` is the configured provider that it came by: of two entries with one
    issuer each is another client there, and only that one can refresh or revoke it."""
    kept = {name: token[name] for name in _KEPT if token.get(name)}
    return cipher.seal(json.dumps({**kept, "entry": entry}).encode(), *owner)


def open_kept(cipher: TokenCipher, token: Token, user_id: str) -> dict[str, str]:
    """What is kept in a row of this user's. Raises SealError for what was moved, altered or put back, for a key that is
    not in the ring, and for a plain value (T73, T77)."""
    if token.sealed is None:
        raise SealError("short")
    kept = json.loads(cipher.unseal(token.sealed, *token_owner(token.oauth_id, user_id, token.version)))
    return {name: value for name, value in kept.items() if isinstance(value, str)}


def expiry(token: Mapping[str, Any], now: datetime) -> datetime | None:
    """When the access token in an answer ends; None where the provider doesn't say."""
    seconds = token.get("expires_in")
    return None if seconds is None else now + timedelta(seconds=seconds)


def refresh_expiry(token: Mapping[str, Any], now: datetime) -> datetime | None:
    """When the refresh token in an answer ends, where GitHub or another says so in a way that can be read."""
    seconds = token.get("refresh_token_expires_in")
    return now + timedelta(seconds=min(seconds, MAX_LIFE)) if type(seconds) is int and seconds >= 0 else None
