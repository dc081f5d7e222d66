"""However a valid ID token is changed, it is not believed; and a careless verifier would have believed some."""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import RSAKey

from providers._claims import Expected
from providers._id_token import verify
from providers._keys import Key, read_keys
from providers.base import ProviderError
from tests.providers.signing import (
    ABSENT,
    ACCESS_TOKEN,
    CLIENT,
    ISSUER,
    NONCE,
    claims,
    decoded,
    dumped,
    ec_key,
    encode,
    header,
    jwk,
    key_set,
    maced,
    rsa_key,
    sign,
    signature,
)

ALPHABET = string.ascii_letters + string.digits + "-_"
ODD: list[Any] = [None, True, False, 0, 1, -1, 1.5, "", "0", "x", [], {}, [None], {"a": 1}, "a" * 300, 2**70, "\ud800"]
NOW = int(time.time())
BODY = claims(email="ada@example.test", email_verified=True, name="Ada Lovelace")
HEAD = header()
VALID = sign(BODY)  # once: all that isn't signed anew is made of this one
KEYS = read_keys(key_set(jwk(rsa_key()), jwk(rsa_key("the issuer's second"), "k2"), jwk(ec_key(), "e1")))
EXPECTED = Expected((ISSUER,), CLIENT, ("RS256", "ES256", "PS256"), NONCE, ACCESS_TOKEN)
CHECKED = ("iss", "aud", "azp", "sub", "nonce", "iat", "nbf", "exp", "at_hash")
OPTIONAL = ("azp", "nbf", "at_hash")


class Published:
    """The issuer's keys, the same at every look."""

    def load(self) -> tuple[Key, ...]:
        return KEYS

    def renew(self, seen: tuple[Key, ...]) -> tuple[Key, ...]:
        return seen


def believes(token: object) -> bool:
    try:
        verify(token, Published(), EXPECTED, now=NOW)
    except ProviderError:
        return False
    return True


# Ways to change a token. Each gives something else than VALID; who signs anew is said by the name.


def flips_a_bit(dice: random.Random) -> str:
    parts = [bytearray(decoded(part)) for part in VALID.split(".")]
    part = dice.choice(parts)
    part[dice.randrange(len(part))] ^= 1 << dice.randrange(8)
    return ".".join(encode(bytes(each)) for each in parts)


def changes_a_letter(dice: random.Random) -> str:
    """Also those whose change a careless decoder doesn't see: the unused bits of a part's last letter."""
    at = dice.choice([dice.randrange(len(VALID)), len(VALID) - 1])
    return VALID[:at] + dice.choice([c for c in ALPHABET + ".=+/ \n\0é" if c != VALID[at]]) + VALID[at + 1 :]


def inserts_or_drops(dice: random.Random) -> str:
    at = dice.randrange(len(VALID))
    if dice.random() < 0.5:
        return VALID[:at] + VALID[at + dice.randrange(1, 40) :]
    return VALID[:at] + dice.choice(["=", "==", " ", "\n", "\t", "\r\n", ".", "A", "\ufeff", "%00"]) + VALID[at:]


def cuts_short(dice: random.Random) -> str:
    return VALID[: dice.randrange(len(VALID))]


def shuffles_parts(dice: random.Random) -> str:
    parts = VALID.split(".")
    while (made := ".".join(dice.choice([*parts, "", "e30"]) for _ in range(dice.choice([2, 3, 3, 3, 4, 5])))) == VALID:
        pass
    return made


def rewrites_the_header(dice: random.Random) -> str:
    _, payload, sealed = VALID.split(".")
    return f"{dumped(_other_header(dice))}.{payload}.{dice.choice([sealed, ''])}"


def rewrites_the_claims(dice: random.Random) -> str:
    head, _, sealed = VALID.split(".")
    return f"{head}.{dumped(_wrong_claims(dice, any_name=True))}.{dice.choice([sealed, ''])}"


def spells_it_differently(dice: random.Random) -> str:
    """The same header or claims in another order or with spaces: what was signed are the bytes."""
    head, payload, sealed = VALID.split(".")
    space = " " * dice.randrange(1, 4)
    if dice.random() < 0.5:
        return f"{encode(json.dumps(HEAD, indent=dice.randrange(4)).encode())}.{payload}.{sealed}"
    order = dice.sample(sorted(BODY), len(BODY))
    return f"{head}.{encode((json.dumps({name: BODY[name] for name in order}) + space).encode())}.{sealed}"


def signs_with_nothing(dice: random.Random) -> str:
    name = dice.choice(["none", "None", "NONE", "nOnE", "", "HS256", "RS384"])
    sealed = dice.choice(["", "AA", VALID.split(".")[2]])
    return f"{dumped(HEAD | {'alg': name})}.{dumped(_maybe_other_claims(dice))}.{sealed}"


def takes_a_public_key_for_a_secret(dice: random.Random) -> str:
    public = jwk(rsa_key())
    secret = dice.choice([public["n"].encode(), decoded(public["n"]), json.dumps(public).encode(), b"", b"secret"])
    return maced(_maybe_other_claims(dice), HEAD | {"alg": dice.choice(["HS256", "HS384", "RS256"])}, secret)


def has_it_signed_by_a_stranger(dice: random.Random) -> str:
    stranger, more = rsa_key("a stranger's"), {}
    if dice.random() < 0.6:
        more = dice.choice([{"jwk": jwk(stranger)}, {"jku": "https://evil.example.test/k"}, {"x5c": ["AAAA"]}])
    kid = dice.choice(["k1", "k2", "e1", "stranger", ABSENT, None, "", 7, "../k1"])
    return sign(_maybe_other_claims(dice), header(kid=kid, **more), stranger)


def has_it_signed_by_another_key_of_the_issuer(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return sign(_maybe_other_claims(dice), header(kid="k1"), rsa_key("the issuer's second"))
    return sign(_maybe_other_claims(dice), header(kid=dice.choice(["k1", "k2"]), alg="ES256"), ec_key())


def has_it_signed_for_another_algorithm(dice: random.Random) -> str:
    """The right key, and a header that says another algorithm than it signed with."""
    wrong = header(alg=dice.choice(["PS256", "RS384", "RS512", "ES256", "EdDSA", "rs256"]))
    text = f"{dumped(wrong)}.{dumped(_maybe_other_claims(dice))}"
    return f"{text}.{encode(signature(text, 'RS256', rsa_key()))}"


def has_wrong_claims_signed(dice: random.Random) -> str:
    """By the issuer's own key: it is the claims that must be noticed."""
    return sign(_wrong_claims(dice))


def has_a_wrong_header_signed(dice: random.Random) -> str:
    return sign(_maybe_other_claims(dice), HEAD | dice.choice(WRONG_HEADERS))


def has_two_of_a_claim_signed(dice: random.Random) -> str:
    name = dice.choice(CHECKED)
    twice = json.dumps(BODY)[:-1] + f", {json.dumps(name)}: {json.dumps(dice.choice(ODD))}}}"
    text = f"{dumped(HEAD)}.{encode(twice.encode(errors='surrogatepass'))}"
    return f"{text}.{encode(signature(text, 'RS256', rsa_key()))}"


WRONG_HEADERS: list[dict[str, Any]] = [
    {"typ": "at+jwt"},
    {"typ": "logout+jwt"},
    {"typ": None},
    {"typ": ""},
    {"crit": ["exp"]},
    {"crit": []},
    {"crit": ["b64"], "b64": False},
    {"b64": False},
    {"kid": None, "typ": 7},
    {"kid": "k2"},
    {"kid": "e1"},
    {"kid": ["k1"]},
    {"alg": "RS512"},
    {"alg": None},
    {"alg": ["RS256"]},
]


def _other_header(dice: random.Random) -> dict[str, Any]:
    made = dict(HEAD)
    while made == HEAD:
        name = dice.choice(["alg", "kid", "typ", "crit", "jwk", "jku", "x5u", "b64", "cty", "zip"])
        value = dice.choice([*ODD, ABSENT, "none", "HS256", "PS256", "k2", ["exp"], jwk(rsa_key("a stranger's"))])
        made = {key: each for key, each in (HEAD | {name: value}).items() if each is not ABSENT}
    return made


def _wrong_claims(dice: random.Random, *, any_name: bool = False) -> dict[str, Any]:
    """Claims of which at least one is dropped, retyped or wrong; with `any_name`, perhaps one that nobody checks."""
    name = dice.choice([*CHECKED, "email", "email_verified", "name", "admin"] if any_name else CHECKED)
    far = dice.randrange(61, 10**9)
    wrong: dict[str, list[Any]] = {
        "iss": [ISSUER + "/", ISSUER.upper(), "https://evil.example.test", ISSUER[:-1]],
        "aud": ["other", CLIENT.upper(), ["other"], [CLIENT, "other", 7], [CLIENT, None]],
        "azp": ["other", CLIENT + "x", [CLIENT]],
        "sub": ["a b", "ä", "x" * 256, "a\n", "\0"],
        "nonce": [NONCE[:-1], NONCE + "x", NONCE.swapcase(), [NONCE]],
        "iat": [NOW + far, float(NOW + far), str(NOW)],
        "nbf": [NOW + far, str(NOW)],
        "exp": [NOW - far, str(NOW + 3600), NOW - 60, 2**40 + far],
        "at_hash": ["AAAA", at_hash_of_another(dice)],
    }
    choices = [*wrong.get(name, ["mallory"]), *ODD]
    if name not in OPTIONAL:
        choices.append(ABSENT)
    value = dice.choice(choices)
    harmless = {"sub": ("0", "x"), "iat": (0, 1, 1.5), "nbf": (0, 1, 1.5)}.get(name, ())
    if not any_name and not isinstance(value, bool) and value in harmless:
        value = None
    made = {key: each for key, each in (BODY | {name: value}).items() if each is not ABSENT}
    return made if made != BODY else made | {"nonce": "x"}


def at_hash_of_another(dice: random.Random) -> str:
    return encode(dice.randbytes(16))


def _maybe_other_claims(dice: random.Random) -> dict[str, Any]:
    return BODY | {"sub": f"mallory{dice.randrange(10**6)}"} if dice.random() < 0.9 else BODY


FREE = [
    flips_a_bit,
    changes_a_letter,
    inserts_or_drops,
    cuts_short,
    shuffles_parts,
    rewrites_the_header,
    rewrites_the_claims,
    spells_it_differently,
    signs_with_nothing,
    takes_a_public_key_for_a_secret,
]
SIGNED = [  # a signature costs half a millisecond
    has_it_signed_by_a_stranger,
    has_it_signed_by_another_key_of_the_issuer,
    has_it_signed_for_another_algorithm,
    has_wrong_claims_signed,
    has_a_wrong_header_signed,
    has_two_of_a_claim_signed,
]


# Careless verifiers, each of a kind that has been seen.


def _payload(token: str) -> Any:
    return json.loads(decoded(token.split(".")[1]))


def reads_without_verifying(token: str) -> bool:
    return _payload(token)["nonce"] == NONCE


def trusts_the_header_s_algorithm(token: str) -> bool:
    head = json.loads(decoded(token.split(".")[0]))
    if head["alg"].lower() == "none":
        return True
    if head["alg"] == "HS256":
        return token == maced(_payload(token), head, jwk(rsa_key())["n"].encode())
    return bool(jws.deserialize_compact(token, KEYS[0].public, [head["alg"]]).payload)


def trusts_the_token_s_own_key(token: str) -> bool:
    text, _, sealed = token.rpartition(".")
    own = RSAKey.import_key(json.loads(decoded(text.split(".")[0]))["jwk"])
    own.public_key.verify(decoded(sealed), text.encode(), padding.PKCS1v15(), SHA256())
    return True


def decodes_carelessly(token: str) -> bool:
    """Has the signature right, but not how it is written: one token has many spellings, and a list of those that were
    used already knows one of them."""
    head, payload, sealed = token.split(".")
    return decoded(sealed) == decoded(VALID.split(".")[2]) and (head, payload) == tuple(VALID.split(".")[:2])


CARELESS = [reads_without_verifying, trusts_the_header_s_algorithm, trusts_the_token_s_own_key, decodes_carelessly]


def carelessly_believed(token: str, verifier: Callable[[str], bool]) -> bool:
    try:
        return verifier(token)
    except Exception:  # noqa: BLE001 - whatever a careless verifier falls over, it did not believe
        return False


def _judge(seed: int, free: int, signed: int) -> tuple[int, dict[str, int]]:
    """How many different mutants there were, and how many of them each careless verifier believed. Ours: none."""
    dice = random.Random(seed)
    assert believes(VALID)
    seen: set[str] = set()
    fooled = dict.fromkeys((verifier.__name__ for verifier in CARELESS), 0)
    for makers, each in ((FREE, free), (SIGNED, signed)):
        for make in makers:
            for _ in range(each):
                mutant = make(dice)
                assert mutant != VALID, make.__name__
                assert not believes(mutant), f"{make.__name__} of seed {seed}: {mutant}"
                if mutant not in seen:
                    seen.add(mutant)
                    for verifier in CARELESS:
                        fooled[verifier.__name__] += carelessly_believed(mutant, verifier)
    return len(seen), fooled


def test_no_mutant_of_a_valid_id_token_is_believed() -> None:
    seen, fooled = _judge(seed=7, free=60, signed=15)
    assert seen > 500
    assert all(fooled.values()), f"each careless verifier believes some: {fooled}"


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_of_twenty_thousand_mutants_none_is_believed(seed: int) -> None:
    """T12. Different ones are counted, five thousand and more for each seed."""
    seen, fooled = _judge(seed, free=650, signed=250)
    assert seen >= 5_000
    assert all(fooled.values()), fooled
