"""Facebook's signed requests: one form, one algorithm, not long ago, and nobody else's (T100)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

import providers
from providers._signed_request import LONGEST, NEWEST, OLDEST, read_signed_request
from providers.base import Provider, Removal
from tests.signed_requests import encoded, sign, signed_request

SECRET = "app-s3cret"
NOW = 1_795_000_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def facebook() -> Provider:
    return providers.load("facebook", {"client_id": "1234567890", "client_secret": SECRET})


def read(raw: str, *, now: float = NOW) -> object:
    return read_signed_request(raw, SECRET.encode(), now=now)


def test_a_right_one_says_who_and_when(facebook: Provider) -> None:
    signed = signed_request(SECRET, "42", issued_at=NOW - 5)
    assert facebook.read_removal(signed, now=NOW) == Removal("42", datetime.fromtimestamp(NOW - 5, UTC))


def test_only_facebook_sends_such_requests() -> None:
    loaded = {name: providers.load(name, {"client_id": "1", "client_secret": SECRET}) for name in providers.available()}
    assert [name for name, provider in loaded.items() if provider.tells_of_removal] == ["facebook"]
    with pytest.raises(ValueError, match="signs no such requests"):
        loaded["github"].read_removal(signed_request(SECRET), now=time.time())


SIGNED_BUT_WRONG = {
    "no algorithm": {"algorithm": None},
    "another algorithm": {"algorithm": "HMAC-SHA1"},
    "none": {"algorithm": "none"},
    "in small letters": {"algorithm": "hmac-sha256"},
    "a list of algorithms": {"algorithm": ["HMAC-SHA256"]},
    "no time": {"issued_at": None},
    "too old": {"issued_at": NOW - OLDEST - 1},
    "of the future": {"issued_at": NOW + NEWEST + 1},
    "a time as a text": {"issued_at": str(NOW)},
    "a time as a truth": {"issued_at": True},
    "a time with a fraction": {"issued_at": NOW + 0.5},
    "an endless time": {"issued_at": 10**400},
    "nobody": {"user_id": None},
    "a number": {"user_id": 42},
    "nothing but letters": {"user_id": "ada"},
    "a minus": {"user_id": "-42"},
    "zero first": {"user_id": "042"},
    "spaces": {"user_id": " 42"},
    "a list": {"user_id": ["42"]},
    "an endless number": {"user_id": "4" * 33},
}


@pytest.mark.parametrize("wrong", SIGNED_BUT_WRONG.values(), ids=SIGNED_BUT_WRONG)
def test_a_right_signature_over_the_wrong_thing_is_refused(facebook: Provider, wrong: dict[str, object]) -> None:
    facebook.read_removal(signed_request(SECRET, issued_at=NOW), now=NOW)
    with pytest.raises(ValueError, match=r"signed|subject"):
        facebook.read_removal(signed_request(SECRET, **{"issued_at": NOW, **wrong}), now=NOW)


RIGHT = signed_request(SECRET, "42", issued_at=NOW)
SIGNATURE, PAYLOAD = RIGHT.split(".")
TEXT = base64.urlsafe_b64decode(PAYLOAD + "=" * (-len(PAYLOAD) % 4)).decode()
MISSHAPEN = {
    "nothing": "",
    "one part": PAYLOAD,
    "no signature": f".{PAYLOAD}",
    "no second part": f"{SIGNATURE}.",
    "three parts": f"{RIGHT}.{PAYLOAD}",
    "the wrong way round": f"{PAYLOAD}.{SIGNATURE}",
    "padding after the signature": f"{SIGNATURE}=.{PAYLOAD}",
    "padding at the end": f"{RIGHT}=",
    "a line at the end": f"{RIGHT}\n",
    "a space before it": f" {RIGHT}",
    "a null in it": f"{SIGNATURE}\0.{PAYLOAD}",
    "a letter of another script": RIGHT.replace(SIGNATURE[3], "\u0430", 1),
    "a full-width digit": f"{SIGNATURE[:-1]}\uff11.{PAYLOAD}",
    "plain base64": sign(SECRET, encoded(b"\xfb\xff\xbf" + TEXT.encode())).replace("-", "+").replace("_", "/"),
    "a hex signature": f"{hmac.new(SECRET.encode(), PAYLOAD.encode(), hashlib.sha256).hexdigest()}.{PAYLOAD}",
    "half the signature": f"{SIGNATURE[:21]}.{PAYLOAD}",
    "another secret's": signed_request("another", "42", issued_at=NOW),
    "no secret's": signed_request("", "42", issued_at=NOW),
    "signed over what is in it": f"{encoded(hmac.digest(SECRET.encode(), TEXT.encode(), 'sha256'))}.{PAYLOAD}",
    "SHA-1": sign(SECRET, PAYLOAD, "sha1"),
    "SHA-512": sign(SECRET, PAYLOAD, "sha512"),
    "huge": "A" * 43 + "." + "A" * LONGEST,
    "signed, and huge": signed_request(SECRET, "42", issued_at=NOW, more="x" * LONGEST),
    "signed, with a spare bit": sign(SECRET, "e31"),
    "signed, and no JSON": sign(SECRET, encoded(b"\xff\xfe")),
    "signed, and a list": sign(SECRET, encoded(b"[]")),
    "signed, and a number": sign(SECRET, encoded(b"1")),
    "signed, and somebody twice": sign(SECRET, encoded(TEXT.replace("{", '{"user_id": "43", ', 1).encode())),
    "signed, and nested": sign(SECRET, encoded(b'{"a":' * 500 + b"1" + b"}" * 500)),
}


@pytest.mark.parametrize("raw", MISSHAPEN.values(), ids=MISSHAPEN)
def test_what_has_not_the_one_form_is_refused(raw: str) -> None:
    read(RIGHT)
    with pytest.raises(ValueError, match=r"sign|not ") as refused:
        read(raw)
    assert len(str(refused.value)) < 100
    assert not any(part and len(part) > 3 and part in str(refused.value) for part in raw.split(".")), "quotes nothing"


def naive(raw: str) -> object:
    """What is widely copied: it decodes leniently, and compares what came of it."""
    signature, _, payload = raw.partition(".")
    lenient = base64.urlsafe_b64decode(signature + "===")
    document = json.loads(base64.urlsafe_b64decode(payload + "==="))
    if document.get("algorithm") == "HMAC-SHA256":
        expected = hmac.digest(SECRET.encode(), payload.split(".")[0].rstrip("=").encode(), "sha256")
        if not hmac.compare_digest(expected, lenient[:32]):
            raise ValueError("wrong signature")
    return document


def mutated(draw: random.Random) -> str:
    """A change of the right one, or of the document in it."""
    raw = RIGHT
    match draw.randrange(9):
        case 0:  # another letter
            at = draw.randrange(len(raw))
            return raw[:at] + draw.choice(LETTERS) + raw[at + 1 :]
        case 1:  # one more
            at = draw.randrange(len(raw) + 1)
            return raw[:at] + draw.choice(LETTERS + "=. \n+/") + raw[at:]
        case 2:  # one fewer
            at = draw.randrange(len(raw))
            return raw[:at] + raw[at + 1 :]
        case 3:  # the last letter of the signature has two bits to spare
            return f"{SIGNATURE[:-1]}{draw.choice(LETTERS)}.{PAYLOAD}"
        case 4:  # padding, and what a lenient decoder drops
            return f"{SIGNATURE}{draw.choice(['=', '==', '!', '~', ' '])}.{PAYLOAD}{draw.choice(['', '='])}"
        case 5:  # somebody else, under the same signature
            return f"{SIGNATURE}.{encoded(TEXT.replace('42', str(draw.randrange(1, 10**9)), 1).encode())}"
        case 6:  # without an algorithm, or by another, and any signature
            document = {"algorithm": draw.choice(["none", "", "HMAC-MD5", None]), "issued_at": NOW, "user_id": "43"}
            signature = draw.choice([SIGNATURE, encoded(draw.randbytes(32)), ""])
            return f"{signature}.{encoded(json.dumps(document).encode())}"
        case 7:  # signed with something that is near to hand
            secret = draw.choice(["", "app-s3cre", "app-s3cret ", "1234567890", "APP-S3CRET"])
            return sign(secret, PAYLOAD, draw.choice(["sha256", "sha1", "md5"]))
        case _:  # swapped, doubled, cut
            at = draw.randrange(1, len(raw))
            return draw.choice([f"{PAYLOAD}.{SIGNATURE}", raw + raw, raw[:at], raw[at:], f"{raw}.", f".{raw}"])


def accepted(reader: Callable[[str], object], mutants: list[str]) -> int:
    found = 0
    for raw in mutants:
        try:
            reader(raw)
        except ValueError:
            continue
        except (AttributeError, TypeError):  # only the naive one gets so far
            assert reader is naive
            continue
        found += 1
    return found


@pytest.mark.parametrize("many", [500, pytest.param(10_000, marks=pytest.mark.full)])
def test_of_so_many_mutants_none_is_accepted_and_a_naive_reader_takes_some(many: int) -> None:
    draw = random.Random(100)
    mutants = []
    while len(mutants) < many:
        if (raw := mutated(draw)) != RIGHT:
            mutants.append(raw)
    read(RIGHT)
    assert accepted(read, mutants) == 0
    assert accepted(naive, mutants) > many / 100, "the negative control"
