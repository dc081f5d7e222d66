"""Datastore's client in threads and processes: made on first use, one a process, and none goes through a fork (T97)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.models import User
from portal.storage import Insert, open_store
from tests.storage.samples import make_user
from tests.storage.stages import PATIENCE, all_at_once, threads_that_change_often
from tests.storage.wire import Wire

ROOT = Path(__file__).parents[2]


def run(program: str, *arguments: str) -> tuple[str, str]:
    """What a program of a process of its own prints, and what it complains of."""
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return answer.stdout, answer.stderr


OPENING = """
import os, select, socket, sys
from portal.errors import StoreError
from portal.storage import open_store
from portal.storage.budget import request_budget

def say():
    asked = bool(select.select([listening], [], [], 0)[0])
    print("grpc" in sys.modules, len(os.listdir("/proc/self/task")) > 1, asked)

with socket.create_server(("127.0.0.1", 0)) as listening:
    os.environ["DATASTORE_EMULATOR_HOST"] = f"127.0.0.1:{listening.getsockname()[1]}"
    say()
    store = open_store("datastore://demo")
    say()
    try:
        with request_budget(0.5):
            store.check()
    except StoreError:
        say()
    store.close()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux lists them")
def test_opening_a_store_starts_no_thread_and_calls_nobody() -> None:
    out, err = run(OPENING)
    assert err == ""
    assert out.splitlines() == ["False False False", "True False False", "True True True"]


def test_many_threads_that_are_the_first_make_one_client(datastore_url: str, wire: Wire) -> None:
    store = open_store(datastore_url)
    with threads_that_change_often():
        outcomes = all_at_once(lambda number: store.commit(Insert(make_user(str(number)))), threads=40)
    assert outcomes == [None] * 40
    assert len(store.scan(User)) == 40
    assert wire.channels == 1
    store.close()
    store.check()
    assert wire.channels == 2
    store.close()


FORKING = """
import os, sys, time
from portal.errors import AlreadyExists, CommitUnknown
from portal.models import User
from portal.storage import Insert, datastore_calls, open_store
from tests.storage.samples import make_user

process, open_channel = os.getpid, datastore_calls.open_channel

def open_and_tell(emulator):
    os.write(opened, f"{process()} ".encode())
    return open_channel(emulator)

told, opened = os.pipe()
datastore_calls.open_channel = open_and_tell
if sys.argv[2] == "naive":
    os.getpid = lambda: 1  # the store takes all of them for one process
store = open_store(sys.argv[1])
store.commit(Insert(make_user("parent")))
children = []
for number in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        for _ in range(5):
            try:
                store.commit(Insert(make_user(f"child {number}")))
            except CommitUnknown:  # gRPC sometimes breaks a stream just after a fork, and opens another
                continue
            except AlreadyExists:
                pass
            break
        store.close()
        os._exit(0)
ends = time.monotonic() + 10
for child in children:
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > ends:
            os.kill(child, 9)
            print("hung")
        time.sleep(0.01)
os.close(opened)
print(len(set(os.read(told, 1000).split())), "clients")
print(len(store.scan(User)), "users")
"""


def test_a_child_of_a_process_that_used_the_store_makes_its_own_client(datastore_url: str) -> None:
    assert run(FORKING, datastore_url, "ours") == ("9 clients\n9 users\n", "")


def test_a_client_that_goes_through_a_fork_is_caught_by_the_same_program(datastore_url: str) -> None:
    out, _ = run(FORKING, datastore_url, "naive")
    assert "1 clients" in out.splitlines()
