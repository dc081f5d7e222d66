"""`cookie_domain` and `[forward_auth]`: a domain browsers take cookies for, and hosts that such a cookie reaches."""

from __future__ import annotations

import pytest

from portal.config import ConfigError, Problem
from tests.config.setups import PRODUCTION, Load

HERE = PRODUCTION | {"PORTAL_BASE_URL": "https://login.example.com"}


def problem(load: Load, toml: str, **environ: str) -> Problem:
    with pytest.raises(ConfigError) as stopped:
        load(toml, **environ)
    (found,) = stopped.value.problems
    return found


def test_without_a_word_there_is_neither(load: Load) -> None:
    config = load()
    assert (config.cookie_domain, config.protected_origins) == (None, ())


def test_hosts_below_the_domain_are_origins_of_base_url_s_scheme(load: Load) -> None:
    hosts = '["app.example.com", "B.Example.com:8443", "login.example.com", "c.example.com:443", "app.example.com"]'
    config = load(f'cookie_domain = ".Example.com"\n[forward_auth]\nhosts = {hosts}', **HERE)
    assert config.cookie_domain == "example.com"
    assert config.protected_origins == (
        "https://app.example.com",
        "https://b.example.com:8443",
        "https://login.example.com",
        "https://c.example.com",
    )


def test_the_environment_has_both(load: Load) -> None:
    config = load(
        "", **HERE, PORTAL_COOKIE_DOMAIN="example.com", PORTAL_FORWARD_AUTH__HOSTS="a.example.com, b.example.com"
    )
    assert config.protected_origins == ("https://a.example.com", "https://b.example.com")


def test_in_development_the_ports_of_one_host_are_enough(load: Load) -> None:
    written = 'base_url = "http://localhost:8000"\n[forward_auth]\nhosts = ["localhost:9000", "localhost:80"]'
    assert load(written).protected_origins == ("http://localhost:9000", "http://localhost")


@pytest.mark.parametrize("base_url", ["https://example.com", "https://a.b.example.com:8443"])
def test_the_portal_may_be_the_domain_itself_or_deep_below_it(load: Load, base_url: str) -> None:
    environ = HERE | {"PORTAL_BASE_URL": base_url}
    assert load('cookie_domain = "example.com"', **environ).cookie_domain == "example.com"


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("com", "no domain of two names"),
        ("localhost", "no domain of two names"),
        (".", "no domain of two names"),
        ("10.0.0.1", "no domain of two names"),
        ("https://example.com", "no domain of two names"),
        ("example.com:443", "no domain of two names"),
        ("example.com; Secure", "no domain of two names"),
        ("*.example.com", "no domain of two names"),
        ("x" * 64 + ".com", "no domain of two names"),
        (".".join(["abc"] * 80), "no domain of two names"),
        ("co.uk", "strangers"),
        ("appspot.com", "strangers"),
        ("ew.r.appspot.com", "strangers"),
        ("a.run.app", "strangers"),
        ("", "is empty"),
        ("other.com", "is not below it"),
        ("ample.com", "is not below it"),
        ("app.login.example.com", "is not below it"),
    ],
)
def test_a_domain_that_browsers_take_no_cookie_for_stops_the_start(load: Load, domain: str, said: str) -> None:
    found = problem(load, f'cookie_domain = "{domain}"', **HERE)
    assert found.setting == "cookie_domain"
    assert said in found.wrong
    assert "portal.toml line 1" in found.source


@pytest.mark.parametrize("value", ["3", "true", '["example.com"]', "{a = 1}"])
def test_a_domain_is_a_text(load: Load, value: str) -> None:
    assert problem(load, f"cookie_domain = {value}", **HERE).setting.startswith("cookie_domain")


@pytest.mark.parametrize("base_url", [None, "http://localhost:8000"])
def test_a_domain_is_for_https_alone(load: Load, base_url: str | None) -> None:
    environ = {"PORTAL_BASE_URL": base_url} if base_url else {}
    found = problem(load, 'cookie_domain = "example.com"', **environ)
    assert "https alone" in found.wrong
    assert "leave it out" in found.write


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("https://app.example.com", "only the host"),
        ("app.example.com/page", "only the host"),
        ("*.example.com", "no host"),
        ("me@app.example.com", "no host"),
        ("app_1.example.com", "no host"),
        ("app.example.com\\\\", "no host"),
        ("8.8.8.8", "no host"),
        ("app.example.com:0", "no such port"),
        ("app.example.com:65536", "no such port"),
        ("app.example.com:", "no such port"),
        ("app.example.com:080", "no such port"),
        ("app.example.com:a", "no such port"),
        ("app.example.org", "not below cookie_domain"),
        ("evilexample.com", "not below cookie_domain"),
        ("localhost:9000", "not below cookie_domain"),
    ],
)
def test_a_host_that_no_cookie_reaches_stops_the_start(load: Load, host: str, said: str) -> None:
    found = problem(load, f'cookie_domain = "example.com"\n[forward_auth]\nhosts = ["{host}"]', **HERE)
    assert found.setting.startswith("forward_auth.hosts")
    assert said in found.wrong
    assert "portal.toml line 3" in found.source


def test_without_a_domain_only_the_portal_s_own_host_is_reached(load: Load) -> None:
    found = problem(load, '[forward_auth]\nhosts = ["app.example.com"]', **HERE)
    assert "without cookie_domain" in found.wrong
    found = problem(load, '[forward_auth]\nhosts = ["app.example.com"]', PORTAL_BASE_URL="http://localhost:8000")
    assert "localhost alone" in found.wrong


def test_hosts_need_a_base_url(load: Load) -> None:
    assert problem(load, '[forward_auth]\nhosts = ["localhost:9000"]').setting == "base_url"


def test_of_what_is_wrong_by_itself_nothing_more_is_told(load: Load) -> None:
    """One sentence a mistake, not three."""
    hosts = '[forward_auth]\nhosts = ["app.example.com"]'
    assert problem(load, f'cookie_domain = "com"\n{hosts}', **HERE).setting == "cookie_domain"
    environ = HERE | {"PORTAL_BASE_URL": "nonsense"}
    assert problem(load, f'cookie_domain = "example.com"\n{hosts}', **environ).setting == "base_url"


def test_a_mistyped_key_names_the_right_one(load: Load) -> None:
    found = problem(load, '[forward_auth]\nhost = ["app.example.com"]', **HERE)
    assert (found.setting, found.write) == ("forward_auth.host", "hosts")
    assert problem(load, "forward_auth = 3", **HERE).wrong == "is not a table"
