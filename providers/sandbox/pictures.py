"""The sample people's pictures: a head and shoulders on a colour of their own, as PNG, drawn here.

Real providers send PNG, JPEG or WebP, and an application does well to refuse SVG, which is a document with scripts.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from functools import lru_cache

from flask import Response
from flask.typing import ResponseReturnValue

from providers.sandbox.standin import base

SIDE = 96  # pixels
WHITE = (255, 255, 255)


def address(subject: str) -> str:
    """Where a person's picture is, as the client of this request reaches the sandbox."""
    return f"{base()}/_sandbox/pictures/{hashlib.sha256(subject.encode()).hexdigest()[:8]}.png"


def picture(name: str) -> ResponseReturnValue:
    """The picture behind the last part of such an address."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    return Response(draw((red // 2, green // 2, blue // 2)), mimetype="image/png")


@lru_cache(64)
def draw(colour: tuple[int, int, int]) -> bytes:
    """A PNG of two colours (W3C PNG, sections 5 and 11)."""
    rows = b"".join(b"\0" + bytes(_is_white(x, y) for x in range(SIDE)) for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 3, 0, 0, 0)
    palette = bytes([*colour, *WHITE])
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _is_white(x: int, y: int) -> bool:
    head = (x - 48) ** 2 + (y - 36) ** 2 < 18**2
    shoulders = ((x - 48) / 36) ** 2 + ((y - 96) / 34) ** 2 < 1
    return head or shoulders


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
