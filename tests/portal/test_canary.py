"""A process with the wrong keys says so at its first look-up, loudly and once, and serves people all the same (T76)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from portal import create_app
from portal.canary import CANARY, TRY_AGAIN, WatchedStore, make_canary
from portal.config import Config
from portal.crypto import TokenCipher, key_id
from portal.errors import AlreadyExists, NotFound, StoreError
from portal.models import Canary, Key, User
from portal.storage import Insert, Mutation, Store, Update
from tests.portal.desk import Wrapped
from tests.storage.samples import make_user
from tests.storage.stages import all_at_once, one_in_the_middle_of_the_other

OLD, NEW, WRONG = b"o" * 32, b"n" * 32, b"w" * 32
ADA = User.key_of("ada")


class Told(Wrapped):
    """A store that tells which keys it was asked for together, and what was committed."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.asked: list[tuple[Key[Any], ...]] = []
        self.written: list[tuple[Mutation, ...]] = []
        self.wrong: Exception | None = None

    def look_up(self, *keys: Key[Any]) -> Any:
        self.asked.append(keys)
        return self._store.look_up(*keys)

    def commit(self, *mutations: Mutation) -> None:
        self.written.append(mutations)
        if self.wrong:
            raise self.wrong
        self._store.commit(*mutations)


@pytest.fixture
def told(store: Store) -> Told:
    return Told(store)


@pytest.fixture
def alarms(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged as CRITICAL."""
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]


def process(store: Any, *ring: bytes, **how: Any) -> WatchedStore:
    """A store as a new process with these keys has it."""
    return WatchedStore(store, TokenCipher(ring), **how)


def canary_of(store: Store) -> Canary:
    (canary,) = store.look_up(CANARY)
    assert canary is not None
    return canary


def test_the_first_look_up_brings_it_along_and_no_other_does(told: Told, alarms: Callable[[], list[str]]) -> None:
    told.commit(Insert(make_user("ada")))
    told.written.clear()
    first, second = process(told, OLD), process(told, OLD)
    for watched in (first, second):
        assert watched.look_up(ADA, User.key_of("bob")) == (make_user("ada"), None)
        assert watched.look_up(ADA) == (make_user("ada"),)
        assert watched.keys_fit()
    assert told.asked == [(ADA, User.key_of("bob"), CANARY), (ADA,)] * 2
    assert [len(mutations) for mutations in told.written] == [1], "once for all processes that there will ever be"
    assert alarms() == []


def test_a_first_look_up_that_is_a_list_brings_it_along_too(told: Told, alarms: Callable[[], list[str]]) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    told.commit(Insert(ada), Insert(bob))
    for ring, fits in ((OLD, True), (OLD, True), (WRONG, False)):
        watched = process(told, ring)
        assert watched.list_at([]) == []
        assert watched._fits is None, "that asks nobody"
        assert watched.list_at(iter([bob.key, User.key_of("nobody"), ada.key])) == [bob, ada]
        assert watched._fits is fits
        assert watched.list_at([ada.key]) == [ada]
    assert len(alarms()) == 1
    assert told.asked == []


def test_a_wrong_ring_is_shouted_once_with_the_setting_and_no_key(told: Told, alarms: Callable[[], list[str]]) -> None:
    process(told, OLD).look_up(ADA)
    wrong = process(told, WRONG)
    for _ in range(3):
        assert wrong.look_up(ADA) == (None,), "who asks is answered all the same"
        assert not wrong.keys_fit()
    (alarm,) = alarms()
    assert "token_keys" in alarm
    assert "PORTAL_TOKEN_KEYS" in alarm
    assert str(key_id(canary_of(told).sealed)) in alarm
    for key in (OLD, WRONG):
        assert key.decode() not in alarm
        assert base64.urlsafe_b64encode(key).decode()[:20] not in alarm
    assert process(told, WRONG, OLD).keys_fit(), "the old key, put back"


def test_a_check_that_seals_and_opens_again_would_not_notice(told: Told) -> None:
    """The negative control: that is what a probe did before there was a canary."""
    process(told, OLD).look_up(ADA)
    wrong = TokenCipher([WRONG])
    assert wrong.unseal(wrong.seal(b"")) == b""
    assert not WatchedStore(told, wrong).keys_fit()


def test_a_newer_key_before_the_old_one_is_right(told: Told, alarms: Callable[[], list[str]]) -> None:
    process(told, OLD).look_up(ADA)
    assert process(told, NEW, OLD).keys_fit()
    assert not process(told, NEW).keys_fit()
    assert len(alarms()) == 1


@pytest.mark.parametrize("spoilt", [b"", b"tweet", b"\x01" * 9, bytes(60)], ids=len)
def test_a_canary_that_somebody_wrote_over_is_a_wrong_ring(
    told: Told, alarms: Callable[[], list[str]], spoilt: bytes
) -> None:
    process(told, OLD).look_up(ADA)
    told.commit(Update(replace(canary_of(told), sealed=spoilt)))
    watched = process(told, OLD)
    assert watched.look_up(ADA) == (None,)
    assert not watched.keys_fit()
    assert len(alarms()) == 1


def test_keys_that_come_to_fit_are_told_too(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    process(told, OLD).look_up(ADA)
    wrong = process(told, WRONG)
    assert not wrong.keys_fit()
    told.commit(Update(make_canary(TokenCipher([WRONG]))))
    assert wrong.keys_fit()
    assert "token_keys are the keys of this store now" in caplog.text


@pytest.mark.parametrize("other", [OLD, WRONG])
def test_of_two_processes_that_begin_together_one_writes_it_and_both_know(
    store: Store, beside: Store, alarms: Callable[[], list[str]], other: bytes
) -> None:
    """Both have read that there is none; the first writes last, and must not win."""

    class Paused(Wrapped):
        def commit(self, *mutations: Mutation) -> None:
            pauses.pop()()
            self._store.commit(*mutations)

    pauses: list[Callable[[], None]] = []
    watched = [process(Paused(store), OLD), process(beside, other)]

    def begins_first(pause: Callable[[], None]) -> object:
        pauses.append(pause)
        return watched[0].look_up(ADA)

    outcome = one_in_the_middle_of_the_other(begins_first, lambda: watched[1].look_up(ADA), waits_after=5.0)
    assert outcome == ((None,), (None,))
    assert key_id(canary_of(store).sealed) == TokenCipher([other]).key_ids[0]
    assert watched[0].keys_fit() is (other == OLD)
    assert watched[1].keys_fit()
    assert len(alarms()) == (other != OLD)


def test_a_crowd_at_the_first_moment_writes_one_and_shouts_once(told: Told, alarms: Callable[[], list[str]]) -> None:
    right = process(told, OLD)
    assert all_at_once(lambda _: right.look_up(ADA), threads=16) == [(None,)] * 16
    assert right.keys_fit()
    wrong = process(told, WRONG)
    assert all_at_once(lambda _: wrong.look_up(ADA), threads=16) == [(None,)] * 16
    assert not wrong.keys_fit()
    assert len(alarms()) == 1


@pytest.mark.parametrize("error", [StoreError("read-only"), NotFound()], ids=repr)
def test_a_store_that_only_reads_is_no_trouble_and_is_asked_again_later(told: Told, error: Exception) -> None:
    now = 1000.0
    watched = process(told, OLD, clock=lambda: now)
    told.wrong = error
    for _ in range(5):
        assert watched.look_up(ADA) == (None,)
    assert watched.keys_fit(), "nobody knows better"
    assert len(told.written) == 1
    told.wrong = None
    now += TRY_AGAIN
    watched.look_up(ADA)
    assert len(told.written) == 2
    assert canary_of(told)


def test_who_finds_it_written_reads_it(told: Told) -> None:
    told.wrong = AlreadyExists()
    assert process(told, OLD).look_up(ADA) == (None,)


def test_a_store_out_of_reach_stays_what_it_is(store: Store) -> None:
    class Down(Wrapped):
        def look_up(self, *keys: Key[Any]) -> Any:
            raise StoreError("out of reach")

    watched = process(Down(store), OLD)
    for asks in (lambda: watched.look_up(ADA), watched.keys_fit):
        with pytest.raises(StoreError):
            asks()


def test_nothing_is_asked_at_start(config: Config) -> None:
    class Silent:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked")

    app: Flask = create_app(config, store=Silent())  # type: ignore[arg-type]
    assert app.test_client().get("/login", base_url="http://localhost:8000").status_code == 200
