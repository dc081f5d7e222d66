"""A user's children, a part at a time: in key order, strongly, and nothing of anybody else's."""

from __future__ import annotations

import pytest

from portal.models import Event, User
from portal.storage import Delete, Insert, Store
from tests.storage.samples import make_event, make_user


def fill(store: Store, count: int, user_id: str = "ada") -> list[str]:
    ids = [f"{number:05}" for number in range(count)]
    store.commit(*(Insert(make_event(each, user_id=user_id)) for each in ids))
    return ids


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def test_they_come_in_key_order_and_nobody_else_s_among_them(store: Store) -> None:
    for name in ("abe", "ada", "adam"):  # one that begins alike is another
        fill(store, 3, name)
    found = store.list_under(Event, "ada", limit=10)
    assert ids(found) == ["00000", "00001", "00002"]
    assert {event.user_id for event in found} == {"ada"}
    assert store.list_under(Event, "nobody", limit=10) == []
    assert store.list_under(Event, "", limit=10) == []


@pytest.mark.parametrize("limit", [1, 7, 20, 50])
def test_part_by_part_each_is_seen_once(store: Store, limit: int) -> None:
    fill(store, 5, "zoe")
    every, seen, after = fill(store, 20), [], None
    while part := store.list_under(Event, "ada", after=after, limit=limit):
        assert len(part) <= limit
        seen += ids(part)
        after = part[-1].key
    assert seen == every


def test_a_part_begins_after_a_key_be_it_there_or_not(store: Store) -> None:
    fill(store, 4)
    for place in ("00001", "000015", "0000199"):
        assert ids(store.list_under(Event, "ada", after=Event.key_of("ada", place), limit=2)) == ["00002", "00003"]
    assert store.list_under(Event, "ada", after=Event.key_of("ada", "~"), limit=2) == []


def test_what_was_written_a_moment_ago_is_seen_and_what_is_gone_is_not(store: Store, beside: Store) -> None:
    event = make_event()
    for _ in range(3):
        store.commit(Insert(event))
        assert beside.list_under(Event, "ada", limit=5) == [event]
        store.commit(Delete(event.key))
        assert beside.list_under(Event, "ada", limit=5) == []


def test_they_need_no_parent_and_outlive_it(store: Store) -> None:
    """As a request that was under way beside a deletion leaves them."""
    user, event = make_user(), make_event()
    store.commit(Insert(user), Insert(event))
    store.commit(Delete(User.key_of("ada")))
    assert store.list_under(Event, "ada", limit=5) == [event]
