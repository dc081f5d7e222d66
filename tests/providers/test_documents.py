"""A document is read strictly or not at all, and its claims are taken only as what they say they are."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers._documents import MAX_TEXT, claim, claim_address, claim_url, decode, is_safe_url

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
any_text = st.text(st.characters(exclude_categories=[]))  # surrogates, too: JSON can carry them


@given(values)
def test_what_json_can_say_is_read_as_it_was_meant(value):
    assert decode(json.dumps(value).encode()) == value


@given(st.binary())
@example(b"[" * 65536)
@example(b"1" * 5000)
@example(b'"\\ud800"')
@example(b"\xef\xbb\xbf{}")
def test_arbitrary_bytes_are_read_or_refused_with_a_value_error(body):
    with suppress(ValueError):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'{"id": 1, "id": 2}',
        b'{"a": {"id": 1, "id": 1}}',
        b'{"id": NaN}',
        b'{"id": -Infinity}',
        b'{"id": 1e999}',
        b'{"id": 007}',
        b'{"id": 1',
        b'{"name": "\xff"}',
        '{"name": "ä"}'.encode("latin-1"),
        '{"name": "ä"}'.encode("utf-16"),
        b"9" * 5000,
        b'{"a":' * 21 + b"1" + b"}" * 21,
        b"[" * 21 + b"]" * 21,
        b"[" * 60_000,
    ],
)
def test_a_document_that_could_be_read_in_two_ways_is_refused(body):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the words
        decode(body)


def test_twenty_levels_are_read():
    assert decode(b"[" * 20 + b"]" * 20) is not None


def test_an_integer_beyond_a_double_is_exact():
    assert decode(b'{"id": 9007199254740993}') == {"id": 9007199254740993}


@given(st.dictionaries(st.just("it"), values | any_text), st.sampled_from([str, int, bool, float, dict, list]))
def test_a_claim_is_of_its_type_or_none(document, kind):
    value = claim(document, "it", kind)
    assert value is None or type(value) is kind


@given(any_text)
def test_a_text_is_clean_short_and_storable(text):
    cleaned = claim({"it": text}, "it", str)
    if cleaned is not None:
        assert 0 < len(cleaned.encode("utf-8")) <= MAX_TEXT
        assert cleaned == cleaned.strip()
        assert claim({"it": cleaned}, "it", str) == cleaned


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "", "  ", "\u200b\u202e\x00", "\u3164", [], {}])
def test_what_says_nothing_is_no_text(value):
    assert claim({"it": value}, "it", str) is None


@pytest.mark.parametrize(("value", "kind"), [(True, int), (1, bool), (1, float), ("1", int), (1.0, int)])
def test_no_type_stands_in_for_another(value, kind):
    assert claim({"it": value}, "it", kind) is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  Zoë \n", "Zoë"),
        ("moc.elpmaxe@nimda\u202e", "moc.elpmaxe@nimda"),
        ("ad\u200bmin\x00\x1b[31m", "admin[31m"),
        ("a\ud800b", "ab"),
        ("李小龍 🐉", "李小龍 🐉"),
        ("x" * 1_000_000, "x" * 256),
        ("é" * 200, "é" * 128),
        ("x" + "🐉" * 100, "x" + "🐉" * 63),
    ],
)
def test_a_name_loses_what_deceives_and_what_is_too_much(sent, kept):
    assert claim({"name": sent}, "name", str) == kept


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "Ada.L+x@Example.COM", "josé@exämple.org", '"quoted"@example.com', "a" * 242 + "@example.com"],
)
def test_an_address_is_taken_as_it_is(address):
    assert claim_address({"email": address}, "email") == address
    assert claim_address({"email": f" {address}\n"}, "email") == address


@pytest.mark.parametrize(
    "address",
    [
        None,
        7,
        True,
        ["ada@example.com"],
        "",
        "ada",
        "@example.com",
        "ada@",
        "a@b@example.com",
        "a@example.com,b@example.com",
        "a b@example.com",
        "a\u00a0b@example.com",
        "ad\u200bmin@example.com",
        "ada@example.com\x00",
        "ada@exa\u202emple.com",
        "evil\uff20corp.test@gmail.com",  # NFKC makes it a second "@"
        "a\uff0cb@example.com",  # and this a comma
        "a\ud800@example.com",
        "a" * 243 + "@example.com",
        "é" * 300 + "@example.com",
    ],
)
def test_an_odd_address_is_no_address_rather_than_another_one(address):
    assert claim_address({"email": address}, "email") is None


@given(any_text)
def test_an_address_is_found_or_none_whatever_is_sent(text):
    address = claim_address({"email": text}, "email")
    assert address is None or (address.count("@") == 1 and len(address) <= 254 and address == text.strip())


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "http://localhost:8001/authorize",
        "http://127.0.0.1:8001",
        "http://[::1]/x",
        "https://10.0.0.7/x",
    ],
)
def test_https_and_loopback_are_safe(url):
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://169.254.43518/",
        "https://169.254.0xa9fe./",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "https://",
        "https://user@example.com/",
        "https://example.com@evil.test/",
        "https://example.com:99999/",
        "https://example.com/#x",
        "https://example.com\\@evil.test/",
        "https://exam\tple.com/",
        "https://example.com/\n",
        "https://exämple.com/",
        "https://[::1",
    ],
)
def test_every_other_address_is_not(url):
    assert not is_safe_url(url)


@given(any_text)
def test_judging_an_address_never_fails(url):
    assert is_safe_url(url) in (True, False)


@pytest.mark.parametrize(
    "url", [None, 7, {}, "http://example.com/x.png", "data:image/png,x", "https://a/" + "x" * 2048]
)
def test_a_picture_that_is_no_https_address_is_none(url):
    assert claim_url({"picture": url}, "picture") is None
