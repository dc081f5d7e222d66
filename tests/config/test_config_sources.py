"""The environment goes before the file, a secret may be in its own file, and strangers' variables are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import ConfigError, load_config
from portal.linking import Policy
from tests.config.setups import SECRET_KEY, TOKEN_KEY, Load

GITHUB = '[providers.github]\nclient_id = "from-file"\nclient_secret = "s-1"\n'


def test_nothing_at_all_is_a_development_portal(load: Load, tmp_path: Path) -> None:
    config = load()
    assert config.development
    assert config.base_url is None
    assert config.origin is None
    assert (config.title, config.store, config.home_url) == ("Portal", "sqlite:///instance/portal.db", None)
    assert (config.admins, dict(config.providers)) == (frozenset(), {})
    assert config.instance == tmp_path / "instance"


def test_the_file_is_read(load: Load) -> None:
    config = load(f"""
        base_url = "http://LOCALHOST:8000/"
        title = "Pforte"
        home_url = "/start"
        store = "sqlite:////var/lib/portal.db"
        secret_key = ["{SECRET_KEY}", "{SECRET_KEY[::-1]}"]
        token_keys = "{TOKEN_KEY}="
        admins = ["github:583231"]

        [providers.github]
        client_id = "id-1"
        client_secret = "s-1"
        title = "GitHub Enterprise"
        scopes = ["read:user", "user:email"]
        keep_tokens = false
        authorization_url = "https://ghe.example.com/login/oauth/authorize"
        token_url = "https://ghe.example.com/login/oauth/access_token"
        api_url = "https://ghe.example.com/api/v3"
        """)
    assert config.base_url == config.origin == "http://localhost:8000"
    assert [key.plain for key in config.secret_keys] == [SECRET_KEY, SECRET_KEY[::-1]]
    assert [len(key) for key in config.token_keys] == [32]
    assert (config.title, config.home_url, config.store) == ("Pforte", "/start", "sqlite:////var/lib/portal.db")
    assert config.admins == {"github:583231"}
    assert config.providers["github"].settings() == {
        "client_id": "id-1",
        "client_secret": "s-1",
        "title": "GitHub Enterprise",
        "scopes": ("read:user", "user:email"),
        "keep_tokens": False,
        "authorization_url": "https://ghe.example.com/login/oauth/authorize",
        "token_url": "https://ghe.example.com/login/oauth/access_token",
        "api_url": "https://ghe.example.com/api/v3",
    }


def test_the_environment_can_say_all_that_the_file_can(load: Load) -> None:
    config = load(
        PORTAL_SECRET_KEY=f"{SECRET_KEY}, {SECRET_KEY[::-1]}",
        PORTAL_TOKEN_KEYS=f"{TOKEN_KEY},{TOKEN_KEY}",
        PORTAL_ADMINS="github:1, google:2",
        PORTAL_PROVIDERS__GITHUB__CLIENT_ID="id-1",
        PORTAL_PROVIDERS__GITHUB__CLIENT_SECRET="s-1",
        PORTAL_PROVIDERS__GITHUB__SCOPES="read:user, user:email repo",
        PORTAL_PROVIDERS__GITHUB__KEEP_TOKENS="No",
    )
    assert len(config.secret_keys) == len(config.token_keys) == 2
    assert config.admins == {"github:1", "google:2"}
    assert config.providers["github"].scopes == ("read:user", "user:email", "repo")
    assert config.providers["github"].keep_tokens is False


def test_our_variables_go_before_flask_dance_s_and_these_before_the_file(load: Load) -> None:
    ours = {"PORTAL_PROVIDERS__GITHUB__CLIENT_ID": "ours"}
    theirs = {"GITHUB_OAUTH_CLIENT_ID": "theirs"}
    assert load(GITHUB).providers["github"].client_id == "from-file"
    assert load(GITHUB, **theirs).providers["github"].client_id == "theirs"
    assert load(GITHUB, **ours, **theirs).providers["github"].client_id == "ours"
    assert load(GITHUB, **theirs, **ours).providers["github"].client_secret.plain == "s-1"


@pytest.mark.parametrize("name", ["google", "github", "facebook"])
def test_flask_dance_s_own_names_switch_a_provider_on(load: Load, name: str) -> None:
    variables = {f"{name.upper()}_OAUTH_CLIENT_ID": "0123", f"{name.upper()}_OAUTH_CLIENT_SECRET": "0456"}
    assert load(**variables).providers[name].settings() == {
        "client_id": "0123",
        "client_secret": "0456",
        "keep_tokens": True,
    }


def test_a_variable_without_a_value_is_as_good_as_none(load: Load) -> None:
    assert load('title = "P"', PORTAL_TITLE="", PORTAL_BASE_URL=" ", GITHUB_OAUTH_CLIENT_ID="").title == "P"


def test_the_variables_that_kubernetes_sets_are_left_alone(load: Load) -> None:
    config = load(
        PORTAL_PORT="tcp://10.0.0.1:80",
        PORTAL_PORT_80_TCP="tcp://10.0.0.1:80",
        PORTAL_PORT_80_TCP_ADDR="10.0.0.1",
        PORTAL_SERVICE_HOST="10.0.0.1",
        PORTAL_SERVICE_PORT="80",
        PORTAL_PROVIDERS="tcp://10.0.0.1:80",
        PORTAL_PROVIDERS_PORT="80",
        PORTAL_PROVIDERS__GITHUB__COLOUR="red",
        PORTAL_PROVIDERS__9__CLIENT_ID="x",
        PORTAL_PROVIDERS__A__B__CLIENT_ID="x",
        PORTAL_="x",
    )
    assert dict(config.providers) == {}


def test_a_secret_may_be_in_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "github").write_text("s-2\n")
    (tmp_path / "key").write_text(f"{SECRET_KEY},{SECRET_KEY[::-1]}\r\n")
    (tmp_path / "tokens").write_text(f"{TOKEN_KEY}\n")
    config = load(
        'token_keys_file = "tokens"\n[providers.github]\nclient_id = "id-1"\nclient_secret_file = "github"',
        PORTAL_SECRET_KEY_FILE=str(tmp_path / "key"),
    )
    assert [key.plain for key in config.secret_keys] == [SECRET_KEY, SECRET_KEY[::-1]]
    assert len(config.token_keys) == 1
    assert config.providers["github"].client_secret.plain == "s-2"


def test_a_path_in_the_file_starts_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "key").write_text(SECRET_KEY)
    (tmp_path / "etc" / "p.toml").write_text('secret_key_file = "key"')
    config = load_config(environ={"PORTAL_CONFIG": "etc/p.toml"}, cwd=tmp_path)
    assert config.secret_keys[0].plain == SECRET_KEY


@pytest.mark.parametrize(
    "variables",
    [
        {"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_SECRET_KEY_FILE": "key"},
        {"PORTAL_PROVIDERS__GITHUB__CLIENT_SECRET_FILE": "key", "PORTAL_PROVIDERS__GITHUB__CLIENT_SECRET": "s"},
        {"GITHUB_OAUTH_CLIENT_SECRET": "s", "GITHUB_OAUTH_CLIENT_SECRET_FILE": "key"},
    ],
)
def test_a_value_and_a_file_in_one_source_is_an_error(load: Load, variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(GITHUB, **variables)
    (problem,) = caught.value.problems
    assert problem.wrong == "is set twice, as a value and as a file"
    assert all(variable in problem.source for variable in variables)


def test_a_value_outside_goes_before_a_file_named_inside_which_need_not_be_there(load: Load) -> None:
    toml = '[providers.github]\nclient_id = "id-1"\nclient_secret_file = "/run/secrets/on-the-server"'
    assert load(toml, GITHUB_OAUTH_CLIENT_SECRET="s-3").providers["github"].client_secret.plain == "s-3"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nb\n", "has a line break or another invisible character in it"),
        (b"\xff\xfe", "names a file that is not text in UTF-8"),
        (b"s" * 16_385, "names a file of more than 16384 bytes"),
    ],
)
def test_a_secret_s_file_that_holds_no_secret_is_told(load: Load, tmp_path: Path, content: bytes, wrong: str) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(GITHUB, PORTAL_PROVIDERS__GITHUB__CLIENT_SECRET_FILE="s")
    assert [problem.wrong for problem in caught.value.problems] == [wrong]


def test_a_provider_is_off_where_it_says_so_or_has_no_credentials(load: Load) -> None:
    assert "github" in load(GITHUB).providers
    assert "github" in load(GITHUB + "enabled = true").providers
    assert dict(load(GITHUB + "enabled = false").providers) == {}
    assert dict(load('[providers.github]\nclient_id = "id-1"\nenabled = false').providers) == {}
    assert dict(load('[providers.github]\ntitle = "Octocat"').providers) == {}


def test_an_issuer_makes_a_provider_of_any_name(load: Load) -> None:
    toml = '[providers.my-company]\nissuer = "https://id.example.com/Tenant/"\nclient_id = "id-1"'
    config = load(toml, PORTAL_PROVIDERS__MY_COMPANY__CLIENT_SECRET="s-1")
    assert config.providers["my-company"].settings()["issuer"] == "https://id.example.com/Tenant/"


def test_the_buttons_are_in_a_fixed_order_that_the_file_can_change(load: Load) -> None:
    variables = {
        f"PORTAL_PROVIDERS__{name}__{key}": "1"
        for name in ("ACME", "FACEBOOK", "GITHUB")
        for key in ("CLIENT_ID", "CLIENT_SECRET")
    }
    variables |= {"PORTAL_PROVIDERS__ACME__ISSUER": "https://id.example.com"}
    variables |= {"GOOGLE_OAUTH_CLIENT_ID": "1", "GOOGLE_OAUTH_CLIENT_SECRET": "1"}
    assert list(load(**variables).providers) == ["google", "github", "facebook", "acme"]
    ordered = load('providers.facebook.title = "F"\nproviders.acme.title = "A"', **variables)
    assert list(ordered.providers) == ["facebook", "acme", "google", "github"]


def test_a_mark_in_front_and_windows_line_ends_are_read_over(load: Load) -> None:
    assert load('\ufefftitle = "P"\r\nadmins = ["github:1"]\r\n').title == "P"


def test_the_installed_provider_modules_are_known(tmp_path: Path) -> None:
    variables = {"GITHUB_OAUTH_CLIENT_ID": "1", "GITHUB_OAUTH_CLIENT_SECRET": "1"}
    assert list(load_config(environ=variables, cwd=tmp_path).providers) == ["github"]


def test_what_a_known_address_leads_to_comes_from_the_file_and_the_environment(tmp_path):
    file = tmp_path / "portal.toml"
    file.write_text('[linking]\nsame_email = "separate"\n')
    assert load_config(environ={}, cwd=tmp_path).same_email is Policy.SEPARATE
    assert load_config(environ={"PORTAL_LINKING__SAME_EMAIL": "link"}, cwd=tmp_path).same_email is Policy.LINK
    file.unlink()
    assert load_config(environ={"PORTAL_LINKING": "tcp://10.0.0.1"}, cwd=tmp_path).same_email is Policy.ASK


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            '[linking]\nsame_email = "merge"\n',
            "linking.same_email (portal.toml line 2) is none of the ways there are.\n"
            '    Write: "ask" or "separate" or "link"',
        ),
        (
            '[linking]\nsame_mail = "ask"\n',
            "linking.same_mail (portal.toml line 2) is no setting.\n    Write: same_email",
        ),
        ("linking = 3\n", "linking (portal.toml line 1) is not a table.\n    Write: [linking]"),
    ],
)
def test_a_mistake_under_linking_is_told(tmp_path, written, said):
    (tmp_path / "portal.toml").write_text(written)
    with pytest.raises(ConfigError) as caught:
        load_config(environ={}, cwd=tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize("table", ["linking", "sessions", "events", "providers"])
def test_a_variable_with_a_table_s_name_is_nobody_s_setting(load: Load, table: str) -> None:
    """Kubernetes names variables after services, and a service may be called anything."""
    load(**{f"PORTAL_{table.upper()}": "tcp://10.0.0.1:80"})


def test_a_table_s_setting_may_come_from_the_environment(load: Load) -> None:
    assert load(PORTAL_SESSIONS__IDLE="2d").sessions.idle.days == 2
    with pytest.raises(ConfigError, match=r"events.keep \(environment variable PORTAL_EVENTS__KEEP\)"):
        load(PORTAL_EVENTS__KEEP="soon")
