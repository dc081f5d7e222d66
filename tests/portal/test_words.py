"""Lengths of time as people say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.views.words import ago, in_words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=30), "half an hour"),
        (timedelta(minutes=1), "one minute"),
        (timedelta(minutes=10), "ten minutes"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=12), "twelve hours"),
        (timedelta(days=1), "one day"),
        (timedelta(days=14), "14 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(seconds=90), "two minutes"),
    ],
)
def test_a_length_is_said_in_its_largest_whole_unit(span: timedelta, words: str) -> None:
    assert in_words(span) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "a few minutes ago"),
        (timedelta(0), "a few minutes ago"),
        (timedelta(minutes=19), "a few minutes ago"),
        (timedelta(minutes=45), "in the last hour"),
        (timedelta(minutes=70), "an hour ago"),
        (timedelta(minutes=100), "two hours ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(hours=25), "yesterday"),
        (timedelta(days=3, hours=5), "three days ago"),
        (timedelta(days=80), "80 days ago"),
    ],
)
def test_the_past_is_said_no_finer_than_it_is_known(span: timedelta, words: str) -> None:
    assert ago(span) == words
