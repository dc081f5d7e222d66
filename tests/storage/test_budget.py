"""The time that store calls have, each by itself and those of a request together (T93)."""

from __future__ import annotations

from threading import Thread
from time import monotonic, sleep

import pytest

from portal.errors import StoreError
from portal.models import User
from portal.storage import open_store
from portal.storage.budget import CALL, REQUEST, call_deadline, request_budget
from tests.storage.wire import Wire


def seconds_given() -> float:
    with call_deadline() as deadline:
        return deadline - monotonic()


def spend(seconds: float) -> None:
    with call_deadline():
        sleep(seconds)


def test_a_call_ends_within_two_seconds_and_those_of_a_request_within_four() -> None:
    assert seconds_given() == pytest.approx(CALL, abs=0.1)
    assert CALL < 2
    assert REQUEST < 4


def test_calls_spend_the_budget_of_their_request_and_nothing_else_does() -> None:
    with request_budget(1.0):
        assert seconds_given() == pytest.approx(1.0, abs=0.1)
        sleep(0.3)  # the provider's time
        assert seconds_given() == pytest.approx(1.0, abs=0.1)
        spend(0.3)
        assert seconds_given() == pytest.approx(0.7, abs=0.1)
    assert seconds_given() == pytest.approx(CALL, abs=0.1)


def test_a_call_that_fails_spends_its_time_too() -> None:
    def fail() -> None:
        with call_deadline():
            sleep(0.3)
            raise StoreError

    with request_budget(1.0):
        with pytest.raises(StoreError):
            fail()
        assert 0 < seconds_given() <= 0.7


def test_the_budget_before_is_there_again_after_another() -> None:
    with request_budget(1.0):
        with request_budget(9):
            spend(0.3)
            assert seconds_given() == pytest.approx(CALL, abs=0.1)
        assert seconds_given() == pytest.approx(1.0, abs=0.1)


def test_each_thread_has_a_budget_of_its_own() -> None:
    given = []
    with request_budget(1.0):
        other = Thread(target=lambda: given.append(seconds_given()))
        other.start()
        other.join()
    assert given == [pytest.approx(CALL, abs=0.1)]


def test_who_has_no_time_left_asks_nobody(datastore_url: str, wire: Wire) -> None:
    store = open_store(datastore_url)
    with request_budget(0):
        for ask in (store.check, lambda: store.list_at([User.key_of("ada")]), lambda: store.scan(User)):
            with pytest.raises(StoreError, match="no time is left"):
                ask()
    assert wire.sent == []
    store.check()
    assert wire.sent == ["Lookup"]
    store.close()
