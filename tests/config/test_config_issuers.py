"""Any OpenID Connect issuer is three lines of configuration, and what may be said about it is checked like the rest."""

from __future__ import annotations

import pytest

from portal.app import Portal
from portal.config import ConfigError
from portal.config.urls import LONGEST_ISSUER
from tests.config.setups import Load

CREDENTIALS = 'client_id = "id-1"\nclient_secret = "s-1"\n'
OKTA = f'[providers.okta]\nissuer = "https://id.example.com"\n{CREDENTIALS}'


def problem(load: Load, toml: str, **environ: str) -> str:
    """The one problem of a configuration."""
    with pytest.raises(ConfigError) as refused:
        load(toml, **environ)
    (one,) = refused.value.problems
    return f"{one}"


def test_an_issuer_with_id_and_secret_is_a_provider(load: Load) -> None:
    entry = load(OKTA).providers["okta"]
    assert (entry.issuer, entry.client_id, entry.client_secret.plain) == ("https://id.example.com", "id-1", "s-1")
    assert (entry.authoritative_for, entry.hosted_domains, entry.require_verified_email) == (None, None, False)


def test_the_same_in_the_environment(load: Load) -> None:
    config = load(
        PORTAL_PROVIDERS__OKTA__ISSUER="https://id.example.com",
        PORTAL_PROVIDERS__OKTA__CLIENT_ID="id-1",
        PORTAL_PROVIDERS__OKTA__CLIENT_SECRET="s-1",
        PORTAL_PROVIDERS__OKTA__AUTHORITATIVE_FOR="example.com, EXAMPLE.org",
        PORTAL_PROVIDERS__OKTA__REQUIRE_VERIFIED_EMAIL="true",
    )
    entry = config.providers["okta"]
    assert entry.authoritative_for == ("example.com", "example.org")
    assert entry.require_verified_email


def test_two_entries_may_name_one_issuer(load: Load) -> None:
    config = load(OKTA.replace("okta", "work") + OKTA.replace("okta", "private").replace("id-1", "id-2"))
    assert {name: entry.client_id for name, entry in config.providers.items()} == {"work": "id-1", "private": "id-2"}
    assert len({entry.issuer for entry in config.providers.values()}) == 1


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ('["example.com"]', ("example.com",)),
        ('["Example.COM", "example.org"]', ("example.com", "example.org")),
        ('"example.com example.org"', ("example.com", "example.org")),
        ('["bücher.example"]', ("xn--bcher-kva.example",)),
        ('["example.com."]', ("example.com",)),
    ],
)
def test_domains_are_kept_as_they_are_compared(load: Load, written: str, means: tuple[str, ...]) -> None:
    assert load(f"{OKTA}authoritative_for = {written}").providers["okta"].authoritative_for == means


@pytest.mark.parametrize("setting", ["authoritative_for", "hosted_domains"])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('["ada@example.com"]', "lists 'ada@example.com', where only what stands after the @ belongs"),
        ('["com"]', "lists 'com', which is no domain"),
        ('["*.example.com"]', "lists '*.example.com', which is no domain"),
        ('["https://example.com"]', "lists 'https://example.com', which is no domain"),
        ('["exa mple.com"]', "lists 'exa mple.com', which is no domain"),
        ('["example..com"]', "lists 'example..com', which is no domain"),
        ('["."]', "lists '.', which is no domain"),
        (f'["{"a" * 64}.com"]', "which is no domain"),
        ('["example.com", "\\u2028"]', "item 2"),
        ("[]", "lists no domain"),
        ("3", "is not a list"),
        ("[3]", "is not a text"),
        ("true", "is not a list"),
    ],
)
def test_what_is_no_domain_is_told(load: Load, setting: str, written: str, said: str) -> None:
    told = problem(load, f"{OKTA}{setting} = {written}")
    assert f"providers.okta.{setting}" in told
    assert "(portal.toml line 5)" in told
    assert said in told


def test_whether_an_address_must_be_verified_is_yes_or_no(load: Load) -> None:
    assert "is neither true nor false" in problem(load, f'{OKTA}require_verified_email = "perhaps"')


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("https://id.example.com/" + "x" * LONGEST_ISSUER, f"has 223 characters, and {LONGEST_ISSUER} is the most"),
        ("https://id.example.com/ümlaut", "has a character in it that no web address has"),
        ("https://id.example.com?tenant=1", "has a query"),
        ("http://id.example.com", "is plain http"),
        ("id.example.com", "is no web address"),
    ],
)
def test_an_issuer_that_could_never_work_is_told(load: Load, issuer: str, said: str) -> None:
    told = problem(load, OKTA.replace("https://id.example.com", issuer))
    assert "providers.okta.issuer (portal.toml line 2)" in told
    assert said in told


def test_the_longest_issuer_is_no_problem(load: Load) -> None:
    issuer = "https://id.example.com/".ljust(LONGEST_ISSUER, "x")
    assert load(OKTA.replace("https://id.example.com", issuer)).providers["okta"].issuer == issuer


# What only shows when the provider is known.


def refused_at_start(load: Load, toml: str) -> str:
    from flask import Flask

    with pytest.raises(ConfigError) as refused:
        Portal(Flask("elsewhere"), load(toml))
    return str(refused.value)


def test_a_provider_that_never_verifies_an_address_can_t_be_asked_for_one(load: Load) -> None:
    """Every sign-in with it would end on the same page."""
    told = refused_at_start(load, f"[providers.facebook]\n{CREDENTIALS}require_verified_email = true")
    assert "providers.facebook.require_verified_email" in told
    assert "would let nobody in: Facebook never says of an address that it is verified" in told


@pytest.mark.parametrize(
    ("entry", "setting"),
    [
        ("github", 'hosted_domains = ["example.com"]'),
        ("github", 'authoritative_for = ["example.com"]'),
        ("facebook", 'hosted_domains = ["example.com"]'),
        ("okta", 'hosted_domains = ["example.com"]'),
        ("google", 'authoritative_for = ["example.com"]'),
        ("github", 'issuer = "https://github.com/login/oauth"'),
    ],
)
def test_a_setting_that_the_provider_has_not_got_is_told(load: Load, entry: str, setting: str) -> None:
    toml = OKTA if entry == "okta" else f"[providers.{entry}]\n{CREDENTIALS}"
    told = refused_at_start(load, toml + setting)
    assert f"providers.{entry}" in told
    assert f"has no setting {setting.partition(' ')[0]}" in told


def test_an_address_that_makes_too_long_an_issuer_is_told(load: Load) -> None:
    """GitHub's issuer is made of its address, and the flow's cookie has to hold it (T64)."""
    address = "https://github.example.com/".ljust(LONGEST_ISSUER + 1, "x")
    told = refused_at_start(load, f'[providers.github]\n{CREDENTIALS}authorization_url = "{address}/authorize"')
    assert f"has an issuer of {LONGEST_ISSUER + 1} characters" in told
