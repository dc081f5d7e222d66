"""What waits for a press: sealed, for one browser, of one purpose, ten minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.crypto import TokenCipher
from portal.models import Pending, User
from portal.pending import LIFETIME, RECOVERY_LIFETIME, make_pending, make_recovery, open_pending, pending_id
from portal.records import Arrival
from providers.base import EmailTrust
from tests.portal.desk import CANARY, CIPHER, make_arrival

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = User("ada", "Ada", None, NOW, "active", 3, ("ada-github",))
ARRIVAL = make_arrival(email="ada@example.com", expires=NOW + timedelta(hours=1))


def waiting(arrival: Arrival = ARRIVAL, *, user: User | None = None) -> Pending:
    return make_pending("secret", "link", arrival, cipher=CIPHER, now=NOW, user=user)


@pytest.mark.parametrize(
    "arrival",
    [
        ARRIVAL,
        replace(ARRIVAL, token=None, expires=None, scopes=()),
        make_arrival("facebook"),
        make_arrival("google", email="ada@gmail.com", trust=EmailTrust.AUTHORITATIVE),
        replace(ARRIVAL, identity=replace(ARRIVAL.identity, name=None, login=None, avatar="https://example.com/Ü.png")),
    ],
    ids=["all", "no token", "no address", "authoritative", "odd names"],
)
def test_what_waited_comes_back_as_it_was(arrival: Arrival) -> None:
    assert open_pending(waiting(arrival), "link", cipher=CIPHER, now=NOW) == arrival


def test_it_waits_ten_minutes_and_not_a_moment_longer() -> None:
    assert timedelta(minutes=10) == LIFETIME
    moment = timedelta(microseconds=1)
    assert open_pending(waiting(), "link", cipher=CIPHER, now=NOW + LIFETIME - moment)
    assert open_pending(waiting(), "link", cipher=CIPHER, now=NOW + LIFETIME) is None


@pytest.mark.parametrize("purpose", ["sign-up", "recover", "", "LINK"])
def test_what_waits_for_one_end_serves_no_other(purpose: str) -> None:
    assert open_pending(waiting(), purpose, cipher=CIPHER, now=NOW) is None


def test_nothing_waits_where_there_is_nothing() -> None:
    assert open_pending(None, "link", cipher=CIPHER, now=NOW) is None


def test_what_was_moved_to_another_record_does_not_open() -> None:
    """Who writes the store could else put an identity of their own behind somebody's secret (T73)."""
    moved = replace(waiting(), id=pending_id("another secret"))
    assert open_pending(moved, "link", cipher=CIPHER, now=NOW) is None


def test_what_was_altered_or_sealed_elsewhere_does_not_open() -> None:
    pending = waiting()
    assert pending.sealed is not None
    altered = replace(pending, sealed=pending.sealed[:-1] + bytes([pending.sealed[-1] ^ 1]))
    for sealed in (altered, replace(pending, sealed=b"")):
        assert open_pending(sealed, "link", cipher=CIPHER, now=NOW) is None
    assert open_pending(pending, "link", cipher=TokenCipher([b"o" * 32]), now=NOW) is None


def test_the_record_shows_neither_who_waits_nor_the_token_nor_the_secret() -> None:
    shown = repr(waiting(user=ADA))
    for hidden in (CANARY, "ada@example.com", "github", "secret'"):
        assert hidden not in shown
    assert pending_id("secret") != pending_id("Secret")


def test_it_belongs_to_a_user_as_they_were_where_that_is_settled() -> None:
    assert (waiting(user=ADA).user_id, waiting(user=ADA).epoch) == ("ada", 3)
    assert (waiting().user_id, waiting().epoch) == (None, None)


def test_a_recovery_link_holds_no_identity_and_lives_a_quarter_of_an_hour() -> None:
    recovery = make_recovery("secret", ADA, NOW)
    assert recovery == Pending(pending_id("secret"), "recover", "ada", 3, None, NOW + RECOVERY_LIFETIME)
    assert timedelta(minutes=15) == RECOVERY_LIFETIME
    assert open_pending(recovery, "recover", cipher=CIPHER, now=NOW) is None
