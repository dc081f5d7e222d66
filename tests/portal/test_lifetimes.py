"""The limits of a session: comparisons with stored times, right to the moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.lifetimes import Lifetimes
from portal.models import Session

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
LIMITS = Lifetimes()


def session(*, shared: bool = False, limits: Lifetimes = LIMITS) -> Session:
    ends = NOW + limits.absolute_of(shared=shared)
    return Session("s", "u", 0, "f", "o", NOW, NOW, ends, NOW + limits.fresh, None, shared)


@pytest.mark.parametrize(
    ("shared", "idle", "absolute"),
    [(False, timedelta(days=14), timedelta(days=90)), (True, timedelta(minutes=30), timedelta(hours=12))],
)
def test_both_limits_hold_and_on_a_shared_computer_both_are_shorter(
    shared: bool, idle: timedelta, absolute: timedelta
) -> None:
    made = session(shared=shared)
    assert LIMITS.ends(made) == NOW + idle
    busy = replace(made, seen=NOW + absolute - MOMENT)
    assert LIMITS.ends(busy) == NOW + absolute


def test_a_limit_made_shorter_holds_at_the_next_request_and_a_longer_absolute_one_for_new_sessions() -> None:
    made = replace(session(), seen=NOW + timedelta(days=80))
    assert Lifetimes(absolute=timedelta(days=7)).ends(made) == NOW + timedelta(days=7)
    assert Lifetimes(idle=timedelta(days=1)).ends(made) == NOW + timedelta(days=81)
    assert Lifetimes(absolute=timedelta(days=200)).ends(made) == NOW + timedelta(days=90)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("pause", [7, 59, 450, 600, 899])
def test_who_goes_on_using_it_is_never_out_before_the_limit_less_what_is_noted_late(shared: bool, pause: int) -> None:
    """What is stored lags behind. It must never be late in the other direction: an idle session ends in time."""
    kept, now = session(shared=shared), NOW
    step, limit = timedelta(seconds=pause), LIMITS.idle_of(shared=shared)
    for _ in range(200):
        now += step
        if now >= LIMITS.ends(kept):
            break
        if LIMITS.is_seen_due(kept, now):
            kept = replace(kept, seen=now)
        left = LIMITS.ends(kept) - now  # how long the person may be away from here on
        if NOW + LIMITS.absolute_of(shared=shared) - now > limit:
            assert limit - min(timedelta(minutes=15), limit / 4) < left <= limit
    assert now - NOW >= min(200 * step, LIMITS.absolute_of(shared=shared))


def test_noting_it_every_quarter_of_an_hour_alone_would_sign_out_a_busy_person_on_a_shared_computer() -> None:
    """The negative control: half of the limit would be lost."""
    kept = session(shared=True)
    asked = NOW + timedelta(minutes=14, seconds=59)
    assert LIMITS.is_seen_due(kept, asked)
    assert not asked - kept.seen >= timedelta(minutes=15), "the naive rule writes nothing down here"
    assert LIMITS.ends(kept) - asked < timedelta(minutes=16), "and so the person had a quarter of an hour, not half"


def test_a_sign_in_is_recent_for_ten_minutes() -> None:
    made = session()
    assert LIMITS.is_fresh(made, NOW + LIMITS.fresh - MOMENT)
    assert not LIMITS.is_fresh(made, NOW + LIMITS.fresh)
    assert not Lifetimes(fresh=timedelta(minutes=1)).is_fresh(made, NOW + timedelta(minutes=1)), "made shorter"
    assert not Lifetimes(fresh=timedelta(hours=1)).is_fresh(made, NOW + LIMITS.fresh), "not made recent again"
