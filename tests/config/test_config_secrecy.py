"""No report and no printed configuration repeats a secret, and no input makes anything but a report (T70, T82)."""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portal.config import Config, ConfigError, load_config
from portal.config.settings import ProviderSettings, Settings, keys_of
from tests.config.setups import PRODUCTION, SECRET_KEY, TOKEN_KEY, Load

CANARY = "cAnArY-7Qx"

LEAKS = {
    "short": f'secret_key = "{CANARY}"',
    "no base64": f'token_keys = ["{CANARY}!", "{CANARY}"]',
    "two lines": f'[providers.github]\nclient_id = "1"\nclient_secret = "{CANARY}\\nx"',
    "a list": f'[providers.github]\nclient_id = "1"\nclient_secret = ["{CANARY}"]',
    "a table": f'[providers.github.client_secret]\nvalue = "{CANARY}"',
    "a placeholder": f'[providers.github]\nclient_secret = "<{CANARY}>"',
    "Secret Manager": f'[providers.github]\nclient_secret = "sm://{CANARY}"',
    "a misspelt name": f'[providers.github]\nclientsecret = "{CANARY}"',
    "no closing quote": f'[providers.github]\nclient_secret = "{CANARY}',
    "no quotes": f"[providers.github]\nclient_secret = {CANARY}",
    "no equals sign": f'[providers.github]\nclient_secret "{CANARY}"',
    "a bad escape": f'[providers.github]\nclient_secret = "\\q{CANARY}"',
    "an address with a password": f'base_url = "https://portal:{CANARY}@portal.example.com"',
    "a password for a port": f'base_url = "https://portal:{CANARY}"',
    "a store with a password": f'store = "postgres://portal:{CANARY}@db/portal"',
    "a secret for a switch": f'[providers.github]\nenabled = "{CANARY}"',
    "fine itself, beside a problem": f'titel = 1\n[providers.github]\nclient_secret = "{CANARY}"',
}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__context__


@pytest.mark.parametrize("toml", LEAKS.values(), ids=LEAKS)
def test_a_report_never_repeats_a_secret(load: Load, toml: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml)
    printed = "".join(traceback.format_exception(caught.value))
    told = [str(caught.value), repr(caught.value), repr(caught.value.problems), printed]
    told += [f"{error} {error!r}" for error in _chain(caught.value)]
    assert CANARY.lower() not in "".join(told).lower()


def test_not_even_the_validation_s_own_error_repeats_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"secret_key": [CANARY], "providers": {"github": {"client_secret": f"<{CANARY}>"}}})
    assert CANARY not in str(caught.value)


def test_a_printed_configuration_shows_no_secret(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    config = load(**PRODUCTION, GITHUB_OAUTH_CLIENT_ID="id-1", GITHUB_OAUTH_CLIENT_SECRET=CANARY)
    key = config.secret_keys[0]
    logging.getLogger("test").warning("%s %r %s %r", config, config, key, key)
    told = f"{config} {config!r} {config.providers} {key} {key!r} {key:>5} {config.secret_keys}" + caplog.text
    for secret in (CANARY, SECRET_KEY, TOKEN_KEY, repr(config.token_keys[0].plain)):
        assert secret not in told
    assert "id-1" in told


SETTINGS = [f"PORTAL_{key.upper()}" for key in keys_of(Settings)]
SETTINGS += [f"PORTAL_PROVIDERS__{name}__{k}".upper() for name in ("github", "x") for k in keys_of(ProviderSettings)]
SETTINGS += ["GITHUB_OAUTH_CLIENT_ID", "GITHUB_OAUTH_CLIENT_SECRET", "FLASK_DEBUG", "OAUTHLIB_INSECURE_TRANSPORT"]

any_text = st.text(st.characters(exclude_categories=()), max_size=60)
likely_text = st.sampled_from(
    ["https://a.example", "http://localhost", "http://[::1", "https://a:b@c", "true", "0", "sm://x", ",", "github:1",
     "//", "sqlite:///x", SECRET_KEY, TOKEN_KEY, "a\udc80", "\0", "[::]:", "https://a:" + "9" * 40]
)  # fmt: skip
variables = st.dictionaries(
    st.sampled_from(SETTINGS) | st.text(max_size=20).map("PORTAL_".__add__), any_text | likely_text, max_size=8
)
toml_names = st.sampled_from([*keys_of(Settings), *keys_of(ProviderSettings), "github", "[key]", "x y"])
toml_values = st.recursive(
    st.sampled_from(["1", "-0.5", "nan", "true", "1979-05-27", "07:32:00", '""', '"\\u0000"', "'''\nx = 1'''"])
    | likely_text.filter(str.isprintable).map(lambda text: f"'{text}'"),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.tuples(toml_names, inner).map(lambda pair: f"{{ {pair[0]!r} = {pair[1]} }}")
    ),
    max_leaves=4,
)
toml_lines = st.tuples(st.lists(toml_names, min_size=1, max_size=4), toml_values).map(
    lambda pair: ".".join(map(repr, pair[0])) + f" = {pair[1]}"
)
toml_tables = st.sampled_from(["[providers]", "[providers.github]", "[providers.x.y]", "[[providers]]", "[x]", "["])
files = st.lists(toml_lines | toml_tables, max_size=6).map("\n".join) | any_text


def _load(toml: str, environ: dict[str, str]) -> Config | ConfigError:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "portal.toml").write_bytes(toml.encode("utf-8", "surrogatepass"))
        try:
            return load_config(environ=environ, cwd=Path(folder))
        except ConfigError as error:
            return error


@settings(max_examples=300, deadline=None)
@given(toml=files, environ=variables)
def test_whatever_is_written_is_either_a_configuration_or_a_report(toml: str, environ: dict[str, str]) -> None:
    match _load(toml, environ):
        case ConfigError() as error:
            assert error.problems
            assert str(error).replace("\n", "").isprintable()
        case config:
            assert config.secret_keys
            assert all(len(key) == 32 for key in config.token_keys)
