"""The emulator frozen and killed under the store: every call ends in time, nothing is made by mistake, and it recovers.

A frozen server takes connections and answers nothing; a killed one refuses them. Both are this file's own emulator.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from google.cloud import datastore

from portal import create_app
from portal.config import load_config
from portal.errors import CommitUnknown, StoreError
from portal.models import User
from portal.storage import Insert, Store, open_store
from portal.storage.budget import request_budget
from tests.emulator import Emulator, NoEmulator, running_emulator
from tests.person import Person
from tests.storage.arrivals import arrive, count_rows, make_accounts
from tests.storage.samples import get_user, make_user
from tests.storage.stages import PATIENCE, Running
from tests.storage.wire import Fault, Wire

FULL = os.environ.get("PORTAL_TEST_FULL") == "1"
OUTAGE = 20.0 if FULL else 0.5  # seconds

CALLS: dict[str, Callable[[Store], object]] = {
    "look_up": lambda store: store.look_up(User.key_of("ada")),
    "list_at": lambda store: store.list_at([User.key_of("ada")]),
    "scan": lambda store: store.scan(User),
    "check": lambda store: store.check(),
    "commit": lambda store: store.commit(Insert(make_user("bob"))),
    "transact": lambda store: store.transact(lambda transaction: transaction.look_up(User.key_of("ada"))),
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    try:
        with running_emulator() as emulator:
            yield emulator
    except NoEmulator as missing:
        pytest.skip(str(missing))


@pytest.fixture
def url(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", emulator.host)
    return f"datastore://demo?namespace={secrets.token_hex(8)}"


@pytest.fixture
def store(url: str, wire: Wire) -> Iterator[Store]:
    store = open_store(url)
    store.commit(Insert(make_user()))
    yield store
    store.close()


def timed(call: Callable[[], object]) -> tuple[type[Exception] | None, float]:
    """What a call raises, and how long it takes."""
    begun = time.monotonic()
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
        return type(error), time.monotonic() - begun
    return None, time.monotonic() - begun


def outcomes_of(*calls: Callable[[], object]) -> list[tuple[type[Exception] | None, float]]:
    """The same of several that run at the same time."""
    return [each.outcome_at_end() for each in [Running(partial(timed, call)) for call in calls]]  # type: ignore[misc]


def seconds_until_it_answers(store: Store) -> float:
    begun = time.monotonic()
    while timed(store.check)[0]:
        assert time.monotonic() - begun < PATIENCE
    return time.monotonic() - begun


def assert_all_end_in_time(store: Store) -> None:
    """Each by itself in two seconds, a whole transaction in four; none takes silence for an absence."""
    outcomes = dict(zip(CALLS, outcomes_of(*(partial(call, store) for call in CALLS.values())), strict=True))
    for name, (error, seconds) in outcomes.items():
        assert error is (CommitUnknown if name == "commit" else error), name
        assert error is not None, name
        assert issubclass(error, StoreError), name
        assert seconds < (4.0 if name == "transact" else 2.0), (name, seconds)


@pytest.mark.full
@pytest.mark.alone
def test_a_frozen_server_keeps_nobody_waiting(store: Store, url: str, emulator: Emulator, wire: Wire) -> None:
    """It freezes between the look-up and the commit of a sign-in: the longest way that there is."""
    accounts, arrival = make_accounts(store), arrive()
    frozen = Event()

    def freeze_at_commit(name: str) -> Fault | None:
        if name == "Commit" and not frozen.is_set():
            emulator.freeze()
            frozen.set()
        return None

    def sign_in() -> None:
        with request_budget():
            accounts.arrive(*arrival)

    wire.plan = freeze_at_commit
    signing_in = Running(partial(timed, sign_in))
    try:
        assert frozen.wait(PATIENCE)
        naive = datastore.Client(project="demo", namespace=url.rpartition("=")[2])
        hanging = Running(lambda: naive.get(naive.key("User", "ada"), timeout=2))
        assert_all_end_in_time(store)
        outcome: Any = signing_in.outcome_at_end()
        error, seconds = outcome
        assert issubclass(error, StoreError)
        assert 3.0 < seconds < 4.0
        assert not hanging.ends_within(0.3), "Google's own client, asked to give up after two seconds"
    finally:
        emulator.thaw()
    assert seconds_until_it_answers(store) < 2.0
    assert hanging.ends_within(PATIENCE)
    assert get_user(store).id == "ada"
    accounts.arrive(*arrive())  # whether the lost commit was applied after all or not
    rows = count_rows(store)
    assert (rows["OAuth"], rows["Token"], rows["Email"]) == (1, 1, 1)
    named = [user for user in store.scan(User) if user.oauths]
    assert len(named) == 1


@pytest.mark.full
@pytest.mark.alone
def test_a_server_that_is_gone_and_comes_back(
    store: Store, url: str, emulator: Emulator, environ: dict[str, str], tmp_path: Path
) -> None:
    app = create_app(load_config(environ=environ | {"PORTAL_STORE": url}, cwd=tmp_path))
    signed_in, arriving = Person(app), Person(app)
    signed_in.signs_in_with("google")
    callback = arriving.consents(arriving.starts("github"))
    store.check()

    emulator.end()
    gone_until = time.monotonic() + OUTAGE
    try:
        assert_all_end_in_time(store)
        for visit in (lambda: signed_in.opens("/account"), lambda: arriving.returns(callback)):
            error, seconds = timed(visit)
            assert (error, seconds < 4.0) == (None, True)
        for person in (signed_in, arriving):
            assert person.page is not None
            assert person.page.status_code == 503
            assert person.page.headers["Retry-After"]
        assert signed_in.user_id, "an error is no absence: the cookie stays"
        assert Person(app).opens("/login").status_code == 200  # who isn't signed in needs no store
        while time.monotonic() < gone_until:
            assert timed(store.check)[0]
    finally:
        emulator.start()
    assert seconds_until_it_answers(store) < 2.0
    assert count_rows(store) == dict.fromkeys(count_rows(store), 0)  # it forgets; and nothing is written late
    arriving.signs_in_with("github")
    assert count_rows(store)["User"] == 1
    assert arriving.account
    app.extensions["portal"].store.close()
