"""Reads the parameters of a callback, strictly; it believes none of them (RFC 6749, 4.1.2; T07)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from werkzeug.datastructures import MultiDict

_STATE = re.compile(r"[A-Za-z0-9_-]{43}")  # ours, so its form is known
_CODE = re.compile(r"[\x21-\x7e]{1,2048}")  # RFC 6749, A.11, without the space and not endless
_ERROR = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749, A.7


@dataclass(frozen=True, slots=True)
class Callback:
    """What came back: the state, one code or one error, and RFC 9207's `iss` where it was sent."""

    state: str = field(repr=False)
    kind: Literal["code", "error"]
    value: str = field(repr=False)
    iss: str | None


def read_callback(args: MultiDict[str, str]) -> Callback:
    """The parameters, each there exactly once. Raises ValueError for any other number or an impossible form."""
    state, code, error, iss = (args.getlist(name) for name in ("state", "code", "error", "iss"))
    if len(state) != 1 or len(code) + len(error) != 1 or len(iss) > 1:  # two of one name: each reader picks another
        raise ValueError("parameters missing or repeated")
    (value,) = code or error
    kind: Literal["code", "error"] = "code" if code else "error"
    if not _STATE.fullmatch(state[0]) or not (_CODE if code else _ERROR).fullmatch(value):
        raise ValueError("a parameter of impossible form")
    return Callback(state[0], kind, value, iss[0] if iss else None)
