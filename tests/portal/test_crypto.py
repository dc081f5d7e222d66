"""Sealing, deriving and digests: what was sealed opens for its owner, and for nobody and nothing else."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.crypto import TokenCipher, derive_key, digest
from portal.errors import SealError

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
OWNER = {"kind": "Token", "key": "oauth-1", "user": "user-1", "field": "sealed", "version": "1"}
names = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4)


@given(plain=st.binary(max_size=300), owner=names)
@example(plain=b"", owner=[])
def test_what_was_sealed_opens_for_its_owner(plain, owner):
    cipher = TokenCipher([OLD])
    assert cipher.unseal(cipher.seal(plain, *owner), *owner) == plain


@given(sealed_for=names, asked_by=names)
@example(sealed_for=["ab", "c"], asked_by=["a", "bc"])
@example(sealed_for=["a", ""], asked_by=["a"])
@example(sealed_for=["a\x00\x00\x00\x01b"], asked_by=["a", "b"])
def test_the_parts_of_an_owner_do_not_run_together(sealed_for, asked_by):
    cipher = TokenCipher([OLD])
    sealed = cipher.seal(b"token", *sealed_for)
    if sealed_for == asked_by:
        assert cipher.unseal(sealed, *asked_by) == b"token"
    else:
        assert digest(*sealed_for) != digest(*asked_by)
        assert reason_of(cipher, sealed, *asked_by) == "altered"


@pytest.mark.parametrize("part", OWNER)
def test_a_value_moved_to_another_owner_does_not_open(part):
    cipher = TokenCipher([OLD])
    sealed = cipher.seal(b"token", *OWNER.values())
    assert reason_of(cipher, sealed, *{**OWNER, part: "another"}.values()) == "altered"


def test_no_single_byte_of_an_envelope_can_be_changed():
    cipher = TokenCipher([OLD, NEW])  # two keys, so that a changed key id could name another one
    sealed = cipher.seal(b"token", "owner")
    for place in range(len(sealed)):
        for flipped in (0x01, 0x80, 0xFF):
            altered = bytearray(sealed)
            altered[place] ^= flipped
            reason = reason_of(cipher, bytes(altered), "owner")
            assert reason == ("version" if place < 1 else "key" if place < 9 else "altered"), place


def test_an_envelope_of_another_key_of_the_ring_does_not_open_under_its_name():
    of_new = TokenCipher([NEW]).seal(b"token", "owner")
    of_old = TokenCipher([OLD]).seal(b"token", "owner")
    swapped = of_old[:9] + of_new[9:]
    assert reason_of(TokenCipher([OLD, NEW]), swapped, "owner") == "altered"


@pytest.mark.parametrize("plain", [b"", b"token", b'{"access_token":"gho_1"}', bytes(100)])
def test_a_plain_value_is_never_taken_for_a_sealed_one(plain):
    assert reason_of(TokenCipher([OLD]), plain, "owner") in {"short", "version"}


@pytest.mark.parametrize("version", [0, 2, 0x80, 0xFF])
def test_another_version_is_refused(version):
    cipher = TokenCipher([OLD])
    sealed = bytes([version]) + cipher.seal(b"token", "owner")[1:]
    assert reason_of(cipher, sealed, "owner") == "version"


def test_an_envelope_cut_anywhere_is_refused():
    cipher = TokenCipher([OLD])
    sealed = cipher.seal(b"token", "owner")
    for length in range(len(sealed)):
        reason = reason_of(cipher, sealed[:length], "owner")
        assert reason == ("short" if length < len(sealed) - len(b"token") else "altered"), length
    assert reason_of(cipher, sealed + b"\x00", "owner") == "altered"


@given(st.binary(max_size=100))
def test_garbage_is_refused_and_nothing_else_happens(garbage):
    reason_of(TokenCipher([OLD]), garbage, "owner")


def test_an_envelope_of_today_opens_for_ever():
    """Made by hand after the module's description, so that a change of the form needs a new version byte."""
    envelope = "0101bdca2df4fc498b0707070707070707070707077b05cd3901bcc687ea11" + "2df03026b6428b27b7574b"
    assert TokenCipher([OLD]).unseal(bytes.fromhex(envelope), "Token", "oauth-1") == b"token"


def test_the_first_key_seals_and_all_open():
    before, during, after = TokenCipher([OLD]), TokenCipher([NEW, OLD]), TokenCipher([NEW])
    sealed_before, sealed_during = before.seal(b"a", "owner"), during.seal(b"b", "owner")
    assert during.unseal(sealed_before, "owner") == b"a"
    assert after.unseal(sealed_during, "owner") == b"b"
    assert reason_of(after, sealed_before, "owner") == "key"
    assert reason_of(before, sealed_during, "owner") == "key"


@pytest.mark.parametrize("keys", [[], [b""], [bytes(31)], [bytes(33)], [OLD, bytes(16)]])
def test_a_ring_is_one_or_more_keys_of_32_bytes(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        TokenCipher(keys)


def test_a_key_named_twice_does_no_harm():
    cipher = TokenCipher([OLD, NEW, OLD])
    assert TokenCipher([OLD]).unseal(cipher.seal(b"token")) == b"token"


def test_nonces_never_repeat():
    cipher = TokenCipher([OLD])
    assert len({cipher.seal(b"")[9:21] for _ in range(10_000)}) == 10_000


def test_no_key_shows_in_what_a_cipher_prints():
    cipher = TokenCipher([OLD, NEW])
    shown = repr(cipher) + str(cipher) + repr(vars(cipher))
    for key in (OLD, NEW):
        for form in (repr(key)[2:-1], key.hex(), base64.b64encode(key).decode(), str(list(key))):
            assert form not in shown


def test_no_key_shows_in_an_error():
    cipher = TokenCipher([OLD])
    with pytest.raises(SealError) as caught:
        cipher.unseal(TokenCipher([NEW]).seal(b"token"))
    assert str(caught.value) == "key"
    assert caught.value.__cause__ is None


def test_each_purpose_has_a_key_of_its_own():
    secret = "s" * 40
    keys = [derive_key(secret, purpose) for purpose in ("flow cookie", "flask session", "csrf", "", "flow cookie ")]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}
    assert derive_key(secret, "csrf") == derive_key(secret, "csrf") != derive_key(secret + "s", "csrf")
    assert secret.encode() not in b"".join(keys)


@given(names, names)
def test_a_digest_is_43_characters_that_a_key_and_a_cookie_may_hold(one, other):
    assert len(digest(*one)) == 43
    assert set(digest(*one)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_digest_stays_what_it_was():
    """Rows are found by it: a change of its form would make everybody a stranger."""
    found_by = "q-XrSMglDmvniKojqsMbeWzYQ0cO0E5FiPcLpxzs7Ds"
    assert digest("OAuth", "https://github.com/login/oauth", "583231") == found_by


def reason_of(cipher: TokenCipher, sealed: bytes, *owner: str) -> str:
    with pytest.raises(SealError) as caught:
        cipher.unseal(sealed, *owner)
    return caught.value.reason
