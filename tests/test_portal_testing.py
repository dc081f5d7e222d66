"""`portal.testing`, as the developer of some application uses it: with nothing of our tests at hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import Portal, current_user, fresh_login_required, login_required
from portal.models import Session, User
from portal.storage import Update
from portal.testing import make_user, portal_prefix, portal_sandbox, portal_settings, sign_in_as
from tests.source_tree import ROOT

__all__ = ["portal_prefix", "portal_sandbox", "portal_settings"]


def make_app(settings: dict[str, Any]) -> Flask:
    """Somebody's application: one page for everybody who is signed in, and one for who was lately."""
    app = Flask("somebodys")
    app.config.update(SECRET_KEY="somebody's", PORTAL=settings)
    Portal(app)
    app.add_url_rule("/me", "me", login_required(lambda: str(current_user.name)))
    app.add_url_rule("/fresh", "fresh", fresh_login_required(lambda: "fresh"))
    return app


@pytest.fixture
def app(portal_settings: dict[str, Any]) -> Iterator[Flask]:
    app = make_app(portal_settings)
    yield app
    app.extensions["portal"].store.close()


def test_a_client_is_signed_in_without_any_provider(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/me").status_code == 303
    user = sign_in_as(client, "Grace Hopper")
    assert client.get("/me").text == "Grace Hopper"
    assert client.get("/me", base_url="http://localhost:8000").text == "Grace Hopper"
    assert client.get("/fresh").text == "fresh"
    assert client.get("/account").status_code == 200
    assert app.test_client().get("/me").status_code == 303, "nobody else is"
    assert sign_in_as(app.test_client(), "Grace Hopper") == user, "one name, one user"


def test_it_is_a_real_session_in_the_store(app: Flask) -> None:
    client = app.test_client()
    user = sign_in_as(client, make_user(app, "Ada", email="ada@example.org"))
    store = app.extensions["portal"].store
    sessions = [each for each in store.scan(Session) if each.email]
    assert [each.user_id for each in sessions] == [user.id] * len(sessions)
    store.commit(*(Update(replace(each, created=each.created - timedelta(days=400))) for each in sessions))
    assert client.get("/me").status_code == 303, "it ends as every session does"


def test_two_people_can_t_have_one_verified_address(app: Flask) -> None:
    make_user(app, "Ada", email="ada@example.org")
    with pytest.raises(ValueError, match=r"ada@example\.org"):
        make_user(app, "Mallory", email="ada@example.org")


def test_who_is_suspended_or_gone_is_not_signed_in(app: Flask) -> None:
    user = make_user(app, "Ada")
    app.extensions["portal"].store.commit(Update(replace(user, status="suspended")))
    for nobody in (user, replace(user, id="A" * 22)):
        with pytest.raises(ValueError, match="gone, or suspended"):
            sign_in_as(app.test_client(), nobody)
    assert isinstance(user, User)


# What the document shows, written to the files that it names.
TESTING = (ROOT / "docs/embedding.md").read_text(encoding="utf-8").partition("\n## Testing\n")[2]
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", TESTING, re.MULTILINE | re.DOTALL))
NOTHING_OF_OURS = """
import sys

def test_nothing_of_the_portal_s_own_tests_is_here():
    assert not [name for name in sys.modules if name.partition(".")[0] == "tests"]
"""


def test_every_snippet_is_one_of_those_files() -> None:
    assert FILES.keys() == {"conftest.py", "notebook.py", "test_people.py"}
    assert TESTING.count("```python") == len(FILES)


@pytest.mark.full
def test_an_application_elsewhere_is_tested_as_the_document_says_with_nothing_but_the_packages(tmp_path: Path) -> None:
    packages, place = tmp_path / "packages", tmp_path / "notebook"
    packages.mkdir()
    place.mkdir()
    for name in ("portal", "providers", "templates"):
        (packages / name).symlink_to(ROOT / name)
    for name, text in (FILES | {"test_zero.py": NOTHING_OF_OURS}).items():
        (place / name).write_text(text)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}{os.pathsep}{place}"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(place)],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "5 passed" in run.stdout, run.stdout + run.stderr
