"""Whom `check` lists as locked out can't sign in, and nobody else can't (T88)."""

from __future__ import annotations

import json
from pathlib import Path

from portal import create_app
from portal.config import load_config
from portal.models import User
from portal.setup import storing
from portal.setup.storing import check_people
from portal.storage import Insert
from providers.sandbox import RunningSandbox, running_sandbox
from tests.person import HOME, Person
from tests.setup.conftest import Run, Toml, write


def test_the_list_is_whoever_then_can_t_sign_in(run: Run, toml: Toml, folder: Path) -> None:
    """T88. Ada has GitHub alone, Grace has Google, too; then GitHub is switched off."""
    with running_sandbox(redirect_base=HOME) as sandbox:
        top = f'base_url = "{HOME}"\n'
        write(folder, toml("google", "github", top=top, base=sandbox.base))
        ids = _sign_up(folder)
        assert _locked_out(run) == []  # the negative control: all is on
        write(folder, toml("google", "github", top=top, base=sandbox.base) + "enabled = false\n")
        assert _locked_out(run) == [ids["ada"]]
        app = create_app(load_config(environ={}, cwd=folder))
        ada, grace = Person(app), Person(app)
        assert "Continue with Google" in ada.opens("/login").text
        assert "Continue with GitHub" not in ada.opens("/login").text
        assert ada.opens("/login/github").status_code >= 400
        grace.signs_in_with("google", "grace")
        assert grace.user_id == ids["grace"]
        app.extensions["portal"].store.close()


def test_a_walk_that_takes_too_long_says_how_far_it_came(toml: Toml, folder: Path, stand_ins: RunningSandbox) -> None:
    write(folder, toml("github"))
    parts = create_app(load_config(environ={}, cwd=folder)).extensions["portal"]
    for number in range(3):
        user = User(f"u{number}", "\x1b[2J\u202eAda", None, storing.datetime.now(storing.UTC), "active", 0, ())
        parts.store.commit(Insert(user))
    (found, unfinished) = check_people(parts.store, parts.ways, seconds=0.0)
    assert "before time was up" in unfinished.says
    assert found.says.isprintable()  # names are the providers', and terminals obey (T78)
    (all_of_them,) = check_people(parts.store, parts.ways)
    assert all_of_them.people == ("u0", "u1", "u2")
    parts.store.close()


def _sign_up(folder: Path) -> dict[str, str]:
    app = create_app(load_config(environ={}, cwd=folder))
    ada, grace = Person(app), Person(app)
    ada.signs_in_with("github", "ada")
    grace.signs_in_with("github", "grace")
    grace.adds("google", "grace")
    store = app.extensions["portal"].store
    ids = {(user.name or "").split()[0].lower(): user.id for user in store.scan(User)}
    assert len(ids) == 2
    store.close()
    return ids


def _locked_out(run: Run) -> list[str]:
    found = json.loads(run("check", "--json").output)["findings"]
    return [user for finding in found if finding["about"] == "people" for user in finding.get("people", [])]
