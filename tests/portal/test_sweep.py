"""Sessions whose time is over are cleared away, and nobody who is signed in notices."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from portal import create_app, sweep
from portal.config import load_config
from portal.crypto import digest
from portal.errors import StoreError
from portal.lifetimes import Lifetimes
from portal.models import Key, Session
from portal.storage import Insert, Store, open_store
from portal.sweep import GRACE, PAGE, ROWS, Swept, tick, walk
from tests.config.setups import PRODUCTION
from tests.person import Person

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
IDLE, ABSOLUTE = Lifetimes().idle, Lifetimes().absolute
MOMENT = timedelta(microseconds=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/swept.db")
    yield store
    store.close()


def session(number: int = 0, *, seen: datetime = NOW, expires: datetime = NOW + ABSOLUTE) -> Session:
    return Session(
        id=digest("Session", str(number)),
        user_id="u" * 22,
        epoch=0,
        flow="f",
        oauth_id="o",
        created=seen,
        seen=seen,
        expires=expires,
        fresh_until=seen,
        device=None,
    )


def live(number: int) -> Session:
    return session(number)


def over(number: int) -> Session:
    return session(number, expires=NOW - timedelta(days=1))


def keep(store: Store, *sessions: Session) -> None:
    for start in range(0, len(sessions), 400):
        store.commit(*map(Insert, sessions[start : start + 400]))


def ids(store: Store) -> set[str]:
    return {kept.id for kept in store.scan(Session, limit=100_000)}


EDGES = {
    "just signed in": (NOW, NOW + ABSOLUTE, True),
    "idle to the last moment": (NOW - IDLE - GRACE + MOMENT, NOW + timedelta(days=9), True),
    "idle too long": (NOW - IDLE - GRACE, NOW + timedelta(days=9), False),
    "at its absolute limit, which a slow clock may not have reached": (NOW, NOW - GRACE + MOMENT, True),
    "past its absolute limit": (NOW, NOW - GRACE, False),
    "past both": (NOW - ABSOLUTE, NOW - ABSOLUTE, False),
}


@pytest.mark.parametrize(("seen", "expires", "stays"), EDGES.values(), ids=EDGES)
def test_time_alone_decides(store: Store, seen: datetime, expires: datetime, stays: bool) -> None:
    keep(store, session(seen=seen, expires=expires))
    assert tick(store, NOW) == Swept(1, 0 if stays else 1, 1.0)
    assert bool(ids(store)) is stays


def test_a_shared_computer_s_session_is_over_by_its_own_limits(store: Store) -> None:
    shared = replace(session(seen=NOW - timedelta(minutes=30) - GRACE), shared=True)
    kept = replace(session(1, seen=NOW - timedelta(minutes=30) - GRACE + MOMENT), shared=True)
    keep(store, shared, kept)
    tick(store, NOW)
    assert ids(store) == {kept.id}


def test_the_admin_s_limits_are_those_that_count(store: Store) -> None:
    keep(store, session(seen=NOW - timedelta(days=2)))
    assert tick(store, NOW).deleted == 0
    assert tick(store, NOW, Lifetimes(idle=timedelta(days=1))).deleted == 1


def test_an_empty_store_is_swept_at_once(store: Store) -> None:
    assert tick(store, NOW) == Swept(0, 0, 1.0)


def test_a_second_sweep_finds_nothing_to_do(store: Store) -> None:
    keep(store, *map(live, range(10)), *map(over, range(10, 30)))
    assert (tick(store, NOW).deleted, tick(store, NOW)) == (20, Swept(10, 0, 1.0))


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_walk_sees_every_session_once_wherever_it_begins(
    store: Store, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, *map(live, range(count)))
    inside = sorted(ids(store))[count // 2]
    for start in ("-" * 43, "z" * 43, inside, inside[:20]):
        monkeypatch.setattr("secrets.token_urlsafe", lambda _, start=start: start)
        *_, last = walk(store, NOW)
        assert last == Swept(count, 0, 1.0), start


def test_what_is_deleted_beneath_a_walk_does_not_lead_it_astray(store: Store) -> None:
    keep(store, *map(over, range(5 * PAGE)))
    *_, last = walk(store, NOW)
    assert last == Swept(5 * PAGE, 5 * PAGE, 1.0)
    assert ids(store) == set()


def test_the_share_of_a_walk_rises_to_the_whole(store: Store) -> None:
    keep(store, *map(live, range(6 * PAGE)))
    steps = list(walk(store, NOW))
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert all(abs(step.share - step.seen / (6 * PAGE)) < 0.1 for step in steps)


def test_a_tick_ends_after_its_rows(store: Store) -> None:
    keep(store, *map(over, range(ROWS + 3 * PAGE)))
    swept = tick(store, NOW)
    assert ROWS <= swept.seen < ROWS + PAGE
    assert swept.deleted == swept.seen
    assert swept.share < 1


def test_a_tick_ends_after_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store, *map(over, range(4 * PAGE)))
    monkeypatch.setattr(sweep, "SECONDS", 0)
    assert PAGE <= tick(store, NOW).seen < 2 * PAGE, "a page, and what was left behind the place it began at"


def test_ticks_that_each_see_a_part_see_all_before_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered between them. A walk that always began at the front would see the same tenth for ever."""
    keep(store, *map(live, range(9 * PAGE)), *map(over, range(9 * PAGE, 10 * PAGE)))
    monkeypatch.setattr(sweep, "ROWS", PAGE)
    for _ in range(200):  # 0.9 ** 200 × 200 rows: once in 7 million runs
        tick(store, NOW)
    assert ids(store) == {live(number).id for number in range(9 * PAGE)}

    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "-" * 43)
    keep(store, *map(over, range(10 * PAGE, 11 * PAGE)))
    for _ in range(20):
        tick(store, NOW)
    assert len(ids(store)) > 9 * PAGE, "the negative control"


def test_a_store_that_fails_midway_has_lost_nothing_and_the_next_tick_goes_on(store: Store) -> None:
    keep(store, *map(live, range(PAGE)), *map(over, range(PAGE, 3 * PAGE)))

    class Failing:
        scans = 0

        def scan(self, kind: type[Session], *, after: Key[Session] | None, limit: int) -> list[Session]:
            self.scans += 1
            if self.scans == 2:
                raise StoreError("out of reach")
            return store.scan(kind, after=after, limit=limit)

        def commit(self, *mutations: object) -> None:
            store.commit(*mutations)  # type: ignore[arg-type]

    with pytest.raises(StoreError):
        tick(Failing(), NOW)  # type: ignore[arg-type]
    tick(store, NOW)
    assert ids(store) == {live(number).id for number in range(PAGE)}


def test_two_sweeps_at_once_agree(store: Store) -> None:
    keep(store, *map(live, range(PAGE)), *map(over, range(PAGE, 4 * PAGE)))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            tick(store, NOW)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert len(ids(store)) == PAGE


def test_who_is_signed_in_stays_so_and_who_was_away_too_long_signs_in_anew(
    app: Flask, people: Callable[[], Person]
) -> None:
    here, away = people(), people()
    here.signs_in_with("github")
    away.signs_in_with("google")
    store: Store = app.extensions["portal"].store
    theirs = [kept for kept in store.scan(Session) if kept.user_id == away.user_id]
    long_ago = datetime.now(UTC) - IDLE - 2 * GRACE
    store.commit(*[sweep.Delete(kept.key) for kept in theirs])
    store.commit(*[Insert(replace(kept, seen=long_ago)) for kept in theirs])
    assert tick(store, datetime.now(UTC)).deleted == 1
    assert here.account
    assert away.account is None
    away.signs_in_with("google")
    assert away.account


# Who may ask for it.

CRON = {"X-Appengine-Cron": "true"}


@pytest.fixture
def on_app_engine(store: Store, tmp_path: Path) -> Flask:
    environ = PRODUCTION | {"GAE_ENV": "standard", "PORTAL_STORE": "datastore://my-project"}
    return create_app(load_config(environ=environ, cwd=tmp_path), store=store)


@pytest.fixture
def elsewhere(store: Store, tmp_path: Path) -> Flask:
    return create_app(load_config(environ=PRODUCTION, cwd=tmp_path), store=store)


@pytest.fixture
def long_over(store: Store) -> None:
    keep(store, session(expires=datetime.now(UTC) - timedelta(days=1)))


@pytest.mark.usefixtures("long_over")
@pytest.mark.parametrize("host", ["my-project.ew.r.appspot.com", "p.example", "20261121t0-dot-my-project.appspot.com"])
def test_app_engine_s_cron_is_believed_by_its_header_and_comes_by_appspot_s_name(
    on_app_engine: Flask, store: Store, host: str
) -> None:
    """Seen in github.com/chromium/hstspreload.org/pull/242: the Host is appspot's even where the site's is another."""
    answer = on_app_engine.test_client().get("/_tasks/tick", base_url=f"http://{host}", headers=CRON)
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers.getlist("Set-Cookie") == []
    assert ids(store) == set()


@pytest.mark.usefixtures("long_over")
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Appengine-Cron": "false"}, {"X-Appengine-Cron": "1"}, {"X-Appengine-Cron": ""},
     {"X-Appengine-Cron": "true, true"}, {"X-Cloudscheduler": "true"}, {"X-Appengine-Taskname": "x"}],
    ids=str,
)  # fmt: skip
def test_nobody_else_is(on_app_engine: Flask, store: Store, headers: dict[str, str]) -> None:
    """T29."""
    answer = on_app_engine.test_client().get("/_tasks/tick", base_url="https://p.example", headers=headers)
    assert answer.status_code == 404
    assert len(ids(store)) == 1


@pytest.mark.usefixtures("long_over")
def test_where_anybody_can_write_the_header_nobody_is(elsewhere: Flask, store: Store) -> None:
    """T29."""
    answer = elsewhere.test_client().get("/_tasks/tick", base_url="https://p.example", headers=CRON)
    assert answer.status_code == 404
    assert len(ids(store)) == 1


def test_a_tick_whose_store_is_away_fails_so_that_cron_knows(
    on_app_engine: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreError("out of reach")

    monkeypatch.setattr(on_app_engine.extensions["portal"].store, "scan", down)
    answer = on_app_engine.test_client().get("/_tasks/tick", base_url="https://my-project.appspot.com", headers=CRON)
    assert answer.status_code == 503


def test_a_tick_is_no_form(on_app_engine: Flask) -> None:
    answer = on_app_engine.test_client().post("/_tasks/tick", base_url="https://p.example", headers=CRON)
    assert answer.status_code == 405


# By hand.


def manage_tick(
    store: str, folder: Path, *, command: str = "tick", stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    (folder / "none.toml").write_text("")
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "PORTAL_CONFIG": str(folder / "none.toml"), "PORTAL_STORE": store},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )


@pytest.mark.usefixtures("long_over")
@pytest.mark.parametrize("command", ["sweep", "tick"])
def test_the_admin_s_command_does_it_all_and_says_so(store: Store, tmp_path: Path, command: str) -> None:
    keep(store, *[session(n, seen=datetime.now(UTC), expires=datetime.now(UTC) + ABSOLUTE) for n in range(1, ROWS + 9)])
    done = manage_tick(f"sqlite:///{tmp_path}/swept.db", tmp_path, command=command)
    assert (done.returncode, done.stderr) == (0, "")
    told = [f"{ROWS + 9} sessions seen, 1 deleted", "0 events seen, 0 deleted"]
    assert done.stdout.splitlines() == told, "no bar where no terminal is"


def test_on_a_terminal_it_shows_how_far_it_is(store: Store, tmp_path: Path) -> None:
    keep(store, *map(over, range(2 * PAGE)))
    ours, theirs = pty.openpty()
    try:
        assert manage_tick(f"sqlite:///{tmp_path}/swept.db", tmp_path, stdout=theirs).returncode == 0
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Going over the sessions" in shown
    assert "100%" in shown
    assert f"{2 * PAGE} sessions seen, {2 * PAGE} deleted" in shown


def test_the_admin_s_command_tells_what_is_wrong_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database " * 400)
    for store in (f"sqlite:///{tmp_path}/bad.db", "nonsense"):
        done = manage_tick(store, tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr
