"""What an application says in `app.config["PORTAL"]`: the file's shape and checks, and a name for the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import Portal
from portal.config import Config, ConfigError, load_config
from portal.linking import Policy
from tests.config.setups import SECRET_KEY, TOKEN_KEY

SOURCE = "app.config['PORTAL']"


def load(given: object, folder: Path, **environ: str) -> Config:
    return load_config(environ=environ, cwd=folder, given=given)


def problems(given: object, folder: Path, **environ: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(given, folder, **environ)
    assert all(problem.write for problem in caught.value.problems)
    return {problem.setting: f"{problem.source}: {problem.wrong}" for problem in caught.value.problems}


def test_it_has_the_shape_of_the_file(tmp_path: Path) -> None:
    github = {"client_id": "id", "client_secret": "opens-nothing", "scopes": ("read:user",), "keep_tokens": False}
    config = load({"title": "Shelf", "linking": {"same_email": "separate"}, "providers": {"github": github}}, tmp_path)
    assert (config.title, config.same_email) == ("Shelf", Policy.SEPARATE)
    assert config.providers["github"].scopes == ("read:user",)
    assert config.providers["github"].keep_tokens is False


def test_the_environment_is_above_it_and_no_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text('title = "of the file"\nhome_url = "/file"\n', encoding="utf-8")
    config = load({"title": "given", "base_url": None}, tmp_path, PORTAL_TITLE="of the environment")
    assert (config.title, config.home_url) == ("of the environment", None)
    assert load({"title": "given"}, tmp_path).title == "given"


def test_what_the_environment_did_not_have_is_not_set(tmp_path: Path) -> None:
    """`os.environ.get("GITHUB_ID")` on a machine without it."""
    assert load({"providers": {"github": {"client_id": None, "client_secret": None}}}, tmp_path).providers == {}


def test_what_is_wrong_is_told_with_its_place_and_all_of_it(tmp_path: Path) -> None:
    assert problems({"titel": "x", "title": 3, "providers": {"github": {"client_id": "id"}}}, tmp_path) == {
        "titel": f"{SOURCE}: is no setting",
        "title": f"{SOURCE}: is not a text",
        "providers.github.client_secret": f"not set: is missing while client_id is set ({SOURCE})",
    }


def test_no_secret_is_in_what_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"secret_key": "tiny-secret", "token_keys": ["other-secret"], "base_url": "https://a.example"}, tmp_path)
    assert "tiny-secret" not in str(caught.value)
    assert "other-secret" not in str(caught.value)


@pytest.mark.parametrize("given", ["providers.github", 3, ["x"], {3: "x"}, {"providers": {None: {}}}, object()])
def test_what_is_no_table_at_all_is_told(given: object, tmp_path: Path) -> None:
    assert list(problems(given, tmp_path)) == [SOURCE]


def test_a_table_in_itself_is_told_and_not_followed_for_ever(tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    given["providers"] = given
    assert problems(given, tmp_path)


def test_a_file_that_is_named_beside_it_is_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of the two"):
        load({}, tmp_path, PORTAL_CONFIG="p.toml")


def test_production_is_as_strict_there(tmp_path: Path) -> None:
    assert set(problems({"base_url": "https://a.example"}, tmp_path)) >= {"secret_key", "token_keys"}
    keys = {"secret_key": SECRET_KEY, "token_keys": TOKEN_KEY}
    assert not load({"base_url": "https://a.example", **keys}, tmp_path).development


def test_what_is_made_lies_in_the_instance_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PORTAL_STORE", "PORTAL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    app = Flask("elsewhere", instance_path=str(tmp_path / "var"))
    config = Portal(app).init_app(Flask("another", instance_path=str(tmp_path / "other"))).config
    assert config.store == f"sqlite:///{tmp_path}/other/portal.db"
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["secret.key", "token.key"]
    assert app.extensions["portal"].config.secret_keys != config.secret_keys
    assert not (tmp_path / "instance").exists()
