"""A secret may be named instead of written, and whatever keeps it from being read is a sentence with a command."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from portal.config import Config, ConfigError, load_config, secret_manager
from portal.config.secret_manager import OpenSession
from tests.config.secret_manager import SecretManager, running_secret_manager
from tests.config.setups import SECRET_KEY, TOKEN_KEY

GITHUB = {"GITHUB_OAUTH_CLIENT_ID": "id-1", "GITHUB_OAUTH_CLIENT_SECRET": "sm://my-project/github"}
SETTING = "providers.github.client_secret (environment variable GITHUB_OAUTH_CLIENT_SECRET)"
CANARY = "cAnArY-7Qx"


@pytest.fixture
def manager() -> Iterator[SecretManager]:
    """A Secret Manager that knows github's secret and two keys."""
    with running_secret_manager() as running:
        running.secrets |= {
            "my-project/github/latest": "s-1\n",
            "my-project/key/latest": SECRET_KEY,
            "my-project/key/1": SECRET_KEY[::-1],
            "my-project/tokens/latest": TOKEN_KEY,
        }
        yield running


class Loading:
    """Loads a configuration in a folder of its own, with this Secret Manager."""

    def __init__(self, folder: Path, open_session: OpenSession) -> None:
        self.folder = folder
        self.open_session = open_session

    def __call__(self, toml: str = "", **environ: str) -> Config:
        (self.folder / "portal.toml").write_text(toml)
        return load_config(environ=environ, cwd=self.folder, known=["github"], open_session=self.open_session)

    def problem(self, toml: str = "", **environ: str) -> str:
        """The one thing that is wrong with it, as it is told."""
        with pytest.raises(ConfigError) as caught:
            self(toml, **environ)
        (problem,) = caught.value.problems
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        return str(problem)


@pytest.fixture
def load(manager: SecretManager, tmp_path: Path) -> Loading:
    return Loading(tmp_path, manager.open_session)


# Read.


def test_every_secret_may_be_named(load: Loading) -> None:
    config = load(PORTAL_SECRET_KEY="sm://my-project/key", PORTAL_TOKEN_KEYS="sm://my-project/tokens/latest", **GITHUB)
    assert [key.plain for key in config.secret_keys] == [SECRET_KEY]
    assert len(config.token_keys[0]) == 32
    assert config.providers["github"].client_secret.plain == "s-1"


def test_the_file_may_name_one_and_so_may_a_secret_s_own_file(load: Loading, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sm://my-project/key\n")
    config = load(
        'secret_key_file = "key"\n[providers.github]\nclient_id = "id-1"\nclient_secret = "sm://my-project/github"'
    )
    assert config.secret_keys[0].plain == SECRET_KEY
    assert config.providers["github"].client_secret.plain == "s-1"


@pytest.mark.parametrize(
    "several", ['["sm://my-project/key", "sm://my-project/key/1"]', '"sm://my-project/key , sm://my-project/key/1"']
)
def test_each_key_of_a_ring_may_be_named(load: Loading, several: str) -> None:
    keys = [key.plain for key in load(f"secret_key = {several}").secret_keys]
    assert keys == [SECRET_KEY, SECRET_KEY[::-1]]


def test_a_ring_may_be_half_written_and_half_named(load: Loading) -> None:
    keys = load(PORTAL_SECRET_KEY=f"{SECRET_KEY[::-1]},sm://my-project/key").secret_keys
    assert [key.plain for key in keys] == [SECRET_KEY[::-1], SECRET_KEY]


def test_one_secret_may_hold_a_whole_ring(load: Loading, manager: SecretManager) -> None:
    manager.secrets["my-project/ring/latest"] = f"{TOKEN_KEY},{TOKEN_KEY[::-1]}\n"
    assert len(load(PORTAL_TOKEN_KEYS="sm://my-project/ring").token_keys) == 2


def test_all_secrets_of_a_start_are_read_over_one_session_and_each_once(load: Loading, manager: SecretManager) -> None:
    named = "sm://my-project/key"
    load(PORTAL_SECRET_KEY=f"{named},{named}/1,{named}", PORTAL_TOKEN_KEYS="sm://my-project/tokens", **GITHUB)
    assert manager.sessions == manager.connections == 1
    assert sorted(manager.asked) == [
        "my-project/github/latest", "my-project/key/1", "my-project/key/latest", "my-project/tokens/latest",
    ]  # fmt: skip


def test_without_a_named_secret_nobody_is_asked(load: Loading, manager: SecretManager) -> None:
    load(PORTAL_SECRET_KEY=SECRET_KEY, PORTAL_TITLE="sm://my-project/title")
    assert manager.sessions == 0


def test_a_name_that_another_source_outranks_is_not_asked_for(load: Loading, manager: SecretManager) -> None:
    load('secret_key = "sm://my-project/elsewhere"', PORTAL_SECRET_KEY=SECRET_KEY)
    assert manager.sessions == 0


@pytest.mark.parametrize("project", ["123456789012", "example.com:my-project", "demo"])
def test_a_project_is_an_id_or_a_number(load: Loading, manager: SecretManager, project: str) -> None:
    manager.secrets[f"{project}/a_Name-9/3"] = SECRET_KEY
    assert load(PORTAL_SECRET_KEY=f"sm://{project}/a_Name-9/3").secret_keys[0].plain == SECRET_KEY


def test_google_auth_s_own_session_reads_them(
    manager: SecretManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a service account's key, signed and exchanged for a token by google-auth itself."""
    caplog.set_level(logging.DEBUG)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "portal@my-project.iam.gserviceaccount.com",
        "token_uri": f"http://127.0.0.1:{manager.port}/token",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    load = Loading(tmp_path, lambda: manager.redirect(secret_manager.open_session()))
    manager.secrets["my-project/github/latest"] = CANARY
    assert load(**GITHUB).providers["github"].client_secret.plain == CANARY
    assert manager.bearers == {"Bearer a-google-token"}
    assert CANARY not in caplog.text
    manager.answers["my-project/github/latest"] = (403, {"error": {"status": "PERMISSION_DENIED"}})
    assert "--member=serviceAccount:portal@my-project.iam.gserviceaccount.com " in load.problem(**GITHUB)
    (tmp_path / "account.json").write_text('{"type": "service_account", "client_email": 3}')
    assert "no Google credentials that are good" in load.problem(**GITHUB)


@responses.activate
def test_the_address_asked_is_the_documented_one(tmp_path: Path) -> None:
    """cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access"""
    responses.get(
        "https://secretmanager.googleapis.com/v1/projects/my-project/secrets/github/versions/latest:access",
        json={"name": "projects/1/secrets/github/versions/4", "payload": {"data": "cy0x", "dataCrc32c": "1"}},
    )
    assert Loading(tmp_path, requests.Session)(**GITHUB).providers["github"].client_secret.plain == "s-1"


# Not read.

DISABLED = {"error": {"status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}}
REFUSALS = {
    "it is not there": (
        404,
        "{}",
        "names a secret, or a version of one, that is not there",
        "the same, once this was run: gcloud secrets create github --project=my-project --data-file=FILE",
    ),
    "it is another's": (
        403,
        {"error": {"status": "PERMISSION_DENIED"}},
        "names a secret that the portal's account may not read",
        "the same, once this was run: gcloud secrets add-iam-policy-binding github --project=my-project "
        "--member=MEMBER --role=roles/secretmanager.secretAccessor",
    ),
    "the service is off": (
        403,
        DISABLED,
        "needs Secret Manager, which is switched off in my-project",
        "the same, once this was run: gcloud services enable secretmanager.googleapis.com --project=my-project",
    ),
    "its version is off": (
        400,
        {"error": {"status": "FAILED_PRECONDITION"}},
        "names a version of a secret that is disabled or destroyed",
        "the same, once this was run: gcloud secrets versions enable latest --secret=github --project=my-project",
    ),
    "it is unwell": (
        503,
        "<html>",
        "names a secret, but Secret Manager answered with status 503",
        "the same, once this works here: gcloud secrets versions access latest --secret=github --project=my-project",
    ),
    "it leads elsewhere": (302, "", "names a secret, but Secret Manager answered with status 302", ""),
}


@pytest.mark.parametrize(("status", "answer", "wrong", "write"), REFUSALS.values(), ids=REFUSALS)
def test_each_refusal_names_the_setting_and_the_command_that_mends_it(
    load: Loading, manager: SecretManager, status: int, answer: Any, wrong: str, write: str
) -> None:
    manager.answers["my-project/github/latest"] = (status, answer)
    told = load.problem(**GITHUB)
    assert told.startswith(f"{SETTING} {wrong}.\n    Write: {write}")


@pytest.mark.parametrize(
    "answer",
    ["", "<html>", "[]", "null", "{}", {"payload": None}, {"payload": {}}, {"payload": {"data": CANARY + "!"}},
     {"payload": {"data": 3}}, {"payload": {"data": "/w=="}}, {"payload": {"data": ""}}, {"data": CANARY}],
    ids=str,
)  # fmt: skip
def test_an_answer_without_a_secret_is_told_and_not_shown(load: Loading, manager: SecretManager, answer: Any) -> None:
    manager.answers["my-project/github/latest"] = (200, answer)
    assert "Secret Manager answered without a secret in it" in load.problem(**GITHUB)


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (DefaultCredentialsError(CANARY), "this machine has no Google credentials that are good"),
        (RefreshError(CANARY), "this machine has no Google credentials that are good"),
        (ValueError(CANARY), "this machine has no Google credentials that are good"),
        (TransportError(CANARY), "Secret Manager was out of reach"),
        (requests.ConnectionError(CANARY), "Secret Manager was out of reach"),
    ],
    ids=repr,
)
def test_a_machine_that_can_t_ask_is_told_so_for_each_setting(tmp_path: Path, error: Exception, wrong: str) -> None:
    def open_session() -> requests.Session:
        raise error

    with pytest.raises(ConfigError) as caught:
        Loading(tmp_path, open_session)(PORTAL_SECRET_KEY="sm://my-project/key", **GITHUB)
    assert {problem.setting for problem in caught.value.problems} == {"secret_key", "providers.github.client_secret"}
    assert all(wrong in problem.wrong for problem in caught.value.problems)
    assert CANARY not in str(caught.value)


def test_credentials_that_are_refused_are_told_as_none(load: Loading, manager: SecretManager) -> None:
    manager.answers["my-project/github/latest"] = (401, {"error": {"status": "UNAUTHENTICATED"}})
    assert "gcloud auth application-default login" in load.problem(**GITHUB)


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with running_secret_manager() as gone:
        pass
    assert "Secret Manager was out of reach" in Loading(tmp_path, gone.open_session).problem(**GITHUB)


def test_a_secret_that_hangs_is_left_behind_and_told(
    load: Loading, manager: SecretManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_manager, "PATIENCE", 0.5)
    manager.answers["my-project/key/latest"] = (0, "never")
    started = time.monotonic()
    told = load.problem(PORTAL_SECRET_KEY="sm://my-project/key", **GITHUB)
    assert time.monotonic() - started < 2
    assert told.startswith("secret_key (environment variable PORTAL_SECRET_KEY) names a secret, but")
    assert "out of reach" in told
    assert manager.asked == ["my-project/github/latest", "my-project/key/latest"]


def test_credentials_that_are_sought_without_end_are_left_behind_too(
    manager: SecretManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_session() -> requests.Session:
        manager.hanging.wait(10)  # as a name look-up may
        raise DefaultCredentialsError

    monkeypatch.setattr(secret_manager, "PATIENCE", 0.3)
    started = time.monotonic()
    assert "out of reach" in Loading(tmp_path, open_session).problem(**GITHUB)
    assert time.monotonic() - started < 2


def test_the_patience_of_a_start_is_five_seconds() -> None:
    assert secret_manager.PATIENCE == 5


def test_one_of_several_is_told_by_its_place_and_is_not_told_as_missing(load: Loading) -> None:
    toml = 'secret_key = ["sm://my-project/key", "sm://my-project/gone"]\nbase_url = "https://p.example"\n'
    with pytest.raises(ConfigError) as caught:
        load(toml + f'token_keys = "{TOKEN_KEY}"')
    assert [problem.setting for problem in caught.value.problems] == ["secret_key, item 2"]


@pytest.mark.parametrize(
    "reference",
    ["sm://", "sm://my-project", "sm://my-project/", "sm:///name", "sm://my-project/name/", "sm://my-project/name/1/2",
     "sm://my-project/na me", "sm://my-project/..%2f", "sm://my-project/name?x=1", "sm://PROJECT/name",
     "sm://user@my-project/name", f"sm://{CANARY}", "sm://my-project/n\u00e4me"],
)  # fmt: skip
def test_a_reference_that_names_nothing_is_told_without_asking(
    load: Loading, manager: SecretManager, reference: str
) -> None:
    told = load.problem(**GITHUB | {"GITHUB_OAUTH_CLIENT_SECRET": reference})
    assert told == (
        f"{SETTING} starts with sm:// but names no secret.\n    Write: sm://PROJECT/NAME, or sm://PROJECT/NAME/VERSION"
    )
    assert manager.sessions == 0


@pytest.mark.parametrize(
    ("secret", "wrong"),
    [
        ("short", "has 5 characters; 32 or more are needed"),
        ("", "answered without a secret in it"),
        ("\n", "holds no key"),
        ("changeme", "is a placeholder"),
        ("sm://my-project/another", "names Secret Manager, where the value itself belongs"),
        (f"{CANARY}\n{CANARY}-{CANARY}-{CANARY}", "has a line break or another invisible character in it"),
    ],
)
def test_what_is_read_is_held_to_the_same_rules_as_what_is_written(
    load: Loading, manager: SecretManager, secret: str, wrong: str
) -> None:
    manager.secrets["my-project/key/latest"] = secret
    assert wrong in load.problem(PORTAL_SECRET_KEY="sm://my-project/key")
