"""`manage.py keys`, as an admin uses it: what it says, what it never says, and what it leaves alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from manage import main
from portal import key_commands
from portal.canary import WatchedStore
from portal.config.values import secret_key, token_key
from portal.crypto import TokenCipher
from portal.errors import StoreError
from portal.kept import token_owner
from portal.models import Token, User
from portal.rotation import Rotated
from portal.storage import Insert, Store, Update, open_store
from tests.storage.samples import make_oauth, make_token, make_user

OLD, NEW, SECRET = (secrets.token_urlsafe(32) for _ in range(3))
OLD_ID, NEW_ID = (TokenCipher([token_key(key)]).key_ids[0] for key in (OLD, NEW))

Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Thirty people's tokens, sealed with the old key."""
    store = open_store(f"sqlite:///{tmp_path}/portal.db")
    cipher = TokenCipher([token_key(OLD)])
    WatchedStore(store, cipher).look_up(User.key_of("ada"))
    store.commit(Insert(make_user()))
    for number in range(30):
        name = f"row-{number:02}"
        sealed = cipher.seal(b"gho_canary", *token_owner(name, "ada", 1))
        store.commit(Insert(make_oauth(name)), Insert(replace(make_token(name), sealed=sealed)))
    return store


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with these token keys; nothing secret is ever in what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, token_keys: str = OLD, **environment: str) -> Result:
        given = {"PORTAL_STORE": f"sqlite:///{tmp_path}/portal.db", "PORTAL_SECRET_KEY": SECRET}
        environment = given | {"PORTAL_TOKEN_KEYS": token_keys} | environment
        result = CliRunner().invoke(main, ["keys", *arguments], env=environment)
        for hidden in (OLD, NEW, SECRET, "gho_canary", "Traceback"):
            assert hidden not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


def test_a_new_key_is_printed_alone_and_where_it_goes_beside_it(run: Run) -> None:
    first, second = run("new"), run("new")
    key = first.stdout.strip()
    assert token_key(key)
    assert secret_key(key) == key
    assert key != second.stdout.strip()
    assert 'token_keys = ["THE NEW ONE", ' in first.stderr
    assert "keys rotate" in first.stderr


def test_all_is_well(run: Run, store: Store) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert f"{OLD_ID}  seals  1 canary, 30 tokens" in result.output
    assert result.output.endswith("All of it opens.\n")


def test_rotating_says_when_the_old_key_may_go(run: Run, store: Store) -> None:
    both = f"{NEW},{OLD}"
    result = run("check", token_keys=both)
    assert (result.exit_code, f"{NEW_ID}  seals  nothing" in result.output) == (0, True)
    assert f"{OLD_ID}  opens  1 canary, 30 tokens" in result.output

    result = run("rotate", token_keys=both)
    assert result.exit_code == 0
    assert f"31 values sealed anew with the key {NEW_ID}" in result.output
    assert f"{OLD_ID}: nothing is sealed with it any more." in result.output
    assert "0 values sealed anew" in run("rotate", token_keys=both).output
    assert run("check", token_keys=NEW).exit_code == 0
    assert run("check", token_keys=OLD).exit_code == 1


def test_while_something_is_left_the_old_key_must_stay(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that still has the old key first seals beside it; or a row was overtaken at every try."""
    monkeypatch.setattr(key_commands, "rotate", lambda *_: iter([Rotated(resealed=0)]))
    result = run("rotate", token_keys=f"{NEW},{OLD}")
    assert f"{OLD_ID}: 31 values still sealed with it, so it must stay. Run this again." in result.output


def test_what_does_not_open_is_named_by_row_and_never_by_content(run: Run, store: Store) -> None:
    for number in range(25):
        (row,) = store.look_up(Token.key_of(f"row-{number:02}"))
        assert row
        owner = token_owner(row.oauth_id, "ada", 1)
        sealed = TokenCipher([token_key(NEW)]).seal(b"gho_canary", *owner) if number else b"gho_plain"
        store.commit(Update(replace(row, sealed=sealed)))
    result = run("check")
    assert result.exit_code == 1
    assert f"{NEW_ID}  is not here  24 tokens" in result.output
    assert "25 values can't be opened" in result.output
    assert "Token row-00: too short to be sealed" in result.output
    assert "Token row-01: its key isn't in token_keys" in result.output
    assert "and 5 more" in result.output
    assert len(re.findall(r"  Token row-", result.output)) == 20
    assert len(re.findall(r"  Token row-", run("check", "--all").output)) == 25
    assert "gho_plain" not in result.output
    rotated = run("rotate")
    assert "25 values can't be opened and stay as they are" in rotated.output


def test_a_wrong_ring_is_refused_until_the_loss_is_said_to_be_for_good(run: Run, store: Store) -> None:
    checked = run("check", token_keys=NEW)
    assert checked.exit_code == 1
    assert "token_keys are not the keys of this store" in checked.output
    refused = run("rotate", token_keys=NEW)
    assert refused.exit_code == 1
    assert "token_keys are not the keys of this store" in refused.output
    assert run("check").exit_code == 0, "nothing was changed"
    assert run("rotate", "--lost", token_keys=NEW).exit_code == 0
    checked = run("check", token_keys=NEW)
    assert "token_keys are not the keys" not in checked.output
    assert "30 values can't be opened" in checked.output


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PORTAL_SECRET_KEY": f"{SECRET},{SECRET}"}, "secret_key: one key is there twice"),
        ({"PORTAL_TOKEN_KEYS": f"{OLD},{OLD}="}, "token_keys: one key is there twice"),
        ({"PORTAL_SECRET_KEY": f"{SECRET},{OLD}"}, "secret_key and token_keys share a key"),
    ],
    ids=["secret twice", "token twice", "shared"],
)
def test_keys_that_are_ill_together_are_told(run: Run, store: Store, environment: dict[str, str], said: str) -> None:
    result = run("check", **environment)
    assert result.exit_code == 1
    assert said in result.output


def test_an_empty_store_is_fine(run: Run) -> None:
    assert run("check").exit_code == 0
    assert "0 values sealed anew" in run("rotate").output


@pytest.mark.parametrize("command", ["check", "rotate"])
def test_a_store_out_of_reach_and_a_configuration_that_is_wrong_are_sentences(
    run: Run, tmp_path: Path, command: str
) -> None:
    (tmp_path / "portal.db").write_bytes(b"not a database " * 400)
    result = run(command)
    assert result.exit_code == 1
    assert "Error: the store can't be asked: SQLITE_NOTADB" in result.output
    assert "run this again" in result.output
    result = run(command, token_keys="short")
    assert result.exit_code == 1
    assert "token_keys" in result.output


def test_a_store_that_goes_in_the_middle_is_a_sentence(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> object:
        yield Rotated(resealed=5, share=0.3)
        raise StoreError("out of reach")

    monkeypatch.setattr(key_commands, "rotate", breaks)
    result = run("rotate", token_keys=f"{NEW},{OLD}")
    assert result.exit_code == 1
    assert "What was sealed anew stays so" in result.output
