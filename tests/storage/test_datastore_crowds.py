"""Many sign-ins at once that want the same rows, and on a Datastore where every third RPC fails (T39, T94).

Each crowd is let loose a second time on a naive store, which must be caught.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from portal.accounts import Accounts, SignedIn
from portal.errors import AlreadyExists, CommitUnknown, Contended, StoreError
from portal.models import Email, User
from portal.storage import Delete, Insert, Mutation, Transaction
from portal.storage.budget import call_deadline
from portal.storage.datastore import DatastoreStore
from portal.storage.datastore_requests import commit_request
from providers.base import Identity
from tests.storage.arrivals import arrive, browser_of, count_rows, make_accounts, make_identity
from tests.storage.stages import Pause, all_at_once, one_in_the_middle_of_the_other, threads_that_change_often
from tests.storage.wire import Fault, Wire, always, some

pytestmark = pytest.mark.full  # many threads against one emulator

FULL = os.environ.get("PORTAL_TEST_FULL") == "1"
SIGN_INS = 5000 if FULL else 200
CROWD = 200
FAULTS = 0.3  # of all RPCs


class NaiveStore(DatastoreStore):
    """Looks whether a key is free and then puts, as Google's client does, and takes every error for a failure."""

    def __init__(self, url: str, *, pause: Pause | None = None) -> None:
        super().__init__(url)
        self._pause = pause or partial(time.sleep, 0.02)

    def commit(self, *mutations: Mutation) -> None:
        if self.list_at([mutation.record.key for mutation in mutations if isinstance(mutation, Insert)]):
            raise AlreadyExists
        self._pause()
        request = commit_request(mutations, self._place)
        for mutation in request.mutations:
            if mutation.HasField("insert"):
                mutation.upsert.CopyFrom(mutation.insert)
        with call_deadline() as deadline:
            try:
                self._calls.commit(request, deadline)
            except CommitUnknown as error:
                raise StoreError(str(error)) from None


class TransactingStore(DatastoreStore):
    """Reads and writes in one transaction what a sign-in commits: what a textbook says. Counts whom it turned away."""

    turned_away = 0

    def commit(self, *mutations: Mutation) -> None:
        def work(transaction: Transaction) -> None:
            transaction.list_at([mutation.record.key for mutation in mutations if not isinstance(mutation, Delete)])
            time.sleep(0.02)  # as far away as the real one is
            transaction.write(*mutations)

        try:
            self.transact(work)
        except Contended:
            self.turned_away += 1
            raise


@pytest.fixture
def emulator_host(crowded_emulator_host: str) -> str:
    return crowded_emulator_host


@pytest.fixture
def open_store(datastore_url: str, wire: Wire) -> Iterator[Callable[..., DatastoreStore]]:
    """Opens stores on the same data, as several processes would, of any making."""
    opened = []

    def open_store(make: type[DatastoreStore] = DatastoreStore, **how: Any) -> DatastoreStore:
        opened.append(make(datastore_url, **how))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


OpenStore = Callable[..., Any]


def outcome_of(accounts: Accounts, identity: Identity) -> str:
    try:
        return type(accounts.arrive(*arrive(identity))).__name__
    except StoreError as error:
        return type(error).__name__


def sign_in_all(store: DatastoreStore, identities: Iterable[Identity]) -> Counter[str]:
    """How the sign-ins end, eight at a time: with more, a busy machine spends their seconds on changing threads."""
    with threads_that_change_often(), ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(partial(outcome_of, make_accounts(store)), identities))


def sign_in_at_once(identity: Identity, *stores: DatastoreStore, crowd: int = CROWD) -> Counter[str]:
    """How so many callbacks of one identity end that come at the same moment."""
    accounts = [make_accounts(store) for store in stores]
    return Counter(map(str, all_at_once(lambda n: outcome_of(accounts[n % len(accounts)], identity), threads=crowd)))


def expected_rows(*, people: int, sign_ins: int) -> dict[str, int]:
    each = dict.fromkeys(("User", "OAuth", "Token", "Email"), people)
    return each | dict.fromkeys(("Session", "Event"), sign_ins)


# --- contention -----------------------------------------------------------------------------------------------------


def all_are_let_in(open_store: OpenStore, identity_of: Callable[[int], Identity]) -> dict[str, int]:
    """What is stored when all of a crowd were signed in. The deadlines are those of a clock on the wall, and a machine
    that is busy may be too slow for one crowd: then another one comes, but never to a mistake."""
    store, beside = open_store(), open_store()
    crowds: list[Counter[str]] = []
    while len(crowds) < 3:
        crowds.append(sign_in_at_once(identity_of(len(crowds)), store, beside))
        rows = count_rows(store)
        assert rows["User"] == rows["OAuth"] == rows["Token"] == rows["Email"]
        assert rows["Session"] == rows["Event"] >= sum(crowd["SignedIn"] for crowd in crowds)
        if crowds[-1] == Counter(SignedIn=CROWD):
            return rows | {"crowds": len(crowds)}
    pytest.fail(str(crowds))


def test_two_hundred_callbacks_of_one_new_identity_make_one_user(open_store: OpenStore) -> None:
    rows = all_are_let_in(open_store, lambda number: make_identity(f"new-{number}"))
    assert rows["User"] == rows["crowds"]

    store = open_store(NaiveStore)
    sign_in_at_once(make_identity("naive"), store, crowd=20)
    assert count_rows(store)["User"] > rows["User"] + 1


@pytest.mark.full
def test_two_hundred_callbacks_of_one_known_identity_all_succeed(open_store: OpenStore) -> None:
    make_accounts(open_store()).arrive(*arrive())
    rows = all_are_let_in(open_store, lambda _: make_identity())
    assert rows["User"] == 1

    textbook = open_store(TransactingStore)
    sign_in_at_once(make_identity(), textbook, crowd=60)
    assert textbook.turned_away > 0, "in a transaction, many are overtaken until they give up"


def test_who_is_overtaken_for_longer_than_a_call_lasts_is_signed_in_all_the_same(
    open_store: OpenStore, wire: Wire
) -> None:
    overtaken = iter([Fault.OVERTAKEN] * 12)  # the store gives up after ten
    wire.plan = lambda name: next(overtaken, None) if name == "Commit" else None
    assert outcome_of(make_accounts(open_store()), make_identity()) == "SignedIn"


# --- two providers vouch for one new address ------------------------------------------------------------------------

GITHUB = make_identity("583231", email="ada@example.org")
GOOGLE = make_identity("1815", issuer="https://accounts.google.com", email="Ada@Example.org")


class PausingStore(DatastoreStore):
    """Pauses between the look-up of a sign-in and its commit."""

    def __init__(self, url: str, *, pause: Pause) -> None:
        super().__init__(url)
        self._pause = pause

    def commit(self, *mutations: Mutation) -> None:
        self._pause()
        super().commit(*mutations)


def owners_of_the_address(open_store: OpenStore, make: type[DatastoreStore]) -> list[str]:
    """Whom the address belongs to after each of two sign-ups, the second of them in the middle of the first."""
    store = open_store()
    owners: list[str] = []

    def sign_up(identity: Identity, pause: Pause) -> None:
        make_accounts(open_store(make, pause=pause)).arrive(*arrive(identity))
        owners.extend(email.user_id for email in store.scan(Email))

    one_in_the_middle_of_the_other(partial(sign_up, GITHUB), partial(sign_up, GOOGLE, lambda: None), waits_after=10)
    store.commit(*(Delete(email.key) for email in store.scan(Email)))
    return owners


def test_an_address_stays_with_whom_it_was_given_to_first(open_store: OpenStore) -> None:
    first, last = owners_of_the_address(open_store, PausingStore)
    assert first == last
    assert len(open_store().scan(User)) == 2


def test_a_naive_store_gives_an_address_away_on_the_same_stage(open_store: OpenStore) -> None:
    first, last = owners_of_the_address(open_store, NaiveStore)
    assert first != last


def test_two_providers_with_one_new_address_at_the_same_instant_make_two_users(open_store: OpenStore) -> None:
    store, beside = open_store(), open_store()
    for number in range(200 if FULL else 10):
        email = f"ada{number}@example.org"
        ways = [
            partial(outcome_of, make_accounts(store), make_identity(f"{number}", email=email)),
            partial(outcome_of, make_accounts(beside), make_identity(f"{number}", issuer="https://id", email=email)),
        ]
        assert all_at_once(lambda way, ways=ways: ways[way](), threads=2) == ["SignedIn"] * 2  # type: ignore[misc]
        rows = count_rows(store)
        assert (rows["User"], rows["OAuth"], rows["Email"]) == (2 * number + 2, 2 * number + 2, number + 1)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_nobody_fails_and_nobody_is_doubled_while_a_third_of_all_rpcs_fails(open_store: OpenStore, wire: Wire) -> None:
    """Aborted, unavailable, too late, and answers lost after the commit was applied. Each person arrives four times."""
    store = open_store()
    wire.plan = some(FAULTS)
    outcomes = sign_in_all(store, [make_identity(str(number // 4)) for number in range(SIGN_INS)])
    wire.plan = None
    assert outcomes == Counter(SignedIn=SIGN_INS)
    assert count_rows(store) == expected_rows(people=SIGN_INS // 4, sign_ins=SIGN_INS)

    naive = open_store(NaiveStore)
    wire.plan = some(FAULTS)
    outcomes = sign_in_all(naive, [make_identity(f"n{number // 4}") for number in range(80)])
    wire.plan = None
    assert outcomes["SignedIn"] < 80
    assert count_rows(store)["User"] > SIGN_INS // 4 + 20


@pytest.mark.parametrize("fault", Fault)
def test_nobody_is_turned_away_because_a_visit_could_not_be_noted(
    open_store: OpenStore, wire: Wire, fault: Fault
) -> None:
    now = datetime.now(UTC)
    accounts = make_accounts(open_store(), now=lambda: now)
    signed_in = accounts.arrive(*arrive())
    assert isinstance(signed_in, SignedIn)
    now += timedelta(minutes=15)
    wire.plan = always(fault, to="Commit")
    seen = accounts.get_signed_in(browser_of(signed_in))
    if fault is Fault.GONE:  # the session, in another tab
        assert seen is None
    else:
        assert seen is not None
        assert seen.user == signed_in.user
