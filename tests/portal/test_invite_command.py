"""`manage.py users invite` prints a link that works; `manage.py explain` knows the rules about who may come in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from manage import main
from portal.linking import SignUps
from portal.models import Pending
from portal.pending import pending_id
from portal.storage import open_store


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command in a folder of its own, with these settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("PORTAL_CONFIG", "PORTAL_STORE", "PORTAL_BASE_URL", "PORTAL_SIGN_UP"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, toml: str = 'sign_up = "invited"\n') -> Result:
        (tmp_path / "portal.toml").write_text(f'base_url = "http://localhost:8000"\n{toml}')
        return CliRunner().invoke(main, arguments)

    return run


def test_the_link_is_one_that_the_store_knows(manage, tmp_path: Path) -> None:
    result = manage("users", "invite")
    assert result.exit_code == 0, result.output
    found = re.fullmatch(r"http://localhost:8000/invite\?code=([\w-]{43})\n", result.stdout)
    assert found
    assert "Makes one account, until " in result.stderr
    store = open_store(f"sqlite:///{tmp_path}/instance/portal.db")
    (pending,) = store.scan(Pending)
    store.close()
    assert (pending.id, pending.purpose, pending.user_id, pending.sealed) == (
        pending_id(found[1]),
        "invite",
        None,
        None,
    )


@pytest.mark.parametrize("days", ["0", "91", "many"])
def test_how_long_it_works_has_limits(manage, days: str) -> None:
    assert manage("users", "invite", "--days", days).exit_code == 2


@pytest.mark.parametrize("sign_up", [SignUps.OPEN, SignUps.CLOSED])
def test_where_it_is_of_no_use_that_is_said(manage, sign_up: SignUps) -> None:
    result = manage("users", "invite", toml=f'sign_up = "{sign_up.value}"\n')
    assert f'But sign_up is "{sign_up.value}"' in result.stderr


def test_a_broken_configuration_is_a_sentence(manage) -> None:
    result = manage("users", "invite", toml='sign_up = "maybe"\n')
    assert result.exit_code == 1
    assert "sign_up (portal.toml line 2) is none of the ways there are" in result.output


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (["--state", "off"], "Refuse: provider-off"),
        (["--provider-off"], "Refuse: provider-off"),
        (["--not-allowed"], "Refuse: not-allowed"),
        (["--sign-up", "closed", "--invited"], "Refuse: no-sign-up"),
        (["--sign-up", "invited"], "Refuse: no-sign-up"),
        (["--sign-up", "invited", "--invited"], "SignUp: "),
        (["--sign-up", "closed", "--owner", "me"], "SignIn (me)"),
        (["--state", "link_only"], "Refuse: link-only"),
        (["--state", "link_only", "--purpose", "link", "--signed-in", "me", "--meant", "me"], "Confirm (me)"),
        (["--state", "hidden", "--owner", "me"], "SignIn (me)"),
        (["--state", "hidden"], "Refuse: nobody-new"),
    ],
)
def test_explain_says_what_these_settings_lead_to(facts: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["explain", *facts])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(said)
