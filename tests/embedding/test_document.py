"""docs/embedding.md does what it says: each of its snippets is run, and its diff is applied and counted."""

from __future__ import annotations

import importlib
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, render_template_string

from portal.testing import HOME, Person
from providers.sandbox import RunningSandbox
from tests.source_tree import ROOT

TEXT = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
OURS = TEXT.partition("\n## Testing")[0]  # what stands there on tests is tested with `portal.testing`
MOST = 15


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", OURS, re.MULTILINE | re.DOTALL)


@pytest.fixture
def around(stand_ins: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment that the snippets find: the stand-ins, and a database of their own."""
    monkeypatch.setenv("PORTAL_BASE_URL", HOME)
    monkeypatch.setenv("PORTAL_STORE", f"sqlite:///{tmp_path}/portal.db")
    monkeypatch.setenv("PORTAL_SECRET_KEY", secrets.token_urlsafe(32))
    monkeypatch.setenv("PORTAL_TOKEN_KEYS", secrets.token_urlsafe(32))
    for name, values in stand_ins.settings.items():
        for key, value in values.items():
            monkeypatch.setenv(f"PORTAL_PROVIDERS__{name}__{key}".upper(), value)


@pytest.fixture
def run(around: None) -> dict[str, Any]:
    """The names that all Python of the document defines, one snippet after the other, as they are read."""
    names: dict[str, Any] = {"__name__": "document"}
    for snippet in snippets("python"):
        exec(compile(snippet, "docs/embedding.md", "exec"), names)
    return names


def test_every_kind_of_snippet_is_run_by_a_test() -> None:
    assert set(re.findall(r"^```(\w+)$", OURS, re.MULTILINE)) == {"python", "html", "diff"}


def test_the_least_there_is_works(run: dict[str, Any]) -> None:
    person = Person(run["app"])
    assert person.opens("/").text == "Hello, stranger"
    assert person.opens("/who").json == {"name": None}
    assert person.opens("/notes").location == "/people/login?next=/notes"
    assert person.signs_in_with("github", next="/notes").location == "/notes"
    assert person.opens("/notes").text == f"Your notes, {person.user_id}"
    assert person.opens("/").text == "Hello, Ada Lovelace"
    assert person.opens("/notes/burn").text == "Gone."
    said = person.opens("/who").json
    assert (said["id"], said["name"], said["ways_in"]) == (person.user_id, "Ada Lovelace", ["github"])  # type: ignore[index]
    assert person.opens(said["picture"]).status_code == 200  # type: ignore[index]
    assert "Reading room" in person.opens("/people/account").text


def test_rows_of_one_s_own_work(run: dict[str, Any]) -> None:
    person = Person(run["club"])
    person.signs_in_with("google")
    assert person.opens("/points").text == "0"
    run["members"][person.user_id].points = 7
    assert person.opens("/points").text == "7"


def test_the_macros_work_where_they_are_shown(run: dict[str, Any]) -> None:
    (page,) = snippets("html")
    app: Flask = run["app"]
    app.add_url_rule("/page", "page", lambda: render_template_string(page))
    person = Person(app)
    person.opens("/page")
    assert person.sees.problems == []
    location = person.posts("/people/login/github").location
    assert person.returns(person.consents(location)).location == "/page"
    assert "Ada Lovelace" in person.opens("/page").text


# The diff.


def patched(text: str, hunks: str) -> str:
    """A file after a unified diff; each hunk's context has to be there, once and to the letter."""
    for hunk in re.split(r"^@@.*\n", hunks, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def apply(diff: str, folder: Path) -> None:
    for name, hunks in re.findall(r"^--- (\S+)\n\+\+\+ \1\n((?:[@ +-].*\n|\n)+?)(?=--- |\Z)", diff, re.MULTILINE):
        path = folder / name
        path.write_text(patched(path.read_text(encoding="utf-8"), hunks), encoding="utf-8")


@pytest.fixture
def journal(around: None, tmp_path: Path) -> Iterator[Path]:
    """A folder with a copy of the tutorial's application, to be imported from there."""
    shutil.copytree(Path(__file__).parent / "journal", tmp_path / "journal")
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "journal"]:
        del sys.modules[name]


def load(folder: Path) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module("journal")


def test_the_tutorial_s_application_works_as_it_is(journal: Path) -> None:
    """Or it would be no wonder that little has to be changed."""
    app = load(journal).create_app({"DATABASE": str(journal / "journal.db")})
    person = Person(app)
    for path in ("/auth/register", "/auth/login"):
        assert person.sends(path, data={"username": "ada", "password": "x"}).status_code == 302
    person.sends("/create", data={"title": "First", "body": "words"})
    assert "by ada" in person.opens("/").text
    assert Person(app).opens("/create").location == "/auth/login"


def test_fifteen_changed_lines_put_the_portal_into_it(journal: Path) -> None:
    (diff,) = snippets("diff")
    changed = [line for line in diff.splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    assert 0 < len(changed) <= MOST, "each line that goes counts, and each that comes"
    apply(diff, journal)
    app = load(journal).create_app({"DATABASE": str(journal / "journal.db")})
    ada, babbage = Person(app), Person(app)
    assert ada.opens("/create").location == "/people/login?next=/create"
    assert ada.signs_in_with("github", next="/create").location == "/create"
    assert ada.sends("/create", data={"title": "First", "body": "words"}).location == "/"
    assert "by Ada Lovelace" in ada.opens("/").text
    assert "Edit" in ada.page.text  # type: ignore[union-attr]
    assert ada.opens("/1/update").status_code == 200
    babbage.signs_in_with("google", "grace")
    assert "Edit" not in babbage.opens("/").text
    assert babbage.opens("/1/update").status_code == 404
    ada.opens("/")
    ada.posts("/people/logout")
    assert "Sign in" in ada.opens("/").text
    assert ada.opens("/1/update").status_code == 303
