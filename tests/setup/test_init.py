"""`manage.py init`: from an empty folder to a green check by answering what is asked, and nothing lost after that."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest

from portal.config import load_config
from portal.setup import draft
from providers.sandbox import RunningSandbox
from tests.setup import goldens
from tests.setup.conftest import Run, Toml, write


def answers(sandbox: RunningSandbox) -> str:
    """What somebody types who has the sandbox's addresses before them, and nothing else."""
    github, facebook = sandbox.settings["github"], sandbox.settings["facebook"]
    lines = ["", "Library", "", "google, github facebook acme"]
    lines += ["n", sandbox.settings["google"]["issuer"], *_credentials(sandbox.settings["google"])]
    for entry in (github, facebook):
        lines += ["n", entry["authorization_url"], entry["token_url"], entry["api_url"], *_credentials(entry)]
    acme = sandbox.issuer_settings("acme")
    return "\n".join([*lines, acme["issuer"], *_credentials(acme), ""])


def _credentials(entry: dict[str, str]) -> list[str]:
    return [entry["client_id"], entry["client_secret"]]


def test_from_an_empty_folder_to_a_green_check(run: Run, folder: Path, stand_ins: RunningSandbox) -> None:
    result = run("init", answers=answers(stand_ins))
    assert result.exit_code == 0, result.output
    goldens.matches("init", result.output, {str(folder): "HERE", stand_ins.base: "http://SANDBOX"})
    assert result.output.endswith("Next: python manage.py check\n")
    for entry in stand_ins.settings.values():
        assert entry["client_secret"] not in result.output
    assert stat.S_IMODE((folder / "portal.toml").stat().st_mode) == 0o600
    checked = run("check")
    assert checked.exit_code == 0, checked.output
    assert "✗" not in checked.output
    assert "!" not in checked.output


def test_run_again_it_changes_nothing_unless_it_is_told_to(run: Run, folder: Path, stand_ins: RunningSandbox) -> None:
    run("init", answers=answers(stand_ins))
    before = (folder / "portal.toml").read_bytes()
    for inputs in ("\n", "n\n", "y\ngoogle github\n"):
        result = run("init", answers=inputs)
        assert result.output.endswith("Nothing was changed.\n"), result.output
        assert (folder / "portal.toml").read_bytes() == before
    secrets = tomllib.loads(before.decode())
    assert secrets["secret_key"] not in result.output
    assert secrets["token_keys"] not in result.output


def test_a_provider_is_added_and_the_rest_stays_to_the_letter(run: Run, toml: Toml, folder: Path) -> None:
    text = "# mine \r\ntitle = 'P'   # kept\n" + toml("github")
    file = write(folder, text.rstrip("\n"), mode=0o644)
    result = run("init", "--provider", "google", "--set", "google.client_id=an-id", "--no-input")
    assert result.exit_code == 0, result.output
    assert "Still to do" in result.output
    after = file.read_bytes().decode()
    assert after.startswith(text.rstrip("\n"))
    assert tomllib.loads(after)["providers"]["google"] == {"enabled": False, "client_id": "an-id"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640  # whoever is neither owner nor group is shut out
    load_config(environ={}, cwd=folder)


def test_a_group_that_may_read_the_file_still_may(run: Run, toml: Toml, folder: Path) -> None:
    """The service's, often: shutting it out would end the service at its next start."""
    file = write(folder, toml("github"), mode=0o640)
    run("init", "--provider", "google", "--no-input")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_to_the_file_stays_a_link(run: Run, toml: Toml, folder: Path) -> None:
    real = write(folder, toml("github")).rename(folder / "real.toml")
    (folder / "portal.toml").symlink_to(real)
    run("init", "--provider", "google", "--no-input")
    assert (folder / "portal.toml").is_symlink()
    assert "google" in real.read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("providers = { github = { enabled = false } }\n", "can't be added to at its end"),
        ("title = \n", "is not TOML"),
        ("title = 'P\n", "is not TOML"),
    ],
)
def test_a_file_that_can_t_be_added_to_is_left_as_it_is(run: Run, folder: Path, text: str, told: str) -> None:
    file = write(folder, text)
    result = run("init", "--provider", "google", "--no-input")
    assert result.exit_code == 1
    assert told in result.output
    assert "othing was changed" in result.output
    assert file.read_text() == text
    assert [each.name for each in folder.iterdir()] == ["portal.toml"]


def test_everything_can_be_given_without_a_question(run: Run, folder: Path) -> None:
    (folder / "secret").write_text("a-client-secret-of-github\n")
    result = run(
        *("init", "--no-input", "--base-url", "https://login.example.com", "--title", 'A "quoted" \\ name'),
        *("--provider", "github", "--set", "github.client_id=an-id", "--set", "github.client_secret_file=secret"),
    )
    assert result.exit_code == 0, result.output
    config = load_config(environ={}, cwd=folder)
    assert (config.base_url, config.title) == ("https://login.example.com", 'A "quoted" \\ name')
    assert config.providers["github"].client_secret.plain == "a-client-secret-of-github"
    assert "https://login.example.com/login/github/authorized" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "github.client_secret=x-1"], "a secret has no place on a command line"),
        (["--set", "github"], "--set takes NAME.KEY=VALUE"),
        (["--provider", "github", "--set", "github.scop=a"], "providers.github.scop (--set) is no setting"),
        (["--provider", "GitHub"], "--provider GitHub: is no name"),
        (["--provider", "acme"], "acme needs an issuer"),
        (["--base-url", "http://login.example.com"], "plain http to login.example.com"),
        (["--title", "\x1b[2J"], "invisible character"),
    ],
)
def test_what_can_t_stand_is_said_and_nothing_is_written(
    run: Run, folder: Path, arguments: list[str], told: str
) -> None:
    result = run("init", "--no-input", *arguments)
    assert result.exit_code != 0
    assert told in result.output
    assert list(folder.iterdir()) == []


def test_a_wrong_answer_is_explained_and_asked_again(run: Run, folder: Path) -> None:
    result = run("init", answers="http://login.example.com\n\n\n\ngithub\n\n\n")
    assert "that is plain http to login.example.com, which is not this machine" in result.output
    assert result.exit_code == 0, result.output


def test_of_two_who_begin_at_once_one_writes_the_file(folder: Path) -> None:
    """And the other's keys are nowhere: half of each would open nothing."""
    path, outcomes = folder / "portal.toml", []
    gate = threading.Barrier(8)

    def begin(number: int) -> None:
        gate.wait()
        try:
            draft.create(path, f"text of {number}" * 1000)
        except FileExistsError:
            outcomes.append("refused")
        else:
            outcomes.append(f"text of {number}" * 1000)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 7
    assert path.read_text() in outcomes
    assert os.listdir(folder) == ["portal.toml"]


def test_what_somebody_else_wrote_meanwhile_is_not_lost(folder: Path) -> None:
    file = write(folder, "title = 'mine'\n")
    was = file.read_bytes()
    file.write_text("title = 'theirs'\n")
    with pytest.raises(draft.Changed):
        draft.append(file, was, "\n[providers.google]\n")
    assert file.read_text() == "title = 'theirs'\n"
    draft.append(file, file.read_bytes(), "\n[providers.google]\n")  # the negative control: unchanged, it is added to
    assert "google" in file.read_text()
