"""The stand-ins' pictures: a PNG for each person, at an address that the sandbox itself answers."""

import struct
import zlib

import requests

from providers.sandbox import RunningSandbox
from providers.sandbox.pictures import SIDE, draw


def test_a_picture_is_a_png_of_that_size_and_every_person_has_another(sandbox: RunningSandbox) -> None:
    seen = {requests.get(f"{sandbox.base}/_sandbox/pictures/{name}.png", timeout=5).content for name in "abc"}
    assert len(seen) == 3
    for picture in seen:
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", picture[16:24]) == (SIDE, SIDE)


def test_each_of_its_parts_is_whole() -> None:
    picture, at, pixels = draw((91, 75, 138)), 8, b""
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack(">I", picture[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        pixels += data if kind == b"IDAT" else b""
        at += 12 + length
    assert len(zlib.decompress(pixels)) == SIDE * (SIDE + 1)


def test_looking_at_one_is_no_call_that_the_journal_counts(sandbox: RunningSandbox) -> None:
    before = dict(sandbox.counts)
    answer = requests.get(f"{sandbox.base}/_sandbox/pictures/x.png", timeout=5)
    assert (answer.headers["Content-Type"], sandbox.counts) == ("image/png", before)
