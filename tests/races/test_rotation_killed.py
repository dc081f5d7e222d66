"""A rotation that is killed in the middle and begun again, beside somebody who reads all the time (T75)."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from portal.canary import WatchedStore
from portal.census import count
from portal.config.values import token_key
from portal.crypto import TokenCipher, key_id
from portal.errors import SealError
from portal.kept import token_owner
from portal.models import OAuth, Token, User
from portal.storage import Insert, Store, open_store
from tests.storage.samples import make_oauth, make_token, make_user

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds after which a test has failed rather than hung
OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
BEFORE, DURING, AFTER = (TokenCipher([token_key(key) for key in ring]) for ring in ([OLD], [NEW, OLD], [NEW]))


class Reader:
    """Somebody who opens one token after the other, as whoever uses them does."""

    def __init__(self, store: Store, cipher: TokenCipher, ids: list[str]) -> None:
        self._store, self._cipher, self._ids = store, cipher, ids
        self._lot = random.Random(9)
        self.reads = self.failed = 0

    def reads_one(self) -> None:
        name = self._lot.choice(self._ids)
        token, oauth = self._store.look_up(Token.key_of(name), OAuth.key_of(name))
        self.reads += 1
        try:
            assert token
            assert oauth
            opened = self._cipher.unseal(token.sealed or b"", *token_owner(name, oauth.user_id, token.version))
            self.failed += opened != name.encode()
        except (AssertionError, SealError):
            self.failed += 1

    @contextmanager
    def all_the_time(self) -> Iterator[None]:
        done = Event()

        def read() -> None:
            while not done.is_set():
                self.reads_one()
                sleep(0.002)  # there are but two cores, and the rotation needs one

        thread = Thread(target=read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(PATIENCE)


def fill(store: Store, many: int) -> list[str]:
    """So many tokens under the old key; gives their keys, in order."""
    WatchedStore(store, BEFORE).look_up(User.key_of("ada"))
    store.commit(Insert(make_user()))
    ids = sorted(secrets.token_urlsafe(32) for _ in range(many))
    for some in [ids[first : first + 100] for first in range(0, many, 100)]:
        rows = []
        for name in some:
            sealed = BEFORE.seal(name.encode(), *token_owner(name, "ada", 1))
            rows += [Insert(make_oauth(name)), Insert(replace(make_token(name), sealed=sealed))]
        store.commit(*rows)
    return ids


def begin_rotation(url: str, folder: Path) -> subprocess.Popen[str]:
    """`manage.py keys rotate`, with the new key first."""
    configured = {key: value for key, value in os.environ.items() if not key.startswith("PORTAL_")}
    configured |= {"PORTAL_STORE": url, "PORTAL_SECRET_KEY": secrets.token_urlsafe(32)}
    configured |= {"PORTAL_TOKEN_KEYS": f"{NEW},{OLD}", "PORTAL_CONFIG": str(folder / "none.toml")}
    (folder / "none.toml").touch()
    command = [sys.executable, "manage.py", "keys", "rotate"]
    return subprocess.Popen(
        command, cwd=ROOT, env=configured, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def is_new(store: Store, name: str) -> bool:
    (token,) = store.look_up(Token.key_of(name))
    assert token
    return key_id(token.sealed or b"") == AFTER.key_ids[0]


@pytest.mark.full
@pytest.mark.parametrize(("kind", "many"), [("sqlite", 10_000), ("datastore", 1_000)])
def test_killed_in_the_middle_and_run_again_it_ends_at_100_percent_and_no_read_fails(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, many: int
) -> None:
    url = f"sqlite:///{tmp_path}/portal.db" if kind == "sqlite" else request.getfixturevalue("datastore_url")
    store = open_store(url)
    ids = fill(store, many)
    reader = Reader(store, DURING, ids)
    with reader.all_the_time():
        first = begin_rotation(url, tmp_path)
        try:
            ends = monotonic() + PATIENCE
            while not is_new(store, ids[many // 3]):
                assert first.poll() is None, first.communicate()
                assert monotonic() < ends
                sleep(0.005)
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
        assert not is_new(store, ids[-1]), "it was killed in the middle"
        read_before = reader.reads

        second = begin_rotation(url, tmp_path)
        said, _ = second.communicate(timeout=PATIENCE)
        assert second.returncode == 0, said
    assert reader.reads > read_before > 50
    assert reader.failed == 0
    *_, census = count(store, AFTER)
    assert census.values == {(AFTER.key_ids[0], "Token"): many, (AFTER.key_ids[0], "Canary"): 1}
    assert census.shut == ()
    anew = int(said.partition(" ")[0].replace(",", ""))
    assert 0 < anew < many * 5 // 6, "what the killed one did was not done again"
    assert "nothing is sealed with it any more" in said

    # The negative control: who still has the old key alone, or had the new one alone before, could not have read.
    hasty = Reader(store, BEFORE, ids)
    for _ in range(20):
        hasty.reads_one()
    assert hasty.failed == 20
    store.close()
