"""What userinfo adds to a verified ID token, and when it is worth asking. Pure: it asks nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from providers._faults import Fault, ProviderError


def lacks(claims: Mapping[str, Any], scopes: Collection[str], announced: Collection[str]) -> bool:
    """Whether something was asked for by scope that the ID token doesn't say.

    `email_verified` alone is missed only where the issuer announces that it tells it: one that doesn't have it would
    otherwise be asked at each sign-in.
    """
    wanted = {"name"} if "profile" in scopes else set()
    if "email" in scopes:
        wanted |= {"email"} | ({"email_verified"} & set(announced))
    return any(claims.get(name) is None for name in wanted)


def completed(asserted: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """What the ID token says, and what userinfo adds about the person; the first goes first. Raises ProviderError."""
    if userinfo.get("sub") != asserted["sub"]:  # somebody else's profile (T16)
        raise ProviderError(Fault.MALFORMED, "profile", "userinfo has another subject than the ID token")
    said = {name: value for name, value in asserted.items() if value is not None}
    added = {name: userinfo[name] for name in ("name", "preferred_username", "picture") if name in userinfo}
    # An address and the word about it come from one document: "verified" may be said of another address (T33).
    if {"email", "email_verified"} <= said.keys() or userinfo.get("email") is None:
        return {**added, **said}
    return {**added, **said, "email": userinfo["email"], "email_verified": userinfo.get("email_verified")}
