"""The stores that have to keep the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from portal.storage import Store, budget, datastore_calls, open_store
from tests.storage.wire import Wire


def make_sqlite(request: pytest.FixtureRequest) -> Store:
    return open_store(f"sqlite:///{request.getfixturevalue('tmp_path')}/portal.db")


def make_datastore(request: pytest.FixtureRequest) -> Store:
    # The contract doesn't depend on how busy the machine is; test_datastore_outages keeps the real limits.
    patience: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patience.setattr(budget, "CALL", 5.0)
    patience.setattr(budget, "REQUEST", 25.0)
    return open_store(request.getfixturevalue("datastore_url"))


# Each opens an empty store; called again in the same test, it opens the same data a second time. What it needs (say, a
# running emulator) it asks pytest for, or skips.
STORES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "sqlite": make_sqlite,
    "datastore": make_datastore,
}


@pytest.fixture(params=STORES)
def make_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Every way to open a store, one after the other."""
    make = STORES[request.param]
    return lambda: make(request)


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Iterator[Store]:
    """A store with nothing in it."""
    store = make_store()
    yield store
    store.close()


@pytest.fixture
def beside(make_store: Callable[[], Store]) -> Iterator[Store]:
    """The same data through a second store, as another process would see it."""
    beside = make_store()
    yield beside
    beside.close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire of every DatastoreStore that is opened from now on."""
    wire = Wire()
    open_channel = datastore_calls.open_channel
    monkeypatch.setattr(datastore_calls, "open_channel", lambda emulator: wire.at(open_channel(emulator)))
    return wire
