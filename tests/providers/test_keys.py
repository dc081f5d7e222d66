"""An issuer's keys: only those that can verify are taken, one look serves all, and a flood of odd ones is no flood."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest
import requests
import responses

from providers import _keys
from providers._keys import Key, KeySets, read_keys
from providers.base import Fault, ProviderError
from tests.providers.signing import ABSENT, JWKS, ec_key, encode, jwk, key_set, rsa_key


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sets(clock: Clock) -> KeySets:
    return KeySets(clock)


def kids(keys: tuple[Key, ...]) -> list[str | None]:
    return [key.kid for key in keys]


# What is a key.


def test_keys_of_both_kinds_are_taken_with_their_names_and_uses() -> None:
    keys = read_keys(key_set(jwk(rsa_key(), alg="RS256"), jwk(ec_key(), "e1"), jwk(rsa_key("unnamed"), None)))
    assert kids(keys) == ["k1", "e1", None]
    assert [[name for name in _keys.ALGORITHMS if key.fits(name)] for key in keys] == [
        ["RS256"],
        ["ES256"],
        ["RS256", "PS256"],
    ]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        "key",
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {"kty": "RSA", "n": "!" * 400, "e": "AQAB"},
        {"kty": "RSA", "n": "A" * 400, "e": "AQAB"},
        {"kty": "RSA", "n": jwk(rsa_key())["n"], "e": "AQ"},
        {"kty": "RSA", "n": jwk(rsa_key())["n"], "e": "Ag"},
        {"kty": "RSA", "n": jwk(rsa_key())["n"], "e": jwk(rsa_key())["n"]},
        {"kty": "RSA", "n": "_" * 4000, "e": "AQAB"},
        {"kty": ["RSA"], "n": jwk(rsa_key())["n"], "e": "AQAB"},
        jwk(rsa_key(), use="enc"),
        jwk(rsa_key(), use=None),
        jwk(rsa_key(), key_ops=["encrypt"]),
        jwk(rsa_key(), key_ops="verify"),
        jwk(rsa_key(), alg="RS512"),
        jwk(rsa_key(), alg="ES256"),
        jwk(rsa_key(), alg="none"),
        jwk(rsa_key(), alg="HS256"),
        jwk(rsa_key(), alg=7),
        jwk(ec_key(), alg="RS256"),
        jwk(rsa_key(), kid=7),
        jwk(rsa_key(), d=encode(b"published")),
        jwk(rsa_key("short", 1024)),
    ],
)
def test_what_can_not_verify_is_passed_over_and_does_not_spoil_the_others(odd: Any) -> None:
    assert kids(read_keys({"keys": [odd, jwk(rsa_key(), "good")]})) == ["good"]
    with pytest.raises(ProviderError) as caught:
        read_keys({"keys": [odd]})
    assert (caught.value.fault, caught.value.call) == (Fault.MALFORMED, "keys")


def test_a_key_without_use_or_with_operations_that_fit_is_taken() -> None:
    assert kids(read_keys(key_set(jwk(rsa_key(), use=ABSENT), jwk(rsa_key(), "k2", key_ops=["verify"])))) == [
        "k1",
        "k2",
    ]


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_a_set_without_keys_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ProviderError):
        read_keys(document)


def test_of_a_key_nothing_but_its_numbers_is_taken(http: requests.Session, net: responses.RequestsMock) -> None:
    """No other address is called than the key set's: `net` answers none."""
    net.get(JWKS, json=key_set(jwk(rsa_key(), x5u="https://169.254.169.254/", x5c=["AAAA"], jku="http://x")))
    (key,) = KeySets().load(http, JWKS)
    assert set(key.public.dict_value) == {"kty", "n", "e"}
    assert [call.request.url for call in net.calls] == [JWKS]


# When they are asked for.


def test_they_are_asked_for_once_as_long_as_the_answer_may_be_kept(
    http: requests.Session, net: responses.RequestsMock, sets: KeySets, clock: Clock
) -> None:
    net.get(JWKS, json=key_set(), headers={"Cache-Control": "max-age=600"})
    first = sets.load(http, JWKS)
    clock.now += 599
    assert sets.load(http, JWKS) is first, "the same objects: a key is made ready once"
    assert len(net.calls) == 1
    clock.now += 1
    sets.load(http, JWKS)
    assert len(net.calls) == 2


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        (requests.ConnectionError("no route"), Fault.UNREACHABLE),
        (requests.ReadTimeout(), Fault.SLOW),
        (None, Fault.STATUS),
    ],
)
def test_trouble_with_them_names_the_call(
    http: requests.Session, net: responses.RequestsMock, sets: KeySets, trouble: Exception | None, fault: Fault
) -> None:
    if trouble:
        net.get(JWKS, body=trouble)
    else:
        net.get(JWKS, status=503)
    with pytest.raises(ProviderError) as caught:
        sets.load(http, JWKS)
    assert (caught.value.fault, caught.value.call) == (fault, "keys")


def test_one_set_s_trouble_is_not_another_s(http: requests.Session, net: responses.RequestsMock, sets: KeySets) -> None:
    net.get(JWKS, json=key_set())
    with pytest.raises(ProviderError):
        sets.load(http, "https://gone.example.test/keys")
    assert sets.load(http, JWKS)


def test_a_flood_of_unknown_keys_is_one_call_a_minute(
    http: requests.Session, net: responses.RequestsMock, sets: KeySets, clock: Clock
) -> None:
    net.get(JWKS, json=key_set(), headers={"Cache-Control": "max-age=86400"})
    for _ in range(100):
        sets.renew(http, JWKS, sets.load(http, JWKS))
    assert len(net.calls) == 2, "the first look, and one more"
    clock.now += 59
    sets.renew(http, JWKS, sets.load(http, JWKS))
    assert len(net.calls) == 2
    clock.now += 1
    sets.renew(http, JWKS, sets.load(http, JWKS))
    assert len(net.calls) == 3


def test_without_the_pause_it_would_be_a_flood_of_calls(
    http: requests.Session, net: responses.RequestsMock, sets: KeySets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers._kept.COOL_DOWN", 0)
    net.get(JWKS, json=key_set())
    for _ in range(100):
        sets.renew(http, JWKS, sets.load(http, JWKS))
    assert len(net.calls) == 101


def test_one_set_s_pause_is_not_another_s(http: requests.Session, net: responses.RequestsMock, sets: KeySets) -> None:
    for url in (JWKS, f"{JWKS}/2"):
        net.get(url, json=key_set())
        sets.renew(http, url, sets.load(http, url))
    assert len(net.calls) == 4


def test_a_second_look_that_fails_takes_nothing_away(
    http: requests.Session, net: responses.RequestsMock, sets: KeySets, clock: Clock
) -> None:
    net.get(JWKS, json=key_set())
    known = sets.load(http, JWKS)
    net.replace(responses.GET, JWKS, status=500)
    with pytest.raises(ProviderError) as caught:
        sets.renew(http, JWKS, known)
    assert caught.value.call == "keys"
    assert sets.load(http, JWKS) is known
    assert sets.renew(http, JWKS, known) is known, "not at once again"
    net.replace(responses.GET, JWKS, json=key_set(jwk(rsa_key(), "new")))
    clock.now += 1
    assert kids(sets.renew(http, JWKS, known)) == ["new"], "but soon"


def renewals_of_eight_threads(sets: KeySets, net: responses.RequestsMock) -> int:
    """How many calls eight threads make that all lack the same new key at the same time."""
    net.get(JWKS, json=key_set(jwk(rsa_key(), "old")))
    with requests.Session() as http:
        seen = sets.load(http, JWKS)
    net.calls.reset()
    together = Barrier(8)

    def slow(_: Any) -> tuple[int, dict[str, str], str]:
        time.sleep(0.02)
        return 200, {}, responses.json_module.dumps(key_set(jwk(rsa_key(), "new")))

    net.remove(responses.GET, JWKS)
    net.add_callback("GET", JWKS, slow, content_type="application/json")

    def renew(_: int) -> list[str | None]:
        with requests.Session() as http:
            together.wait(5)
            return kids(sets.renew(http, JWKS, seen))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(renew, range(8))) == [["new"]] * 8
    return len(net.calls)


class Unguarded(KeySets):
    """The naive version: whoever lacks a key fetches."""

    def renew(self, http: requests.Session, url: str, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        return _keys._fetch(http, url)[0]


def test_eight_threads_that_lack_one_key_ask_once(net: responses.RequestsMock, sets: KeySets) -> None:
    assert renewals_of_eight_threads(sets, net) == 1


def test_without_the_lock_each_of_them_would_ask(net: responses.RequestsMock) -> None:
    assert renewals_of_eight_threads(Unguarded(), net) == 8
