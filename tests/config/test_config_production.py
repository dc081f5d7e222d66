"""Development is this machine; everything else is production, which demands keys and https and refuses open doors."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import ConfigError
from tests.config.setups import PRODUCTION, SECRET_KEY, TOKEN_KEY, Load

GITHUB = {"GITHUB_OAUTH_CLIENT_ID": "id-1", "GITHUB_OAUTH_CLIENT_SECRET": "s-1"}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
        ("HTTP://127.8.9.10:80", "http://127.8.9.10"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_plain_http_on_this_machine_is_development(load: Load, url: str, origin: str) -> None:
    config = load(PORTAL_BASE_URL=url)
    assert config.development
    assert config.origin == origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Portal.Example.com/", "https://portal.example.com"),
        ("https://portal.example.com:443", "https://portal.example.com"),
        ("https://portal.example.com:8443", "https://portal.example.com:8443"),
        ("https://localhost", "https://localhost"),
    ],
)
def test_https_is_production_wherever_it_is(load: Load, tmp_path: Path, url: str, origin: str) -> None:
    config = load(**PRODUCTION | {"PORTAL_BASE_URL": url})
    assert not config.development
    assert config.origin == origin
    assert config.secret_keys[0].plain == SECRET_KEY
    assert not (tmp_path / "instance").exists(), "production makes no keys"


@pytest.mark.parametrize("url", ["https://p.example", "http://p.example", "p.example", "http://localhost@p.example"])
def test_what_is_not_this_machine_demands_keys(load: Load, tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(PORTAL_BASE_URL=url)
    missing = [problem for problem in caught.value.problems if problem.source == "not set"]
    assert [(problem.setting, problem.wrong) for problem in missing] == [
        ("secret_key", "is needed in production"),
        ("token_keys", "is needed in production"),
    ]
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OAUTHLIB_INSECURE_TRANSPORT", "1"), ("OAUTHLIB_INSECURE_TRANSPORT", "0"), ("FLASK_DEBUG", "1"),
     ("FLASK_DEBUG", "True")],
)  # fmt: skip
def test_an_insecure_switch_is_refused_in_production_only(load: Load, variable: str, value: str) -> None:
    """T30."""
    with pytest.raises(ConfigError) as caught:
        load(**PRODUCTION, **{variable: value})
    assert [(problem.setting, problem.write) for problem in caught.value.problems] == [(variable, f"unset {variable}")]
    assert load(**{variable: value}).development


@pytest.mark.parametrize("off", ["0", "false", "No", ""])
def test_debugging_switched_off_is_fine(load: Load, off: str) -> None:
    assert load(**PRODUCTION, FLASK_DEBUG=off, OAUTHLIB_INSECURE_TRANSPORT="").title == "Portal"


@pytest.mark.parametrize("key", ["AUTHORIZATION_URL", "TOKEN_URL", "API_URL", "ISSUER"])
def test_the_sandbox_is_refused_in_production_only(load: Load, key: str) -> None:
    sandbox = GITHUB | {f"PORTAL_PROVIDERS__GITHUB__{key}": "http://127.0.0.1:8001/x"}
    with pytest.raises(ConfigError) as caught:
        load(**PRODUCTION, **sandbox)
    assert [problem.setting for problem in caught.value.problems] == [f"providers.github.{key.lower()}"]
    assert load(**sandbox).needs_insecure_transport
    assert not load(**PRODUCTION, **sandbox, PORTAL_PROVIDERS__GITHUB__ENABLED="no").needs_insecure_transport


def test_insecure_transport_is_not_asked_for_without_a_provider_on_this_machine(load: Load) -> None:
    assert not load(**GITHUB, PORTAL_BASE_URL="http://localhost:8000").needs_insecure_transport
    assert not load(**PRODUCTION, **GITHUB).needs_insecure_transport


def test_development_keeps_the_keys_it_made(load: Load) -> None:
    first, second = load(), load()
    assert [key.plain for key in first.secret_keys] == [key.plain for key in second.secret_keys]
    assert first.token_keys == second.token_keys


def test_development_makes_only_what_is_missing(load: Load) -> None:
    assert load(PORTAL_SECRET_KEY=SECRET_KEY).secret_keys[0].plain == SECRET_KEY
    assert load(PORTAL_TOKEN_KEYS=TOKEN_KEY).token_keys != load().token_keys


def test_a_weak_key_is_refused_in_development_too(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"secret_key \(environment variable PORTAL_SECRET_KEY\) has 3 characters"):
        load(PORTAL_SECRET_KEY="dev")


def test_keys_that_cannot_be_made_are_told(load: Load, tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file in the folder's place")
    with pytest.raises(ConfigError, match=r"secret_key \(not set\) can't be made in .*instance: File exists"):
        load()


def test_a_made_key_that_was_spoilt_is_told(load: Load, tmp_path: Path) -> None:
    load()
    (tmp_path / "instance" / "token.key").write_bytes(b"\xff half a key")
    with pytest.raises(ConfigError, match=r"delete secret\.key and token\.key"):
        load()
