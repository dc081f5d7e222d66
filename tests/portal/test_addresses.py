"""Addresses as they are compared: spellings of one address meet, two addresses never do (T38)."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.addresses import normalise_address

# Parts that meet rarely in random text: what separates, folds, hides or turns round.
TRICKS = [
    "@",
    "＠",
    ".",
    "。",
    ",",
    '"',
    "\\",
    " ",
    "\u3000",
    "\u00ad",
    "\u200b",
    "\u202e",
    "ß",
    "ı",
    "İ",
    "ﬃ",
    "xn--",
    "\ud800",
]
addresses = st.lists(st.sampled_from([*TRICKS, "ada", "Ada", "example", "com"]) | st.text(max_size=3), max_size=8).map(
    "".join
)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("Ada@Example.COM", "ada@example.com"),
        ("ＡＤＡ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"),
        ("ada@example。com", "ada@example.com"),
        ("ﬃnn@example.com", "ffinn@example.com"),
        ("ÅDA@example.com", "åda@example.com"),  # composed, and from A with a ring
        ("A\u030ada@example.com", "åda@example.com"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@XN--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),
    ],
)
def test_spellings_of_one_address_are_one(written, compared):
    assert normalise_address(written) == compared


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "аda@example.com"),  # a Cyrillic letter in front
        ("ada@example.com", "ada@exаmple.com"),
        ("ada@faß.example", "ada@fass.example"),  # two domains, two owners
        ("ada@example.com", "ada@example.com.evil.example"),
        ("i@example.com", "ı@example.com"),  # a dotless i, which `.upper()` would make a plain one
        ("ada+shop@example.com", "ada@example.com"),  # only the mailbox's provider may say that these are one
        ("a.da@example.com", "ada@example.com"),
    ],
)
def test_two_addresses_stay_two(one, other):
    assert None not in {normalise_address(one), normalise_address(other)}
    assert normalise_address(one) != normalise_address(other)


@pytest.mark.parametrize(
    "trick",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@@example.com",
        "ada@evil.example@example.com",
        "ada＠evil.example@example.com",  # full-width, a plain @ to whoever folds it later
        "ada@evil.example,bob@example.com",
        "ada，bob@example.com",
        "ada;bob@example.com",
        '"ada@evil.example"@example.com',
        '"ada"@example.com',
        "ada\\@evil.example@example.com",
        "Ada <ada@example.com>",
        "ada(comment)@example.com",
        "ada@[127.0.0.1]",
        "ada b@example.com",
        "ada\u3000b@example.com",
        "ada\u00a0b@example.com",
        "ada\r\nBcc: bob@example.com",
        "ada\t@example.com",
        "ada\0@example.com",
        "a\u200bda@example.com",  # zero width
        "a\u00adda@example.com",  # soft hyphen
        "ada@exam\u00adple.com",
        "\u202emoc.elpmaxe@ada",  # bidi
        "ada\u2066@example.com",
        "\ud800@example.com",  # half a character
        "ada@example.com.",  # the same host to a resolver, another text to us
        "ada@example.com。",
        "ada@.example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@exa_mple.com",
        "ada@example.com/path",
        "ada@xn--\u0430.com",
        "ada@xn--zzzzzzzz.com",
        f"ada@{'a' * 64}.com",
        "a" * 243 + "@example.com",  # 255
        "ﷺ" * 20 + "@example.com",  # 32 characters that fold to 372
        "@" * 100_000,
    ],
)
def test_a_trick_is_no_address(trick):
    assert normalise_address(trick) is None


def test_the_longest_address_is_254_characters():
    longest = "a" * 242 + "@example.com"
    assert normalise_address(longest) == longest


@given(addresses)
@example("ada@" + "\u0345" * 5 + ".com")
@example("a" * 1_000 + "@" + "ü" * 1_000 + ".com")
def test_whatever_is_given_the_answer_is_one_plain_address_or_none(written):
    compared = normalise_address(written)
    if compared is None:
        return
    local, at, domain = compared.partition("@")
    assert local
    assert at
    assert "@" not in domain
    assert domain.isascii()
    assert domain == domain.lower()
    assert len(compared) <= 254
    assert compared.isprintable()
    assert not any(character.isspace() or character in '<>(),;:\\"[]' for character in compared)


@given(addresses)
@example("ß\u0301@example.com")  # folds to ss and an accent, and the second s with its accent is one letter
@example("ΐ@example.com")
def test_what_is_compared_compares_as_itself(written):
    compared = normalise_address(written)
    assert compared is None or normalise_address(compared) == compared


@given(st.characters())
def test_a_single_character_is_no_way_round(character):
    """Each character alone, where the lists above name only some: idempotent and never an error."""
    for written in (f"{character}@example.com", f"a{character}b@example.com", f"ada@a{character}b.example"):
        compared = normalise_address(written)
        assert compared is None or normalise_address(compared) == compared
        if compared is not None and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert character not in compared
