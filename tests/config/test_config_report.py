"""A broken set-up is told in full: each setting, where it was written, what is wrong, what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import ConfigError, load_config
from portal.errors import PortalError
from tests.config.setups import SECRET_KEY, TOKEN_KEY, Load

KEY = 'the output of: python -c "import secrets; print(secrets.token_urlsafe(32))"'
GITHUB = '[providers.github]\nclient_id = "id-1"\nclient_secret = "s-1"\n'


BROKEN = {
    "plain http to another host": (
        'providers.github.api_url = "http://ghe.example.com"',
        "providers.github.api_url (portal.toml line 1) is plain http to ghe.example.com, which is not this machine.",
        "https://id.example.com/oauth/token",
    ),
    "a misspelt setting": ('secert_key = "x"', "secert_key (portal.toml line 1) is no setting.", "secret_key"),
    "a misspelt setting of a provider": (
        GITHUB + 'scope = ["x"]',
        "providers.github.scope (portal.toml line 4) is no setting.",
        "scopes",
    ),
    "a misspelt table": (
        '[provider.github]\nclient_id = "id-1"',
        "provider (portal.toml line 2) is no setting.",
        "providers",
    ),
    "an empty misspelt table": ("[provider]", "provider (portal.toml line 1) is no setting.", "providers"),
    "a number where a text belongs": (
        '[providers.github]\nclient_id = 1234\nclient_secret = "s-1"',
        "providers.github.client_id (portal.toml line 2) is not a text.",
        'the same in quotes: "..."',
    ),
    "a table where a text belongs": (
        "title.de = 'Pforte'",
        "title (portal.toml line 1) is a table, not a text.",
        'one text in quotes: "..."',
    ),
    "a list where a text belongs": (
        "title = ['a']",
        "title (portal.toml line 1) is a list, not a text.",
        'one text in quotes: "..."',
    ),
    "a text where a table belongs": (
        "providers = 3",
        "providers (portal.toml line 1) is not a table.",
        "[providers.github]",
    ),
    "a text where a provider belongs": (
        "providers.github = 3",
        "providers.github (portal.toml line 1) is not a table.",
        "[providers.github]",
    ),
    "a number where a list belongs": ("admins = 3", "admins (portal.toml line 1) is not a list.", '["one", "two"]'),
    "neither true nor false": (
        GITHUB + 'keep_tokens = "perhaps"',
        "providers.github.keep_tokens (portal.toml line 4) is neither true nor false.",
        "true",
    ),
    "nothing in the quotes": ('title = " "', "title (portal.toml line 1) is empty.", "a text, or leave it out"),
    "a line break": (
        'title = "a\\nb"',
        "title (portal.toml line 1) has a line break or another invisible character in it.",
        "the same on one line, without it",
    ),
    "a provider without its secret": (
        '[providers.github]\nclient_id = "id-1"',
        "providers.github.client_secret (not set) is missing while client_id is set (portal.toml line 2).",
        "the client secret from the provider's console, or enabled = false",
    ),
    "a provider without its id": (
        '[providers.github]\nclient_secret = "s-1"',
        "providers.github.client_id (not set) is missing while client_secret is set (portal.toml line 2).",
        "the client id from the provider's console, or enabled = false",
    ),
    "a provider that doesn't exist": (
        GITHUB.replace("github", "gihub"),
        "providers.gihub (portal.toml line 2) is no provider there is, and has no issuer.",
        "providers.github; or an issuer, for any OpenID Connect provider",
    ),
    "a provider like none": (
        "[providers.zz]\ntitle = 'Z'",
        "providers.zz (portal.toml line 2) is no provider there is, and has no issuer.",
        "facebook or github or google; or an issuer, for any OpenID Connect provider",
    ),
    "a provider's name with a capital": (
        "[providers.GitHub]\ntitle = 'G'",
        "providers.GitHub (portal.toml line 2) is no name: a letter, then letters, digits, - and _, all small, "
        "32 at most.",
        "[providers.my-company]",
    ),
    "a name that a terminal would obey": (
        '[providers.github]\n"\\u001b[2J" = 1',
        "providers.github.'\\x1b[2J' (portal.toml line 1) is no setting.",
        "one of enabled, state, order, client_id, client_secret, client_secret_file, title, scopes, keep_tokens,"
        " offline, authorization_url, token_url, api_url, issuer, authoritative_for, hosted_domains, organisations,"
        " allow, require_verified_email",
    ),
    "an address for an admin": (
        'admins = ["github:1", "ada@example.com"]',
        "admins, item 2 (portal.toml line 1) lists the address 'ada@example.com', and an address proves nothing.",
        "github:583231",
    ),
    "a login for an admin": (
        'admins = ["ada"]',
        "admins (portal.toml line 1) lists 'ada', which is no provider's name, a colon and the person's id there.",
        "github:583231",
    ),
    "an unknown store": (
        'store = "mysql://localhost/portal"',
        "store (portal.toml line 1) names no store that this version knows.",
        "sqlite:///instance/portal.db, or datastore://PROJECT",
    ),
    "a store in memory": (
        'store = "sqlite:///:memory:"',
        "store (portal.toml line 1) names no file, so that everybody's account would end with the process.",
        "sqlite:///instance/portal.db, or datastore://PROJECT",
    ),
    "a scope with a blank": (
        GITHUB + 'scopes = ["read:user user:email"]',
        "providers.github.scopes (portal.toml line 4) lists 'read:user user:email', which is no scope.",
        '["openid", "email"]',
    ),
    "a short key": (
        f'secret_key = ["{SECRET_KEY}", "short"]',
        "secret_key, item 2 (portal.toml line 1) has 5 characters; 32 or more are needed.",
        KEY,
    ),
    "one character, many times": (f'secret_key = "{"a" * 40}"', "secret_key (portal.toml line 1) can be guessed.", KEY),
    "the key of Flask's documentation": (
        'secret_key = "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"',
        "secret_key (portal.toml line 1) can be guessed.",
        KEY,
    ),
    "no key in the list": ("token_keys = []", "token_keys (portal.toml line 1) holds no key.", KEY),
    "a key of another length": (
        f'token_keys = "{TOKEN_KEY}AA"',
        "token_keys (portal.toml line 1) is not 32 bytes in base64url, which are 43 characters of A-Z a-z 0-9 - _.",
        KEY,
    ),
    "32 bytes of zero": (f'token_keys = "{"A" * 43}="', "token_keys (portal.toml line 1) can be guessed.", KEY),
    "Secret Manager for what is no secret": (
        GITHUB.replace("id-1", "sm://project/name"),
        "providers.github.client_id (portal.toml line 2) names Secret Manager, where the value itself belongs.",
        "the value; secrets alone may be named so",
    ),
    "a secret's file that is gone": (
        GITHUB.replace('secret = "s-1"', 'secret_file = "gone"'),
        "providers.github.client_secret (portal.toml line 3) names a file that can't be read: "
        "No such file or directory.",
        "the path of a file with the secret in it",
    ),
    "a secret and its file": (
        GITHUB + 'client_secret_file = "s"',
        "providers.github.client_secret (portal.toml line 3 and portal.toml line 4) is set twice, "
        "as a value and as a file.",
        "one of the two",
    ),
}


@pytest.mark.parametrize(("toml", "told", "write"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_told_in_a_sentence_with_what_to_write(load: Load, toml: str, told: str, write: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml)
    assert str(caught.value) == f"The configuration has a problem:\n\n{told}\n    Write: {write}"


@pytest.mark.parametrize(
    "placeholder",
    ["changeme", "CHANGE-ME", "xxx", "TODO", "your-client-secret", "YOUR_GITHUB_CLIENT_ID", "<client secret>", "...",
     "please-change-me-now", "replace_this", "${GITHUB_SECRET}", "$SECRET", "placeholder", "secret", "insert-id-here"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["client_id", "client_secret", "secret_key", "token_keys"])
def test_a_forgotten_example_is_no_secret(load: Load, key: str, placeholder: str) -> None:
    name = f"PROVIDERS__GITHUB__{key}" if key.startswith("client") else key
    with pytest.raises(ConfigError) as caught:
        load(GITHUB, **{f"PORTAL_{name}".upper(): placeholder})
    assert [problem.wrong for problem in caught.value.problems] == ["is a placeholder"]


@pytest.mark.parametrize(
    "real", ["9", "sandbox-secret", "GOCSPX-my-your_the", "0123456789abcdef" * 2, "my-7Gh_x", "a b"]
)
def test_what_a_provider_may_give_out_is_taken(load: Load, real: str) -> None:
    config = load(GITHUB, GITHUB_OAUTH_CLIENT_ID=real, GITHUB_OAUTH_CLIENT_SECRET=real)
    assert config.providers["github"].client_secret.plain == real


URLS = {
    "portal.example.com": "is no web address",
    "ftp://portal.example.com": "is no web address",
    "https://": "is no web address",
    "https://[::1": "is no web address",
    "https://a:99999": "is no web address",
    "https://a:port": "is no web address",
    "https://good.example\\@evil.example": "has a user name or password in it",
    "https://good.example\\.evil.example": "is no web address",
    "https://ada:pw@portal.example.com": "has a user name or password in it",
    "https://good.example/a b": "is no web address",
    "https://good.example/a\\b": "is no web address",
    "https://bücher.example": "is no web address",
    "https://portal.example.com/#x": "has a fragment (#...)",
    "http://127.1": "is plain http to 127.1, which is not this machine",
    "http://169.254.169.254": "is plain http to 169.254.169.254, which is not this machine",
    "http://localhost.example.com": "is plain http to localhost.example.com, which is not this machine",
    "http://[fe80::1]": "is plain http to fe80::1, which is not this machine",
}


@pytest.mark.parametrize(("url", "wrong"), URLS.items())
@pytest.mark.parametrize("key", ["PORTAL_BASE_URL", "PORTAL_PROVIDERS__GITHUB__API_URL", "PORTAL_PROVIDERS__X__ISSUER"])
def test_an_address_that_codes_and_tokens_must_not_travel_to(load: Load, key: str, url: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**{key: url})
    assert (caught.value.problems[0].source, caught.value.problems[0].wrong) == (f"environment variable {key}", wrong)


def test_an_issuer_has_no_query(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"providers\.x\.issuer .* has a query"):
        load(PORTAL_PROVIDERS__X__ISSUER="https://id.example.com/?tenant=1")


@pytest.mark.parametrize("path", ["/portal", "//", "/?next=/", "?x"])
def test_the_base_url_has_no_path(load: Load, path: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url .* has a path; the portal lives at the root of its host"):
        load(PORTAL_BASE_URL=f"http://localhost:8000{path}")


@pytest.mark.parametrize(
    "url", ["//evil.example", "/\\evil.example", "javascript:alert(1)", "welcome", "https://a:b@c"]
)
def test_home_is_a_path_or_a_web_address(load: Load, url: str) -> None:
    with pytest.raises(ConfigError, match=r"home_url \(environment variable PORTAL_HOME_URL\)"):
        load(PORTAL_HOME_URL=url)


def test_all_problems_are_told_at_once(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            'titel = "P"\nsecret_key = "short"\n[providers.github]\nclient_id = 5\n[providers.acme]\nenabled = true\n',
            PORTAL_BASE_URL="https://portal.example.com",
            PORTAL_TOKEN_KEYS_FILE="gone",
            FACEBOOK_OAUTH_CLIENT_ID="5",
            FLASK_DEBUG="1",
        )
    assert {problem.setting for problem in caught.value.problems} == {
        "titel",
        "secret_key",
        "token_keys",
        "FLASK_DEBUG",
        "providers.github.client_id",
        "providers.github.client_secret",
        "providers.acme",
        "providers.acme.client_id",
        "providers.acme.client_secret",
        "providers.facebook.client_secret",
    }
    assert str(caught.value).startswith("The configuration has 10 problems:\n\n")


def test_what_is_written_badly_is_not_called_missing(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(PORTAL_BASE_URL="https://portal.example.com", PORTAL_SECRET_KEY="short", PORTAL_TOKEN_KEYS_FILE="gone")
    assert [problem.setting for problem in caught.value.problems] == ["token_keys", "secret_key"]


UNREADABLE = {
    b"title = 'P'\nbase_url = \n": "portal.toml (line 2, column 12) is not TOML: Invalid value.",
    b"title = 'P'\ntitle = 'Q'\n": "portal.toml (line 2, column 12) is not TOML: Cannot overwrite a value.",
    b"title = 'P": "portal.toml (end of document) is not TOML: ",
    b"title = 'P\xff'": "portal.toml (working directory) is not UTF-8 at byte 11.",
    b"x = " + b"[" * 20_000: "portal.toml (working directory) is nested too deeply.",
    b"x = " + b"9" * 5_000: "portal.toml (working directory) is not TOML: ",
}


@pytest.mark.parametrize(("content", "told"), UNREADABLE.items(), ids=range(len(UNREADABLE)))
def test_a_file_that_is_no_toml_is_the_only_problem_told(load: Load, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "portal.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(PORTAL_BASE_URL="nonsense")
    assert len(caught.value.problems) == 1
    assert told in str(caught.value)


def test_a_folder_in_the_file_s_place_is_told(load: Load, tmp_path: Path) -> None:
    (tmp_path / "portal.toml").mkdir()
    with pytest.raises(ConfigError, match=r"portal.toml \(working directory\) can't be read: Is a directory"):
        load()


@pytest.mark.parametrize("name", ["gone.toml", "no\0where", "\x1b[2J", "\udc80"])
def test_a_file_that_was_named_and_is_not_there_is_told(load: Load, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(PORTAL_CONFIG=name)
    assert caught.value.problems[0].source == "environment variable PORTAL_CONFIG"
    assert str(caught.value).replace("\n", "").isprintable()


def test_a_file_given_by_path_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.toml \(as given\) can't be read: No such file"):
        load_config(path=tmp_path / "gone.toml", environ={}, cwd=tmp_path)


def test_lines_are_not_guessed_beside_a_multi_line_string(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"admins \(portal.toml\) is not a list"):
        load('title = """\nadmins = 1\n"""\nadmins = 3\n')


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("# [providers.github]\n\n  [ providers . github ]  # here\n  client_id = 5", 4),
        ("providers.github.client_id = 5", 1),
        ("\nproviders = { github = { client_id = 5 } }", 2),
        ("title = 'client_id = 1'\n[providers]\ngithub.client_id = 5", 3),
    ],
)
def test_the_line_is_the_one_where_the_setting_stands(load: Load, toml: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml, GITHUB_OAUTH_CLIENT_SECRET="s-1")
    sources = {problem.setting: problem.source for problem in caught.value.problems}
    assert sources["providers.github.client_id"] == f"portal.toml line {line}"


def test_a_name_of_a_thousand_parts_is_a_misspelt_setting(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"titel \(portal.toml\) is no setting"):
        load("titel." + "x." * 1_500 + "x = 1")


def test_it_is_one_of_the_portal_s_errors() -> None:
    assert issubclass(ConfigError, PortalError)
