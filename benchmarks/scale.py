"""What a sign-in costs with more and more people in the store: `python -m benchmarks.scale --store sqlite`.

The store is real, and so is `Accounts`; Flask and the network to a provider are left out, for they don't know how many
people there are. Each size has a store of its own (on Datastore an emulator of its own), and they are measured in turn,
so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from unittest.mock import patch

from benchmarks.counting import COUNTERS, Operations
from benchmarks.crowds import CIPHER, Known, arrive, fill
from portal.accounts import Accounts, Browser, SignedIn
from portal.storage import Store, open_store
from tests.emulator import running_emulator

SIZES = {"sqlite": "1000,10000,100000,1000000", "datastore": "1000,10000,100000"}
FILLING = {
    "sqlite": {"batch": 50_000, "threads": 1},  # SQLite's writers would only queue
    "datastore": {"batch": 5, "threads": 4},  # people; of Datastore's 500 records a commit its emulator likes few
}
# US dollars for 100,000 reads, writes, deletes: what Firestore in Datastore mode has cost where it is dearest, and an
# assumption: https://cloud.google.com/firestore/pricing has today's, for each location. (2026-11-21)
PRICES = "0.06,0.18,0.02"
KNOWN = 1_000  # people who come back, drawn from all of a store
WARM_UP = 200  # rounds; the emulator is compiled as it goes
AT_ONCE = 16  # threads, as gunicorn.conf.py has
SECONDS = 3.0


class Visits:
    """The requests that are measured: of newcomers, and of people drawn by lot from all there are."""

    def __init__(self, people: int, known: list[Known]) -> None:
        self._known = known
        self._elsewhere: list[SignedIn] = []
        self._lot = random.Random(7)
        self._newcomers = iter(range(people, 10**12))

    def by_name(self) -> dict[str, Callable[[Accounts], None]]:
        return {
            "first sign-in": self.sign_up,
            "returning, other browser": self.return_elsewhere,
            "returning, same browser": self.return_here,
            "signed-in page": self.open_page,
            "account page": self.open_account,
            "sign out": self.sign_out,
        }

    def sign_up(self, accounts: Accounts) -> None:
        accounts.arrive(*arrive(next(self._newcomers)))

    def return_elsewhere(self, accounts: Accounts) -> None:
        signed_in = accounts.arrive(*arrive(self._lot.choice(self._known).number))
        assert isinstance(signed_in, SignedIn)
        self._elsewhere.append(signed_in)

    def return_here(self, accounts: Accounts) -> None:
        place = self._lot.randrange(len(self._known))
        before = self._known[place]
        signed_in = accounts.arrive(*arrive(before.number, before.browser))
        assert isinstance(signed_in, SignedIn)
        self._known[place] = Known(before.number, Browser(signed_in.user.id, signed_in.session.id))

    def open_page(self, accounts: Accounts) -> None:
        assert accounts.get_signed_in(self._lot.choice(self._known).browser)

    def open_account(self, accounts: Accounts) -> None:
        signed_in = accounts.get_signed_in(self._lot.choice(self._known).browser)
        assert signed_in
        assert accounts.list_identities(signed_in.user)

    def sign_out(self, accounts: Accounts) -> None:
        """Of the other browser. The look-up before it is the page's own."""
        accounts.sign_out(self._elsewhere.pop())


class Place:
    """A store with so many people in it: what each operation does there, and the milliseconds it took each time."""

    def __init__(self, kind: str, size: int, stack: ExitStack) -> None:
        self.size = size
        opened = stack.enter_context(empty_store(kind))
        store = stack.enter_context(closing(opened()))
        began = time.monotonic()
        self._visits = Visits(size, fill(store, size, known=KNOWN, **FILLING[kind]))
        print(f"{size:,} people came in {time.monotonic() - began:.0f} s", flush=True)
        with COUNTERS[kind](opened) as listener:
            self.operations: dict[str, Operations] = {
                name: listener.count(visit) for name, visit in self._visits.by_name().items()
            }
        self._accounts = Accounts(store, CIPHER)
        self.cpu: dict[str, list[float]] = {name: [] for name in self.operations}
        self.wall: dict[str, list[float]] = {name: [] for name in self.operations}

    def measure_once(self) -> None:
        for name, visit in self._visits.by_name().items():
            cpu, wall = time.process_time(), time.perf_counter()
            visit(self._accounts)
            self.cpu[name].append(1000 * (time.process_time() - cpu))
            self.wall[name].append(1000 * (time.perf_counter() - wall))

    def forget_warm_up(self) -> None:
        for times in (*self.cpu.values(), *self.wall.values()):
            times.clear()

    def returns_a_second(self) -> float:
        """How many people who return are signed in by one process with all its threads."""
        ends = time.monotonic() + SECONDS

        def one_after_another(_: int) -> int:
            done = 0
            while time.monotonic() < ends:
                self._visits.return_elsewhere(self._accounts)
                done += 1
            return done

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(one_after_another, range(AT_ONCE))) / SECONDS


@contextmanager
def empty_store(kind: str) -> Iterator[Callable[[], Store]]:
    """What opens one that is gone afterwards."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield lambda: open_store(f"sqlite:///{Path(folder) / 'portal.db'}")
        return
    # It keeps everything in memory: 100,000 people take more than 2 GB.
    with patch.dict(os.environ, {"JAVA_TOOL_OPTIONS": "-Xms4g -Xmx4g"}), running_emulator() as emulator:

        def opened() -> Store:
            with patch.dict(os.environ, {"DATASTORE_EMULATOR_HOST": emulator.host}):
                return open_store("datastore://demo")

        yield opened


def show(place: Place) -> None:
    print(f"\n{place.size:,} people\n{'':26}{Operations.HEADING}{'CPU ms':>9}{'p95':>8}{'wall ms':>9}{'p95':>8}")
    for name, operations in place.operations.items():
        times = "".join(
            f"{median(spent):9.3f}{quantiles(spent, n=20)[-1]:8.3f}" for spent in (place.cpu[name], place.wall[name])
        )
        print(f"{name:26}{operations}{times}")


def show_slope(least: Place, most: Place) -> None:
    print(f"\nfrom {least.size:,} people to {most.size:,}, the medians' ratio\n{'':26}{'CPU':>9}{'wall':>9}")
    for name in least.operations:
        cpu, wall = (median(after[name]) / median(before[name]) for after, before in _times(most, least))
        print(f"{name:26}{cpu:9.2f}{wall:9.2f}")


def show_money(place: Place, prices: list[float]) -> None:
    print(f"\nUS dollars for a million, at {prices} for 100,000 reads, writes and deletes")
    for name, each in place.operations.items():
        cost = sum(price * much for price, much in zip(prices, (each.reads, each.writes, each.deletes), strict=True))
        print(f"{name:26}{10 * cost:9.2f}")


def _times(most: Place, least: Place) -> Iterator[tuple[dict[str, list[float]], dict[str, list[float]]]]:
    yield most.cpu, least.cpu
    yield most.wall, least.wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=SIZES, default="sqlite")
    parser.add_argument("--users", help="sizes, with commas between")
    parser.add_argument("--rounds", type=int, default=1_000, help="how often each operation is measured at each size")
    parser.add_argument("--prices", default=PRICES, help="of 100,000 reads, writes and deletes")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and the emulators and files with it
    sizes = sorted(int(size) for size in (asked.users or SIZES[asked.store]).split(","))
    with ExitStack() as stack:
        places = [Place(asked.store, size, stack) for size in sizes]
        gc.collect()
        gc.freeze()  # what filling left is not to be looked through while others are timed
        for number in range(WARM_UP + asked.rounds):
            for place in places:
                if number == WARM_UP:
                    place.forget_warm_up()
                place.measure_once()
        for place in places:
            show(place)
        show_slope(places[0], places[-1])
        if asked.store == "datastore":
            show_money(places[0], [float(price) for price in asked.prices.split(",")])
        print(f"\nreturning sign-ins a second, one process, {AT_ONCE} threads")
        for place in places:
            print(f"{place.size:>11,}{place.returns_a_second():9,.0f}", flush=True)


if __name__ == "__main__":
    main()
