"""Fifty callers and one expired token: it is refreshed once, whoever dies in the middle of it (T80)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from portal import lease, refresh
from portal.errors import TokenError
from portal.models import Token
from portal.storage import Store, budget, open_store
from portal.tokens import Tokens
from providers.sandbox import RunningSandbox, running_sandbox
from providers.sandbox.troubles import Trouble
from tests.portal.house import House
from tests.races.dying_holder import GONE
from tests.serving import ROOT

CALLERS = 50
PROCESSES = 5  # that the callers are of, as far as the code can tell: each has its own gates
LONGEST = 14.0  # seconds: twelve of waiting, and one's own calls
SHORT = 0.5  # seconds: the lease of a holder that dies in a quick test
STORES = ["sqlite", pytest.param("datastore", marks=pytest.mark.full)]

Callers = Callable[[House], Counter[str]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """One of its own: what is set here must not be met elsewhere."""
    with running_sandbox() as running:
        running.refreshing("github").expires = True
        yield running


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('store')}/portal.db"
    patience: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patience.setattr(budget, "CALL", 10.0)  # the emulator is one process on a machine that has other things to do
    return str(request.getfixturevalue("datastore_url"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def make_house(store: Store, sandbox: RunningSandbox) -> Callable[[str], House]:
    """Somebody whose token of this provider expired a minute ago."""

    def make(provider: str) -> House:
        sandbox.reset()
        house = House(store, sandbox, lambda: datetime.now(UTC), provider=provider)
        house.signs_in(life=timedelta(minutes=-1))
        return house

    return make


def fifty_callers(house: House, make: Callable[[], Tokens] | None = None) -> tuple[Counter[str], float]:
    """What they got, all at once, and how long the last one waited."""
    processes = [(make or house.tokens_with)() for _ in range(PROCESSES)]
    together = Barrier(CALLERS)

    def call(number: int) -> str:
        together.wait(30)
        try:
            return str(house.asks(processes[number % PROCESSES]))
        except TokenError as error:
            return f"{type(error).__name__} {error.reason}"

    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        outcomes = Counter(pool.map(call, range(CALLERS)))
    return outcomes, time.monotonic() - began


def one_dies(house: House, url: str, point: str, *, lease: float) -> None:
    """Another process takes the lease, and is gone at that point."""
    arguments = [url, house.sandbox.base, house.name, house.user.id, point, str(lease)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.races.dying_holder", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == GONE, ended.stderr
    assert house.row.lease is not None


@pytest.mark.parametrize("provider", [pytest.param("google", marks=pytest.mark.full), "github"])
def test_fifty_callers_with_one_expired_token_cause_one_refresh_and_all_succeed(
    make_house: Callable[[str], House], provider: str
) -> None:
    house = make_house(provider)
    outcomes, seconds = fifty_callers(house)
    assert outcomes == {"200": CALLERS}
    assert (house.refreshing.done, house.refreshing.reused) == (1, 0)
    assert seconds < LONGEST


def test_the_same_callers_catch_a_refresh_without_a_lease(
    make_house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: each takes what it has read for its own, as nearly everybody's code does."""

    def takes_it_anyway(_: object, seen: Token) -> Token:
        time.sleep(0.01)  # what a look-up takes on a network
        return replace(seen, lease=None)

    monkeypatch.setattr(refresh.Refresher, "_gate", lambda *_: refresh._Gate())
    monkeypatch.setattr(lease.Leases, "take", takes_it_anyway)
    monkeypatch.setattr(lease.Leases, "is_held", lambda *_: False)
    monkeypatch.setattr(lease.Leases, "mark_spent", lambda _, held: held)
    house = make_house("github")
    outcomes, _ = fifty_callers(house)
    assert house.refreshing.reused > 0, "the naive refresh was not caught: these callers prove nothing"
    assert outcomes["200"] < CALLERS, outcomes


@pytest.mark.full
@pytest.mark.parametrize(("provider", "point"), [("google", "sending"), ("github", "leased")])
def test_a_holder_that_dies_before_the_provider_has_heard_of_it_costs_nobody_anything(
    make_house: Callable[[str], House], url: str, full: bool, provider: str, point: str
) -> None:
    house = make_house(provider)
    one_dies(house, url, point, lease=lease.LEASE.total_seconds() if full and provider == "google" else SHORT)
    outcomes, seconds = fifty_callers(house)
    assert outcomes == {"200": CALLERS}
    assert (house.refreshing.done, house.refreshing.reused) == (1, 0)
    assert seconds < LONGEST


@pytest.mark.full
def test_a_holder_that_dies_while_the_provider_thinks_about_it_costs_nobody_anything(
    make_house: Callable[[str], House], url: str
) -> None:
    house = make_house("google")
    house.refreshing.trouble = Trouble.HANG
    arguments = [url, house.sandbox.base, house.name, house.user.id, "waiting", "2"]
    holder = subprocess.Popen([sys.executable, "-m", "tests.races.dying_holder", *arguments], cwd=ROOT)
    ends = time.monotonic() + 30
    while house.row.lease is None:
        assert time.monotonic() < ends
        time.sleep(0.02)
    time.sleep(0.2)  # it has sent, and waits
    holder.kill()
    holder.wait()
    house.refreshing.trouble = Trouble.NONE
    outcomes, seconds = fifty_callers(house)
    assert outcomes == {"200": CALLERS}
    assert house.refreshing.done == 1
    assert seconds < LONGEST


@pytest.mark.parametrize("point", ["answered", pytest.param("sending", marks=pytest.mark.full)])
def test_a_holder_that_dies_once_a_token_that_works_once_may_be_spent_leaves_it_to_the_person(
    make_house: Callable[[str], House], url: str, full: bool, point: str
) -> None:
    house = make_house("github")
    one_dies(house, url, point, lease=lease.LEASE.total_seconds() if full and point == "answered" else SHORT)
    outcomes, seconds = fifty_callers(house)
    assert outcomes == {"Reconnect lost": CALLERS}
    assert (house.refreshing.done, house.refreshing.reused) == (int(point == "answered"), 0)
    assert seconds < LONGEST
    assert house.tokens.standing(house.oauth, house.row).ended == "lost"
    house.signs_in()
    assert house.asks() == 200


@pytest.mark.full
def test_the_same_death_catches_a_holder_that_leaves_no_mark(
    make_house: Callable[[str], House], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the mark the next one uses the token a second time."""
    house = make_house("github")
    one_dies(house, url, "answered", lease=SHORT)
    house.changes(spent_at=None)
    fifty_callers(house)
    assert house.refreshing.reused == 1


@pytest.mark.parametrize("provider", [pytest.param("google", marks=pytest.mark.full), "github"])
def test_fifty_callers_of_a_provider_that_is_down_ask_it_once(
    make_house: Callable[[str], House], provider: str
) -> None:
    house = make_house(provider)
    house.refreshing.trouble = Trouble.ERROR_500
    try:
        outcomes, seconds = fifty_callers(house)
    finally:
        house.refreshing.trouble = Trouble.NONE
    assert outcomes == {"TryAgain provider": CALLERS}
    assert sum("token" in line.path for line in house.sandbox.requests) == 1
    assert seconds < LONGEST
