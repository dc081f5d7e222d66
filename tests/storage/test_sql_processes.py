"""SQLite under several threads and processes, through a fork, and on a full disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from portal.models import User
from portal.storage import Insert, open_store
from tests.storage.samples import make_user
from tests.storage.stages import PATIENCE, all_at_once

pytestmark = pytest.mark.full  # many processes
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "instance" / "portal.db"


def in_process(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_many_threads_may_be_the_first(path: Path) -> None:
    stores = [open_store(f"sqlite:///{path}") for _ in range(4)]
    outcomes = all_at_once(lambda number: stores[number % 4].commit(Insert(make_user(str(number)))), threads=40)
    assert outcomes == [None] * 40
    assert len(stores[0].scan(User)) == 40
    for store in stores:
        store.close()


FIRST_USE = """
import os, sys
from portal.storage import Insert, open_store
from tests.storage.samples import make_user

may_go, says_go = os.pipe()
children = []
for number in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        os.close(says_go)
        os.read(may_go, 1)  # ends for all of them together
        open_store(sys.argv[1]).commit(Insert(make_user(str(number))))
        os._exit(0)
os.close(says_go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_many_processes_may_be_the_first(path: Path) -> None:
    assert in_process(FIRST_USE, f"sqlite:///{path}").communicate(timeout=PATIENCE) == ("", "")
    store = open_store(f"sqlite:///{path}")
    assert len(store.scan(User)) == 8
    store.close()


FORK = """
import os, sqlite3, sys
from portal.storage import Insert, open_store
from portal.models import User
from tests.storage.samples import make_user

class Naive:
    def __init__(self, path):
        self.path = path
        self.open()
    def open(self):
        self.file = sqlite3.connect(self.path, isolation_level=None)
        self.file.execute("PRAGMA journal_mode = WAL")
    def add(self, name):
        self.file.execute("INSERT INTO seen VALUES (?)", [name])
    def close(self):
        self.file.close()

class Ours:
    def __init__(self, path):
        self.store = open_store(f"sqlite:///{path}")
    def open(self):
        pass
    def add(self, name):
        self.store.commit(Insert(make_user(name)))
    def close(self):
        self.store.close()

way = {"naive": Naive, "ours": Ours}[sys.argv[1]](sys.argv[2])
if sys.argv[1] == "naive":
    way.file.execute("CREATE TABLE seen (name TEXT)")
way.add("parent")
(child_is, child_says), (may_go, says_go) = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    inherited = getattr(way, "file", None)  # kept, and never used
    way.open()
    way.add("child, before the parent closes")
    os.write(child_says, b".")
    os.read(may_go, 1)
    way.add("child, after")
    os._exit(0)
os.read(child_is, 1)
way.close()
os.write(says_go, b".")
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("way", ["ours", "naive"])
def test_a_child_of_a_process_that_used_the_store_loses_nothing(tmp_path: Path, way: str) -> None:
    path = tmp_path / "portal.db"
    _, err = in_process(FORK, way, str(path)).communicate(timeout=PATIENCE)
    assert err == ""
    with closing(sqlite3.connect(path)) as file:
        table, column = ("User", "id") if way == "ours" else ("seen", "name")
        names = {name for (name,) in file.execute(f'SELECT {column} FROM "{table}"')}
    everything = {"parent", "child, before the parent closes", "child, after"}
    assert names == everything if way == "ours" else names < everything


DISK_FULL = """
import resource, signal, sys
from portal.errors import CommitUnknown
from portal.models import User
from portal.storage import Insert, open_store
from tests.storage.samples import make_user

store = open_store(sys.argv[1])
store.commit(Insert(make_user("before")))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, unlimited[1]))  # nothing that is longer can grow
try:
    store.commit(Insert(make_user("during")))
except CommitUnknown as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
print([user.id for user in store.scan(User)])
store.commit(Insert(make_user("after")))
print([user.id for user in store.scan(User)])
"""


def test_a_commit_that_the_disk_refuses_may_or_may_not_be_there(path: Path) -> None:
    out, err = in_process(DISK_FULL, f"sqlite:///{path}").communicate(timeout=PATIENCE)
    assert out.splitlines()[1:] == ["['before']", "['after', 'before']"], (out, err)
    assert out.startswith("SQLITE_")
