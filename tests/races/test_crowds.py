"""Nobody is signed in as somebody else, and one person is one user, however many arrive at once (T39, T50)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from portal.models import OAuth, Session, User
from portal.storage.sql import SQLStore
from tests.races.crowd import Visitor, return_all_at_once, sign_in_many
from tests.serving import served


@pytest.fixture
def count(full: bool) -> int:
    return 2_000 if full else 100


def test_two_thousand_people_on_sixteen_threads_are_all_themselves(tmp_path: Path, count: int) -> None:
    with served("tests.races.apps:portal_app()", folder=tmp_path) as portal:
        result = sign_in_many(portal, count)
    assert result == Counter(right=count)


def test_the_stock_blueprint_is_caught_by_the_same_crowd(tmp_path: Path, full: bool, count: int) -> None:
    with served("tests.races.apps:stock_app()", folder=tmp_path) as stock:
        one_by_one = sign_in_many(stock, 10, threads=1, starts_by_post=False)
        crowd = sign_in_many(stock, count, starts_by_post=False)
    assert one_by_one == Counter(right=10), "the control is set up wrongly: it must work for one person at a time"
    assert crowd["wrong"] > 0 if full else crowd["wrong"] + crowd["error"] > 0, crowd
    print(f"\nstock Flask-Dance, {count} people on 16 threads: {dict(crowd)}")


@pytest.mark.full
@pytest.mark.parametrize(("application", "safe"), [("portal_app", True), ("naive_app", False)])
def test_one_new_person_in_two_hundred_browsers_at_once_becomes_one_user(
    tmp_path: Path, full: bool, application: str, safe: bool
) -> None:
    browsers = 200 if full or safe else 40
    with served(f"tests.races.apps:{application}()", folder=tmp_path) as portal:
        statuses = return_all_at_once(portal, browsers, lambda visitor: _ada(visitor))
    store = SQLStore(f"sqlite:///{tmp_path}/portal.db")
    users, oauths, sessions = (len(list(store.scan(kind, limit=1_000))) for kind in (User, OAuth, Session))
    store.close()
    if safe:
        assert (statuses, users, oauths, sessions) == ({303: browsers}, 1, 1, browsers)
    else:
        assert users > 1 or max(statuses) >= 500, "the naive store was not caught: this crowd proves nothing"


def _ada(visitor: Visitor) -> str:
    return visitor.gets_callback("1815", "Ada Lovelace")
