"""Faults on request: what a provider does on a bad day, played at the call that was chosen.

Only what is the same for all is here, whatever they speak; a bad subject is put together where the profile is.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from typing import assert_never

from flask import Response, request


class Call(StrEnum):
    """The calls of an application's server at which trouble can be ordered."""

    TOKEN = "token"  # noqa: S105 - the name of a call
    PROFILE = "profile"
    EMAIL = "email"  # GitHub only: the others have no such call


class Trouble(StrEnum):
    NONE = "none"
    # These are the answer itself, at one call:
    SLOW = "slow"
    ERROR_500 = "error500"
    HTML = "html"
    GARBAGE = "garbage"
    DRIP = "drip"
    DRIP_HEADERS = "drip_headers"
    HANG = "hang"
    # These change what is told about the person, at every call:
    SUBJECT_NULL = "subject_null"
    SUBJECT_FLOAT = "subject_float"
    SUBJECT_STRING = "subject_string"
    SUBJECT_BIG = "subject_big"
    NO_PROFILE = "no_profile"
    SCOPE_REDUCED = "scope_reduced"


WORDS = {
    Trouble.NONE: "None",
    Trouble.SLOW: "Slow: answers after 8 seconds",
    Trouble.ERROR_500: "Error 500",
    Trouble.HTML: "A web page instead of data",
    Trouble.GARBAGE: "Garbage that claims to be JSON",
    Trouble.DRIP: "Drip: the body comes one byte at a time",
    Trouble.DRIP_HEADERS: "Drip: even the header comes one byte at a time",
    Trouble.HANG: "Hang: never answers",
    Trouble.SUBJECT_NULL: "Subject is null",
    Trouble.SUBJECT_FLOAT: "Subject is a decimal number",
    Trouble.SUBJECT_STRING: "Subject is a text it should not be",
    Trouble.SUBJECT_BIG: "Subject is the number 2⁵³ + 1",
    Trouble.NO_PROFILE: "No name and no address",
    Trouble.SCOPE_REDUCED: "Address not granted",
}

ANSWERS = frozenset(  # those that are the answer itself
    {
        Trouble.SLOW,
        Trouble.ERROR_500,
        Trouble.HTML,
        Trouble.GARBAGE,
        Trouble.DRIP,
        Trouble.DRIP_HEADERS,
        Trouble.HANG,
    }
)
SLOW, HANG, DROP = 8.0, 30.0, 0.5  # seconds; a hang ends, so that the threads come back
BIG = 2**53 + 1  # the first whole number that a double can't hold (T32)
DRIPPED = b'{"drip": "................................................"}'
HEADER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Drip: "


def play(trouble: Trouble, *, pace: float) -> Response | None:
    """The bad answer, or None where the right one is to be given. `pace` multiplies every wait."""
    line = _connection()
    match trouble:
        case Trouble.SLOW:
            _wait(SLOW * pace, line)
            return None
        case Trouble.ERROR_500:
            return Response('{"error": "internal_failure"}', 500, mimetype="application/json")
        case Trouble.HTML:
            return Response("<!doctype html><title>Sorry</title><p>We'll be back soon.", mimetype="text/html")
        case Trouble.GARBAGE:
            return Response(b'{"id": \xff\xfe\x00, access_token', mimetype="application/json")
        case Trouble.DRIP:
            headers = {"Content-Length": str(len(DRIPPED))}  # known, so that no server waits to send a bigger chunk
            return Response(_drops(DRIPPED, pace, line), mimetype="application/json", headers=headers)
        case Trouble.DRIP_HEADERS:
            return _drip_headers(pace, line)
        case Trouble.HANG:
            _wait(HANG * pace, line)
            return _hang_up(line)
        case (
            Trouble.NONE
            | Trouble.SUBJECT_NULL
            | Trouble.SUBJECT_FLOAT
            | Trouble.SUBJECT_STRING
            | Trouble.SUBJECT_BIG
            | Trouble.NO_PROFILE
            | Trouble.SCOPE_REDUCED
        ):
            return None
        case _:
            assert_never(trouble)


def bad_subject(trouble: Trouble, honest: str | int, *, odd: str) -> str | int | float | None:
    """The subject as it is told; `odd` is a text that no subject of this provider looks like."""
    match trouble:
        case Trouble.SUBJECT_NULL:
            return None
        case Trouble.SUBJECT_FLOAT:
            return float(int(honest) % 2**32)  # written with ".0": whole in value, and no integer in JSON
        case Trouble.SUBJECT_STRING:
            return odd
        case Trouble.SUBJECT_BIG:
            return BIG
        case _:
            return honest


def _connection() -> socket.socket | None:
    """The client's socket, where the server tells: ours and gunicorn's do, Flask's test client has none."""
    found = request.environ.get("sandbox.socket") or request.environ.get("gunicorn.socket")
    return found if isinstance(found, socket.socket) else None


def _drops(text: bytes, pace: float, line: socket.socket | None) -> Iterator[bytes]:
    for byte in text:
        yield bytes([byte])
        if not _wait(DROP * pace, line):
            return


def _drip_headers(pace: float, line: socket.socket | None) -> Response:
    """WSGI can't send half a header, so the bytes go to the connection itself, behind the server's back."""
    if line is not None:
        with suppress(OSError):  # the client has gone away, as it should
            for drop in _drops(HEADER, pace, line):
                line.sendall(drop)
    return _hang_up(line)


def _hang_up(line: socket.socket | None) -> Response:
    """End the connection without an answer. What the server then tries to write goes nowhere."""
    if line is not None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
    return Response(status=504)


def _wait(seconds: float, line: socket.socket | None) -> bool:
    """False as soon as the client has hung up: nobody is left to annoy, and the thread is wanted elsewhere."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
        if line is not None and _hung_up(line):
            return False
    return True


def _hung_up(line: socket.socket) -> bool:
    try:
        return line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
