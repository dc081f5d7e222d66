"""The pass: signed by us, for one session, under any key of the ring; nothing else is one."""

from __future__ import annotations

import secrets

import pytest

from portal.crypto import digest
from portal.domain_pass import DomainPass

NEW, OLD = "n" * 32, "o" * 32
USER, SECRET = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
SESSION = digest("Session", SECRET)


def make(*keys: str) -> DomainPass:
    return DomainPass(keys, domain="example.com")


def test_a_pass_names_its_session() -> None:
    assert make(NEW).read([make(NEW).make(USER, SESSION)]) == (USER, SESSION)


def test_it_holds_no_secret_of_the_session() -> None:
    assert SECRET not in make(NEW).make(USER, SESSION)


def test_under_a_new_key_an_older_pass_stays_good_and_the_new_key_signs() -> None:
    ring = make(NEW, OLD)
    assert ring.read([make(OLD).make(USER, SESSION)]) == (USER, SESSION)
    assert make(OLD).read([ring.make(USER, SESSION)]) is None


@pytest.mark.parametrize("other", [f"{'A' * 22}.{SESSION}", f"{USER}.{'A' * 43}"], ids=["another user", "session"])
def test_a_proof_is_for_one_user_and_one_session(other: str) -> None:
    proof = make(NEW).make(USER, SESSION).rpartition(".")[2]
    assert make(NEW).read([f"{other}.{proof}"]) is None


@pytest.mark.parametrize(
    "value",
    ["", "x", f"{USER}.{SECRET}", f"{USER}.{SESSION}.", f"{USER}.{SESSION}.{'A' * 43}", "é" * 110, "." * 10**6],
    ids=["nothing", "a letter", "a session cookie", "no proof", "a made-up proof", "no ASCII", "a megabyte"],
)
def test_what_we_did_not_sign_is_none(value: str) -> None:
    """T61. The session cookie's own form among them."""
    assert make(NEW).read([value]) is None


def test_what_follows_a_pass_makes_it_none() -> None:
    good = make(NEW).make(USER, SESSION)
    assert [make(NEW).read([good + more]) for more in ("x", ".", "\n", "x" * 5000)] == [None] * 4


def test_two_that_differ_are_none_whichever_comes_first() -> None:
    """A neighbour's own pass is as good as the person's; to take the first would be to let the neighbour choose."""
    ours, planted = make(NEW).make(USER, SESSION), make(NEW).make("N" * 22, digest("Session", "neighbour"))
    assert make(NEW).read([planted]) is not None, "by itself it is good"
    assert make(NEW).read([planted, ours]) is make(NEW).read([ours, planted]) is None
    assert make(NEW).read([ours, ours]) == (USER, SESSION)
    assert make(NEW).read([]) is None
