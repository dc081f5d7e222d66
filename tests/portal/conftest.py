"""What the tests of the portal's modules share."""

import pytest
from hypothesis import settings

from portal.storage import Store
from tests.portal.desk import Clock, Desk
from tests.storage.conftest import *  # noqa: F403 - the stores, one after the other, and whatever they need to run

# A busy machine must not fail a test of what holds; the time limits that matter are measured where they are promised.
settings.register_profile("portal", deadline=None)
settings.load_profile("portal")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The store's contract is held on every store by `make test`; the rules above it by `make verify` only."""
    for item in items:
        if "[datastore" in item.name and "tests/portal/" in item.nodeid:
            item.add_marker(pytest.mark.full)


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def desk(store: Store, clock: Clock) -> Desk:
    """Where people arrive, over each of the stores."""
    return Desk(store, clock)
