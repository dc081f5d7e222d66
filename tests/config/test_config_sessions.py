"""`[sessions]`: lengths of time that a person can write, and what is wrong with those that can't be meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from portal.config import Config, ConfigError, load_config
from portal.lifetimes import Lifetimes


def load(folder: Path, text: str = "", **environ: str) -> Config:
    (folder / "portal.toml").write_text(text)
    return load_config(environ=environ, cwd=folder, known=["github"])


def test_without_a_word_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path).sessions == Lifetimes()


def test_all_of_them_can_be_written(tmp_path: Path) -> None:
    written = """
        [sessions]
        idle = "7d"
        absolute = "30d"
        shared_idle = "10m"
        shared_absolute = "8h"
        fresh = "5m"
    """
    assert load(tmp_path, written).sessions == Lifetimes(
        idle=timedelta(days=7),
        absolute=timedelta(days=30),
        shared_idle=timedelta(minutes=10),
        shared_absolute=timedelta(hours=8),
        fresh=timedelta(minutes=5),
    )


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    sessions = load(tmp_path, '[sessions]\nidle = "7d"', PORTAL_SESSIONS__IDLE="1d 12h").sessions
    assert sessions.idle == timedelta(hours=36)


def test_a_default_gives_way_to_what_is_written(tmp_path: Path) -> None:
    sessions = load(tmp_path, '[sessions]\nabsolute = "4h"').sessions
    assert (sessions.idle, sessions.shared_absolute) == (timedelta(hours=4), timedelta(hours=4))
    sessions = load(tmp_path, '[sessions]\nidle = "20m"').sessions
    assert sessions.shared_idle == timedelta(minutes=20)


WRONG = {
    "zero": ('idle = "0d"', "sessions.idle", "less than a minute"),
    "seconds": ('shared_idle = "30s"', "sessions.shared_idle", "less than a minute"),
    "no unit": ("idle = 14", "sessions.idle", "is 14, without saying of what"),
    "no unit, as a text": ('idle = "14"', "sessions.idle", "is no length of time"),
    "below zero": ('idle = "-14d"', "sessions.idle", "is no length of time"),
    "words": ('absolute = "for ever"', "sessions.absolute", "is no length of time"),
    "empty": ('absolute = ""', "sessions.absolute", "is empty"),
    "a flag": ("absolute = true", "sessions.absolute", "is not a text"),
    "a list": ('absolute = ["90d"]', "sessions.absolute", "is a list, not a text"),
    "a century": ('absolute = "36500d"', "sessions.absolute", "400 days that a browser keeps a cookie"),
    "beyond numbers": ('absolute = "999999999w"', "sessions.absolute", "400 days that a browser keeps a cookie"),
    "nothing is recent": ('fresh = "0m"', "sessions.fresh", "less than a minute"),
    "yesterday is recent": ('fresh = "2d"', "sessions.fresh", "more than a day"),
    "idle beyond absolute": ('idle = "30d"\nabsolute = "7d"', "sessions.idle", "is 30d, longer than absolute, 7d"),
    "idle beyond the default": ('idle = "120d"', "sessions.idle", "is 120d, longer than absolute, 90d"),
    "shared idle beyond shared absolute": (
        'shared_idle = "2h"\nshared_absolute = "1h"', "sessions.shared_idle", "longer than shared_absolute, 1h"),
    "shared longer than one's": ('shared_absolute = "91d"', "sessions.shared_absolute", "longer than absolute, 90d"),
    "recent beyond shared": (
        'fresh = "3h"\nshared_absolute = "2h"', "sessions.fresh", "longer than shared_absolute, 2h"),
    "a typing error": ('idel = "7d"', "sessions.idel", "is no setting"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "setting", "wrong"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_a_sentence_with_what_to_write(
    tmp_path: Path, written: str, setting: str, wrong: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"[sessions]\n{written}\n")
    (problem,) = raised.value.problems
    assert problem.setting == setting
    assert "portal.toml line" in problem.source
    assert wrong in problem.wrong
    assert problem.write


def test_sessions_that_are_no_table_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "sessions = 3\n")
    (problem,) = raised.value.problems
    assert (problem.setting, problem.wrong) == ("sessions", "is not a table")


def test_a_wrong_variable_names_itself_and_an_unknown_one_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, PORTAL_SESSIONS__IDLE="soon")
    assert "PORTAL_SESSIONS__IDLE" in str(raised.value)
    assert load(tmp_path, PORTAL_SESSIONS__IDEL="1d", PORTAL_SESSIONS="x").sessions == Lifetimes()
