"""Workers that end and begin under traffic: everybody is answered, in time, and stays themselves (T97).

Beside this, a Datastore client that goes through a fork is in tests/storage/test_datastore_processes.py, and gunicorn's
`--preload`, which would bring one about, is refused in tests/test_app_engine.py.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.models import User
from portal.storage import open_store
from tests.races.crowd import Visitor
from tests.serving import Served, served

pytestmark = pytest.mark.full  # gunicorn with many workers
RECYCLES = 500  # on each store; one takes 0.3 to 0.45 s of CPU, traffic included
WORKERS = 8
REQUESTS = 2  # of a worker, and then another takes its place
PEOPLE = 8  # at once
ANSWERED = 10.0  # seconds for a request, which may have to wait for a worker to come up
SENT_AGAIN = 0.02  # the largest share of requests that may be
OFTEN = ["--workers", str(WORKERS), "--max-requests", str(REQUESTS), "--config", "tests/races/loaded.conf.py"]
PRELOADED = ["--preload", "--config", os.devnull, "--no-control-socket", "--graceful-timeout", "1"]


class Watch:
    """What many browsers saw: outcomes of sign-ins, statuses of answers, and how long one had to wait for them."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.sent_again = 0
        self.longest = 0.0
        self._lock = threading.Lock()

    def note(self, outcome: str) -> None:
        with self._lock:
            self.outcomes[outcome] += 1

    def answered(self, status: int, seconds: float, *, again: bool) -> None:
        with self._lock:
            self.statuses[status] += 1
            self.longest = max(self.longest, seconds)
            self.sent_again += again


class Watched(requests.Session):
    """A browser's connections. Where one ends before it is answered, it is opened again, once, as browsers do."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.trust_env = False
        self._watch = watch

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        how["timeout"] = self._watch.patience
        began, again = time.monotonic(), False
        try:
            answer = super().send(request, **how)
        except requests.ConnectionError:
            again = True
            answer = super().send(request, **how)
        self._watch.answered(answer.status_code, time.monotonic() - began, again=again)
        return answer


@contextmanager
def people_signing_in(portal: Served, watch: Watch) -> Iterator[None]:
    """One newcomer after another, several at a time, for as long as the block runs."""
    numbers, enough = count(1), threading.Event()

    def one_after_another() -> None:
        while not enough.is_set():
            watch.note(outcome_of(next(numbers)))

    def outcome_of(number: int) -> str:
        name, visitor = f"Person {number}", Visitor(portal)
        with Watched(watch) as visitor.http:
            try:
                visitor.returns(visitor.gets_callback(str(number), name))
                shown = visitor.name_shown()
            except (requests.RequestException, KeyError, AssertionError) as error:
                return type(error).__name__
        return "right" if shown == name else f"{shown}, who is {name}"

    with ThreadPoolExecutor(PEOPLE) as pool:
        running = [pool.submit(one_after_another) for _ in range(PEOPLE)]
        try:
            yield
        finally:
            enough.set()
    for each in running:
        each.result()


@pytest.mark.parametrize("kind", ["sqlite", "datastore"])
def test_people_sign_in_while_workers_come_and_go(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path}/portal.db" if kind == "sqlite" else request.getfixturevalue("datastore_url")
    watch, began = Watch(ANSWERED), time.monotonic()
    with served("portal:create_app()", folder=tmp_path, options=OFTEN, PORTAL_STORE=url) as portal:
        with people_signing_in(portal, watch):
            while (recycled := portal.log.read_text().count("Booting worker") - WORKERS) < RECYCLES:
                assert time.monotonic() - began < 60 + RECYCLES, "the workers don't recycle"
                time.sleep(0.1)
        told = portal.log.read_text()
    store = open_store(url)
    users = len(store.scan(User, limit=100_000))
    store.close()
    asked = watch.statuses.total()
    print(
        f"\n{kind}: {recycled} recycles in {time.monotonic() - began:.0f} s; {asked} requests, the longest "
        f"{watch.longest:.1f} s, {watch.sent_again} sent again; {dict(watch.outcomes)}"
    )
    assert set(watch.outcomes) == {"right"}, watch.outcomes
    assert users == watch.outcomes["right"]
    assert max(watch.statuses) < 400, watch.statuses
    assert watch.longest < ANSWERED
    assert watch.sent_again <= SENT_AGAIN * asked
    assert not re.search(r"WORKER TIMEOUT|\[ERROR\]|\[CRITICAL\]|Traceback", told), told[-5_000:]


def test_the_same_people_catch_a_worker_that_hangs_in_what_it_inherited(tmp_path: Path) -> None:
    outcomes = {}
    for how, options in {"its own": [], "inherited": PRELOADED}.items():
        watch = Watch(patience=3.0)
        with (
            served("tests.races.apps:threaded_app()", folder=tmp_path, options=options) as portal,
            people_signing_in(portal, watch),
        ):
            while not watch.outcomes:
                time.sleep(0.1)
        outcomes[how] = set(watch.outcomes)
    assert outcomes["its own"] == {"right"}
    assert "right" not in outcomes["inherited"], "it answers too late, or not at all"
