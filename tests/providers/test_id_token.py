"""An ID token is believed only if everything about it is right (T11, T12, T15, T92)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers._claims import Expected, check_recent
from providers._id_token import verify
from providers._keys import Key, read_keys
from providers.base import Fault, ProviderError
from tests.providers.signing import (
    ABSENT,
    ACCESS_TOKEN,
    CLIENT,
    ISSUER,
    NONCE,
    at_hash,
    claims,
    decoded,
    dumped,
    ec_key,
    encode,
    header,
    jwk,
    maced,
    rsa_key,
    sign,
    signature,
)

NOW = int(time.time())


class Shelf:
    """Keys as the issuer publishes them; `next` is what a second look finds."""

    def __init__(self, *keys: dict[str, Any], then: list[dict[str, Any]] | None = None) -> None:
        self.now = read_keys({"keys": list(keys) or [jwk(rsa_key())]})
        self.then = self.now if then is None else read_keys({"keys": then})
        self.looks: list[str] = []

    def load(self) -> tuple[Key, ...]:
        self.looks.append("load")
        return self.now

    def renew(self, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        assert seen is self.now
        self.looks.append("renew")
        return self.then


def expected(**changed: Any) -> Expected:
    right = {"issuers": (ISSUER,), "client_id": CLIENT, "algorithms": ("RS256",), "nonce": NONCE}
    return Expected(**(right | {"access_token": ACCESS_TOKEN} | changed))


def read(token: object, keys: Shelf | None = None, **changed: Any) -> dict[str, Any]:
    return verify(token, keys or Shelf(), expected(**changed), now=NOW)


def fault_of(token: object, keys: Shelf | None = None, **changed: Any) -> Fault:
    with pytest.raises(ProviderError) as caught:
        read(token, keys, **changed)
    assert caught.value.call == "token"
    return caught.value.fault


def test_a_right_one_is_read() -> None:
    body = claims(email="ada@example.test")
    assert read(sign(body)) == body


@pytest.mark.parametrize("left_out", ["azp", "nbf", "at_hash"])
def test_what_is_optional_may_be_missing(left_out: str) -> None:
    assert left_out not in read(sign(claims(**{left_out: ABSENT})))


def test_other_header_fields_are_passed_over() -> None:
    more = {"x5t": "abc", "jku": "https://evil.example.test/keys", "x5c": ["A" * 3000], "pi.atm": "1"}
    assert read(sign(claims(), header(**more)))


@pytest.mark.parametrize("kind", [ABSENT, "JWT", "jwt", "application/jwt"])
def test_its_type_is_jwt_where_it_is_told(kind: object) -> None:
    assert read(sign(claims(), header(typ=kind)))


@pytest.mark.parametrize(
    "changed",
    [
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": ""},
        {"typ": None},
        {"typ": ["JWT"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"kid": 7},
        {"kid": ["k1"]},
        {"kid": {}},
        {"alg": ABSENT},
        {"alg": None},
        {"alg": ["RS256"]},
        {"alg": "rs256"},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": "none"},
        {"alg": "HS256"},
    ],
)
def test_a_header_that_is_not_as_agreed_stops_before_any_key_is_asked_for(changed: dict[str, Any]) -> None:
    keys = Shelf()
    assert fault_of(sign(claims(), header(**changed)), keys) is Fault.MALFORMED
    assert keys.looks == []


@pytest.mark.parametrize("head", ['{"alg":"RS256","alg":"none","kid":"k1"}', "[]", "null", '"RS256"', "{", "", "{}x"])
def test_a_header_that_two_readers_would_read_differently_is_refused(head: str) -> None:
    _, payload, signature = sign(claims()).split(".")
    assert fault_of(f"{encode(head.encode())}.{payload}.{signature}") is Fault.MALFORMED


@pytest.mark.parametrize("secret", ["pem", "n", "client"])
def test_a_public_key_is_no_secret(secret: str) -> None:
    pem = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = {"pem": pem, "n": jwk(rsa_key())["n"].encode(), "client": b"the client secret"}[secret]
    assert fault_of(maced(claims(), header(alg="HS256"), text)) is Fault.MALFORMED
    assert fault_of(maced(claims(), header(), text)) is Fault.MALFORMED


def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    mine = rsa_key("a stranger's")
    for field in ({"jwk": jwk(mine)}, {"jku": "https://evil.example.test/k"}, {"x5u": "https://evil.example.test/c"}):
        assert fault_of(sign(claims(), header(**field), mine)) is Fault.MALFORMED


def test_a_wrong_signature_is_refused_without_a_second_look() -> None:
    keys = Shelf()
    assert fault_of(sign(claims(), key=rsa_key("a stranger's")), keys) is Fault.MALFORMED
    assert keys.looks == ["load"]


@pytest.mark.parametrize(
    "spoil", [lambda p: p + "=", lambda p: p + "\n", lambda p: " " + p, lambda p: p + "A", str.lower]
)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_there_is_one_spelling_only(spoil: Any, part: int) -> None:
    parts = sign(claims()).split(".")
    parts[part] = spoil(parts[part])
    assert fault_of(".".join(parts)) is Fault.MALFORMED


def test_the_unused_bits_of_the_last_letter_are_zero() -> None:
    token = sign(claims())
    last = token[-1]  # 256 bytes end in a letter of which four bits are unused
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + letters[letters.index(last) + 1]
    assert decoded(other.split(".")[2]) == decoded(token.split(".")[2]), "a careless decoder sees no difference"
    assert fault_of(other) is Fault.MALFORMED


@pytest.mark.parametrize(
    "token", [None, 7, True, b"a.b.c", [], {}, "", "a", "a.b", "..", "a.b.c.d", "ü.ü.ü", "x" * 9**6]
)
def test_what_is_no_compact_jws_is_refused(token: object) -> None:
    assert fault_of(token) is Fault.MALFORMED


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", '{"sub":"a","sub":"b"}', "NaN", ""])
def test_claims_that_are_no_object_are_refused_though_they_are_signed(body: str) -> None:
    text = f"{dumped(header())}.{encode(body.encode())}"
    assert fault_of(f"{text}.{encode(signature(text, 'RS256', rsa_key()))}") is Fault.MALFORMED


# Which key.


def test_a_token_without_kid_is_verified_where_there_is_one_key() -> None:
    token = sign(claims(), header(kid=ABSENT))
    assert read(token)
    assert read(token, Shelf(jwk(rsa_key()), jwk(rsa_key("other"), "k2", use="enc"), jwk(ec_key(), "k3")))


def test_a_token_without_kid_is_refused_where_there_are_several_keys() -> None:
    keys = Shelf(jwk(rsa_key()), jwk(rsa_key("other"), "k2"))
    assert fault_of(sign(claims(), header(kid=ABSENT)), keys) is Fault.MALFORMED
    assert keys.looks == ["load"]


def test_two_keys_of_one_name_are_refused() -> None:
    assert fault_of(sign(claims()), Shelf(jwk(rsa_key()), jwk(rsa_key("other")))) is Fault.MALFORMED


def test_an_unknown_kid_has_the_keys_looked_up_once_more() -> None:
    keys = Shelf(jwk(rsa_key("old"), "k0"), then=[jwk(rsa_key("old"), "k0"), jwk(rsa_key())])
    assert read(sign(claims()), keys)
    assert keys.looks == ["load", "renew"]
    gone = Shelf(jwk(rsa_key("old"), "k0"))
    assert fault_of(sign(claims()), gone) is Fault.MALFORMED
    assert gone.looks == ["load", "renew"]


def test_an_issuer_that_names_no_keys_may_change_them() -> None:
    keys = Shelf(jwk(rsa_key("old"), None), then=[jwk(rsa_key(), None)])
    assert read(sign(claims(), header(kid=ABSENT)), keys)
    assert keys.looks == ["load", "renew"]


def test_the_named_key_and_no_other_verifies() -> None:
    keys = Shelf(jwk(rsa_key()), jwk(rsa_key("other"), "k2"))
    assert read(sign(claims(), header(kid="k2"), rsa_key("other")), keys)
    assert fault_of(sign(claims(), header(kid="k2")), keys) is Fault.MALFORMED


@pytest.mark.parametrize(
    "only", [{"alg": "PS256"}, {"key_ops": ["encrypt", "verify"], "alg": "PS256"}, {"alg": "PS256", "use": "sig"}]
)
def test_a_key_for_another_algorithm_does_not_fit(only: dict[str, Any]) -> None:
    assert fault_of(sign(claims()), Shelf(jwk(rsa_key(), **only))) is Fault.MALFORMED


def test_elliptic_curves_and_pss_are_taken_where_the_issuer_announces_them() -> None:
    keys, both = Shelf(jwk(rsa_key()), jwk(ec_key(), "e1")), ("RS256", "ES256", "PS256")
    elliptic = sign(claims(), header(alg="ES256", kid="e1"), ec_key())
    pss = sign(claims(), header(alg="PS256"))
    for token in (elliptic, pss):
        assert read(token, keys, algorithms=both)
        assert fault_of(token, keys) is Fault.MALFORMED
    assert fault_of(sign(claims(), header(alg="ES256"), ec_key()), keys, algorithms=both) is Fault.MALFORMED
    assert fault_of(sign(claims(), header(kid="e1")), keys, algorithms=both) is Fault.MALFORMED


# The claims.


@pytest.mark.parametrize("iss", [ABSENT, None, "", ISSUER + "/", ISSUER.upper(), ISSUER[:-1], [ISSUER], 7, {"a": 1}])
def test_another_issuer_is_refused(iss: object) -> None:
    assert fault_of(sign(claims(iss=iss))) is Fault.MALFORMED


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ABSENT},
        {"aud": None},
        {"aud": ""},
        {"aud": "other"},
        {"aud": CLIENT + " "},
        {"aud": []},
        {"aud": ["other"]},
        {"aud": [CLIENT, 7]},
        {"aud": {CLIENT: 1}},
        {"aud": [[CLIENT]]},
        {"azp": "other"},
        {"azp": None},
        {"azp": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": ABSENT},
        {"aud": [CLIENT, "other"], "azp": "other"},
    ],
)
def test_a_token_for_another_client_is_refused(changed: dict[str, Any]) -> None:
    assert fault_of(sign(claims(**changed))) is Fault.MALFORMED


@pytest.mark.parametrize("aud", [CLIENT, [CLIENT], [CLIENT, "other"], ["other", CLIENT]])
def test_a_token_for_us_may_be_for_others_too(aud: object) -> None:
    assert read(sign(claims(aud=aud)))


def test_without_a_client_id_no_token_is_for_us() -> None:
    assert fault_of(sign(claims(aud="", azp=ABSENT)), client_id="") is Fault.MALFORMED


@pytest.mark.parametrize("sub", [ABSENT, None, 7, 1.5, True, "", " ", "a b", "ä", "a\n", "a\0", "x" * 256, ["a"], {}])
def test_a_subject_that_is_no_short_ascii_text_is_refused(sub: object) -> None:
    assert fault_of(sign(claims(sub=sub))) is Fault.SUBJECT


@pytest.mark.parametrize("sub", ["x" * 255, "0123", "AbC", "https://id.example.test/~ada"])
def test_a_subject_is_kept_to_the_letter(sub: str) -> None:
    assert read(sign(claims(sub=sub)))["sub"] == sub


@pytest.mark.parametrize("nonce", [ABSENT, "", "other", NONCE + "x", NONCE[:-1], None, 7, [NONCE], "ü", "\ud800"])
def test_another_nonce_is_refused(nonce: object) -> None:
    """T11."""
    assert fault_of(sign(claims(nonce=nonce))) is Fault.MALFORMED


@pytest.mark.parametrize("given", ["", None, 7, [], at_hash("another"), at_hash()[:-1], at_hash() + "=="])
def test_another_access_token_s_hash_is_refused(given: object) -> None:
    assert fault_of(sign(claims(at_hash=given))) is Fault.MALFORMED


@pytest.mark.parametrize(
    "value", [None, True, "1700000000", -1, 1e300, 2**63, 10**400, 1_700_000_000_000, [1_700_000_000], {}]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_time_is_a_number_of_seconds(name: str, value: object) -> None:
    assert fault_of(sign(claims(**{name: value}))) is Fault.MALFORMED


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_time_is_told(name: str) -> None:
    assert fault_of(sign(claims(**{name: ABSENT}))) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [("exp", -59, -60), ("iat", -7200, -7201), ("iat", 60, 61), ("nbf", 60, 61), ("nbf", 60.0, 60.5)],
)
def test_two_clocks_may_differ_by_a_minute_and_a_token_be_two_hours_old_but_no_more(
    name: str, within: float, beyond: float
) -> None:
    early = {"iat": NOW - 3000} if name == "exp" else {}
    assert read(sign(claims(**early, **{name: NOW + within})))
    assert fault_of(sign(claims(**early, **{name: NOW + beyond}))) is Fault.CLOCK


def test_a_token_that_ends_before_it_begins_is_no_matter_of_clocks() -> None:
    assert fault_of(sign(claims(iat=NOW, exp=NOW))) is Fault.MALFORMED


def test_a_token_with_something_else_wrong_is_not_put_down_to_the_clock() -> None:
    assert fault_of(sign(claims(iat=NOW - 7200, exp=NOW - 3600, nonce="another"))) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("proved", "fault"),
    [
        (0, None),
        (-60, None),
        (-61, Fault.NOT_RECENT),
        (-86400, Fault.NOT_RECENT),
        (ABSENT, Fault.NOT_RECENT),
        (95, Fault.CLOCK),
    ],
)
def test_a_proof_is_recent_if_it_was_given_after_it_was_asked_for(proved: Any, fault: Fault | None) -> None:
    told = {} if proved is ABSENT else {"auth_time": NOW - 30 + proved}
    if fault is None:
        check_recent(told, NOW - 30, now=NOW)
        return
    with pytest.raises(ProviderError) as caught:
        check_recent(told, NOW - 30, now=NOW)
    assert caught.value.fault is fault


@pytest.mark.parametrize("value", [True, None, "1700000000", [NOW]])
def test_a_proof_s_time_is_a_number(value: object) -> None:
    with pytest.raises(ProviderError) as caught:
        check_recent({"auth_time": value}, NOW, now=NOW)
    assert caught.value.fault is Fault.MALFORMED
