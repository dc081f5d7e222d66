"""`manage.py users`, `events` and `providers`, as an admin types them, beside people who use the portal meanwhile."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask_login import current_user

from manage import main
from portal import create_app
from portal.admin import happened
from portal.admin.happened import following
from portal.config import load_config
from portal.models import Event, OAuth, User
from portal.storage import Insert, Store, Update
from tests.person import Person

Run = Callable[..., Result]
NOBODY = ("nobody", "", " ", "github:", "github:0", "nowhere:1", "\x1b[31m", "x" * 5000)


@pytest.fixture
def app(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A portal that people use, and the same configuration in the environment of the commands."""
    environ |= {"PORTAL_ADMINS": "github:1906"}
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    app = create_app(load_config(environ=environ, cwd=tmp_path))
    yield app
    app.extensions["portal"].store.close()


@pytest.fixture
def store(app: Flask) -> Store:
    return app.extensions["portal"].store  # type: ignore[no-any-return]


@pytest.fixture
def run(app: Flask) -> Run:
    """A command, which by default has to succeed."""

    def run(*arguments: str, fails: bool = False, says: str | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, input=says)
        assert (result.exit_code != 0) is fails, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada(person: Person) -> Person:
    person.signs_in_with("github")
    return person


def whats(store: Store, person: Person) -> list[str]:
    return [event.what for event in store.list_under(Event, person.user_id or "", limit=50)]


def user(store: Store, user_id: str | None) -> User:
    (found,) = store.look_up(User.key_of(user_id or "-"))
    assert found
    return found


# Finding and showing.


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{id}", "has this id"),
        ("github:{subject}", "has this identity of github"),
        pytest.param("{issuer} {subject}", "has this identity of github", marks=pytest.mark.full),
        ("ADA.Lovelace@Code.test", "proved this address"),
        ("ada", ""),
        pytest.param("LOVELACE", "", marks=pytest.mark.full),
    ],
)
def test_somebody_is_found_by_whatever_one_knows(ada: Person, run: Run, store: Store, text: str, why: str) -> None:
    (oauth,) = store.scan(OAuth)
    asked = text.format(id=ada.user_id, subject=oauth.subject, issuer=oauth.issuer)
    line = run("users", "find", asked).stdout
    assert line.startswith(f"{ada.user_id}  Ada Lovelace  active  ")
    assert line.rstrip().endswith(why)


@pytest.mark.full
def test_an_address_that_nobody_proved_is_told_so(person: Person, run: Run) -> None:
    person.signs_in_with("facebook")
    assert "nobody checked" in run("users", "find", "ada@social.test").stdout


@pytest.mark.parametrize("text", ["x@y.org", *(pytest.param(text, marks=pytest.mark.full) for text in NOBODY)])
def test_nobody_is_a_sentence(ada: Person, run: Run, text: str) -> None:
    for command in (("users", "find", text), ("users", "show", text), ("users", "suspend", text, "--reason", "x")):
        said = run(*command, fails=True).output
        assert said.startswith("Error: ")
        assert "\x1b" not in said


@pytest.mark.full
def test_only_as_many_users_are_looked_at_for_a_name_as_one_wants(run: Run, store: Store) -> None:
    now = datetime.now(UTC)
    store.commit(*(Insert(User(f"u{n:03}", f"Name {n}", None, now, "active", 0, ())) for n in range(300)))
    assert len(run("users", "find", "name", "--most", "7").stdout.splitlines()) == 7
    assert "299" in run("users", "find", "name 299").stdout
    said = run("users", "find", "name 299", "--walk", "200", fails=True).output
    assert "only 200 users were looked at" in said


def test_what_is_shown_of_somebody(ada: Person, run: Run) -> None:
    ada.adds("google")
    said = run("users", "show", ada.user_id or "").stdout
    for shown in (
        "Ada Lovelace",
        ada.user_id,
        "active",
        "github:",
        "google:",
        "ada@example.com",
        "Signed in on 1 devices",
    ):
        assert str(shown) in said
    assert re.search(r"linked +google .*\n.*signed-up +github", said)


@pytest.mark.full
def test_what_people_write_can_t_move_the_cursor(ada: Person, run: Run, store: Store) -> None:
    """T78."""
    store.commit(Update(replace(user(store, ada.user_id), name="Ada\x1b[2J\nadmin yes\u202e")))
    for command in (
        ("users", "show", ada.user_id or ""),
        ("users", "find", "ada"),
        ("users", "sign-out", ada.user_id or ""),
    ):
        said = run(*command).output
        assert "\x1b" not in said
        assert "\nadmin yes" not in said
        assert "\u202e" not in said


# Changing.


def test_suspending_and_restoring(ada: Person, run: Run, store: Store) -> None:
    user_id = ada.user_id or ""
    run("users", "suspend", user_id, fails=True)  # a reason is asked for
    assert "is suspended, and signed out everywhere" in run("users", "suspend", user_id, "--reason", "Spam").stdout
    assert ada.account is None
    assert "suspended: Spam" in run("users", "show", user_id).stdout
    assert "is suspended already" in run("users", "suspend", user_id, "--reason", "Spam", fails=True).output
    run("users", "restore", user_id)
    ada.signs_in_with("github")
    assert whats(store, ada) == ["signed-in", "restored", "suspended", "signed-up"]
    assert {event.by for event in store.scan(Event) if event.by} == {f"command line: {getpass.getuser()}"}


def test_signing_somebody_out(ada: Person, run: Run) -> None:
    run("users", "sign-out", f"github:{subject(ada)}", "--reason", "They asked")
    assert ada.account is None
    ada.signs_in_with("github")
    assert ada.account


def subject(person: Person) -> str:
    store: Store = person.app.extensions["portal"].store
    return next(oauth.subject for oauth in store.scan(OAuth) if oauth.user_id == person.user_id)


def test_promoting_and_demoting(ada: Person, app: Flask, run: Run, store: Store) -> None:
    """T95. It holds at the next sign-in, and ends at the next request."""

    app.view_functions["portal.home"] = lambda: str(current_user.is_authenticated and current_user.is_admin)
    user_id = ada.user_id or ""
    assert ada.opens("/").text == "False"
    run("users", "promote", user_id, "--reason", "Looks after the shop")
    assert ada.account is None
    ada.signs_in_with("github")
    assert ada.opens("/").text == "True"
    assert "promoted" in run("users", "show", user_id).stdout
    run("users", "demote", user_id)
    assert ada.opens("/").text == "False"
    assert ada.opens("/account").status_code == 303, "signed out, too"
    ada.signs_in_with("github")
    assert ada.opens("/").text == "False"
    assert whats(store, ada)[:4] == ["signed-in", "demoted", "signed-in", "promoted"]


@pytest.mark.full
def test_who_is_listed_is_an_admin_whatever_is_said_here(people: Callable[[], Person], run: Run) -> None:
    """T95."""
    grace = people()
    grace.signs_in_with("github", "grace")
    assert "listed in the configuration" in run("users", "show", "github:1906").stdout
    run("users", "promote", "github:1906")
    assert "they still are one" in run("users", "demote", "github:1906").output
    run("users", "suspend", "github:1906", "--reason", "x")
    assert "listed in the configuration, but suspended" in run("users", "show", "github:1906").stdout


@pytest.mark.full
def test_an_id_that_begins_like_an_option_is_an_id(run: Run, store: Store) -> None:
    for user_id in ("-88hVjUwNqwqCAauJUu-fg", "--yesVjUwNqwqCAauJUufg", "-y-hVjUwNqwqCAauJUu-fg"):
        store.commit(Insert(User(user_id, None, None, datetime.now(UTC), "active", 0, ())))
        assert user_id in run("users", "show", user_id).stdout
        run("users", "suspend", user_id, "--reason", "x")
        assert user_id in run("events", "--user", user_id).stdout
        run("users", "delete", user_id, "--yes")


def test_removing_a_way_in_asks_first_and_never_takes_the_last(ada: Person, run: Run, store: Store) -> None:
    ada.adds("google")
    google = next(oauth.subject for oauth in store.scan(OAuth) if oauth.entry == "google")
    command = ("users", "unlink", ada.user_id or "", f"google:{google}")
    assert "Aborted" in run(*command, fails=True, says="n\n").output
    assert len(store.scan(OAuth)) == 2
    assert "no longer opens" in run(*command, says="y\n").output
    assert ada.account is None, "signed out everywhere"
    assert "is no way into" in run(*command, "--yes", fails=True).output
    last = ("users", "unlink", ada.user_id or "", f"github:{store.scan(OAuth)[0].subject}", "--yes")
    assert "is the last way into" in run(*last, fails=True).output
    assert len(store.scan(OAuth)) == 1


def test_deleting_asks_first_and_leaves_nothing(ada: Person, run: Run, store: Store) -> None:
    user_id = ada.user_id or ""
    assert "can't be undone" in run("users", "delete", user_id, fails=True, says="\n").output
    assert ada.account
    assert "was deleted by command line: " in run("users", "delete", user_id, "--yes").stdout
    assert ada.account is None
    assert [store.scan(kind) for kind in (User, OAuth, Event)] == [[], [], []]
    assert "there is no user" in run("users", "delete", user_id, "--yes", fails=True).output


def test_the_copy_is_the_one_that_its_owner_gets_and_leaves_a_note(ada: Person, run: Run, store: Store) -> None:
    own = json.loads(ada.opens("/account/export").text)
    copy = json.loads(run("users", "export", ada.user_id or "").stdout)
    for session in own["sessions"]:
        session["this one"] = False
    assert copy == own
    assert whats(store, ada)[0] == "exported"


@pytest.mark.full
def test_a_recovery_link_says_who_made_it(ada: Person, run: Run, store: Store) -> None:
    run("users", "recover", ada.user_id or "")
    event = store.list_under(Event, ada.user_id or "", limit=1)[0]
    assert (event.what, event.by) == ("recovery-link-made", f"command line: {getpass.getuser()}")


@pytest.mark.full
@pytest.mark.parametrize("reason", ["", " ", "\x00\u202e"])
def test_a_reason_that_says_nothing_is_refused(ada: Person, run: Run, reason: str) -> None:
    assert "--reason is empty" in run("users", "suspend", ada.user_id or "", "--reason", reason, fails=True).output
    assert ada.account


@pytest.mark.full
def test_a_store_out_of_reach_is_a_sentence(
    ada: Person, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("PORTAL_STORE", f"sqlite:///{tmp_path}/broken.db")
    for command in (("users", "find", "ada"), ("users", "delete", "x", "--yes"), ("events",), ("providers", "--count")):
        assert "SQLITE_NOTADB" in run(*command, fails=True).output


@pytest.mark.full
def test_a_configuration_that_is_wrong_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for keep, wrong in (
        ("3", "without saying of what"),
        ("1h", "less than a day"),
        ("11y", "no length"),
        ("9999w", "the most"),
    ):
        monkeypatch.setenv("PORTAL_EVENTS__KEEP", keep)
        said = run("events", fails=True).output
        assert "events.keep" in said
        assert wrong in said or keep == "3"


# Events.


def test_what_happened_is_told_the_newest_last(ada: Person, run: Run) -> None:
    ada.renames("Countess")
    ada.signs_out()
    lines = run("events").stdout.splitlines()
    assert [line.split("  ")[2] for line in lines] == ["signed-up", "renamed", "signed-out"]
    assert "with github" in lines[0]
    assert [json.loads(line)["what"] for line in run("events", "--json").stdout.splitlines()][-1] == "signed-out"


def test_what_one_asks_for_alone_is_told(ada: Person, people: Callable[[], Person], run: Run, store: Store) -> None:
    grace = people()
    grace.signs_in_with("google", "grace")
    old = Event(ada.user_id or "", "f" * 20, "signed-in", datetime.now(UTC) - timedelta(days=9), None, None, "github")
    store.commit(Insert(old))

    def told(*options: str) -> list[tuple[str, str]]:
        lines = [line.split("  ") for line in run("events", *options).stdout.splitlines()]
        return [(line[1], line[2]) for line in lines]

    mine, hers = ada.user_id, grace.user_id
    assert told() == [(mine, "signed-in"), (mine, "signed-up"), (hers, "signed-up")]
    assert told("--user", hers or "") == [(hers, "signed-up")]
    assert told("--user", f"github:{subject(ada)}", "--what", "signed-in") == [(mine, "signed-in")]
    for since in ("7d", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"):
        assert told("--since", since) == [(mine, "signed-up"), (hers, "signed-up")]
        assert told("--since", since, "--user", mine or "") == [(mine, "signed-up")]
    assert told("--limit", "1") == [(hers, "signed-up")]
    assert "signd-in" in run("events", "--what", "signd-in", fails=True).output
    for wrong in ("x", "2026-13-01", "", "7"):
        assert "neither a length of time" in run("events", "--since", wrong, fails=True).output


def test_following_tells_each_new_event_once(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    number = iter(range(1000))

    def put(who: str, when: datetime) -> str:
        event_id = f"{2**53 - int(when.timestamp() * 1e6):014x}{next(number):06x}"
        store.commit(Insert(Event(who, event_id, "signed-in", when, None, None, "github")))
        return event_id

    put("ada", now - timedelta(hours=1))
    put("bob", now - timedelta(seconds=5))
    told_before = put("bob", now + timedelta(milliseconds=1))
    late = [put("ada", now + timedelta(milliseconds=2))]  # after the list was made, and before it is followed
    rounds = iter(
        [
            lambda: late.append(put("bob", now + timedelta(seconds=1))),
            lambda: None,
            # An instance whose clock is slow writes what is older than what was told already.
            lambda: late.extend([put("ada", now + timedelta(seconds=9)), put("cy", now - timedelta(seconds=30))]),
            lambda: None,
        ]
    )

    def pause(seconds: float) -> None:
        assert seconds >= happened.PAUSE
        next(rounds, _stop)()

    monkeypatch.setattr(happened.time, "sleep", pause)
    history = happened.History(store)
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(event.id for event in following(happened._of_all(history), now, {told_before}, pause))
    assert sorted(told) == sorted(late)


def _stop() -> None:
    raise KeyboardInterrupt


# Providers.


def test_the_providers_with_what_to_register(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PROVIDERS__FACEBOOK__ENABLED", "false")
    lines = run("providers").stdout.splitlines()
    assert re.split(r" {2,}", lines[0]) == ["name", "state", "title", "redirect URI"]
    assert ["google", "on", "Google", "http://localhost:8000/login/google/authorized"] in [
        re.split(r" {2,}", line) for line in lines
    ]
    assert any(line.split()[:2] == ["facebook", "off"] for line in lines)


@pytest.mark.full
def test_who_uses_them_is_counted_when_asked_for(
    ada: Person, people: Callable[[], Person], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = people()
    grace.signs_in_with("github", "grace")
    grace.adds("google", "grace")
    counted = {line.split()[0]: line for line in run("providers", "--count").stdout.splitlines()}
    assert re.search(r" 2 +20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ$", counted["github"])
    assert re.search(r" 1 +20\d\d-", counted["google"])
    assert re.search(r" 0 +-$", counted["facebook"])
    for key in ("CLIENT_ID", "CLIENT_SECRET", "AUTHORIZATION_URL", "TOKEN_URL", "API_URL", "ISSUER"):
        monkeypatch.delenv(f"PORTAL_PROVIDERS__GOOGLE__{key}", raising=False)
    counted = {line.split()[0]: line for line in run("providers", "--count").stdout.splitlines()}
    assert "not configured" in counted["google"]
