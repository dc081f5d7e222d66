"""The registry finds the modules there are, and says clearly what is wrong with a name or a module."""

import importlib
import subprocess
import sys

import pytest

import providers
from providers.oidc import OpenIDProvider


def test_the_three_are_there_and_what_they_are_made_of_is_not():
    assert providers.available() == ("facebook", "github", "google")


@pytest.mark.parametrize("name", ["facebook", "github", "google"])
def test_each_is_loaded_by_its_name_with_its_settings(name):
    provider = providers.load(name, {"client_id": "id", "client_secret": "secret"})
    assert (provider.name, provider.title.lower(), provider.client_id) == (name, name, "id")


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("facebook", {"auth_type": "reauthenticate"}),
        ("github", {"prompt": "select_account"}),
        ("google", {"prompt": "select_account"}),
    ],
)
def test_each_says_how_to_ask_again_who_it_is_and_none_of_the_three_proves_when(name, asks):
    provider = providers.load(name, {})
    assert (dict(provider.reauthentication), provider.proves_time) == (asks, False)
    assert dict(provider.another_account) == asks


def test_a_listing_and_a_load_import_only_what_they_must():
    script = (
        "import sys, providers; providers.available(); providers.load('github', {});"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in ('providers', 'portal', 'flask', 'sqlalchemy')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "providers.github" in loaded
    assert not loaded & {"providers.google", "providers.oidc", "providers.facebook", "portal", "flask", "sqlalchemy"}


def test_another_name_with_an_issuer_is_an_openid_connect_provider():
    provider = providers.load("my-company", {"issuer": "https://id.example.test", "client_id": "id"})
    assert isinstance(provider, OpenIDProvider)
    assert (provider.name, provider.title, provider.issuer) == ("my-company", "My Company", "https://id.example.test")
    assert providers.load("x", {"issuer": "https://id.example.test", "title": "Our sign-in"}).title == "Our sign-in"


@pytest.mark.parametrize("name", ["base", "oidc", "sandbox", "_calls", "os", "../google", "google.x", ""])
def test_what_is_no_provider_module_is_not_loaded_as_one(name):
    with pytest.raises(providers.UnknownProvider):
        providers.load(name, {"client_id": "id"})


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all():
    with pytest.raises(providers.UnknownProvider) as caught:
        providers.load("gogle", {})
    assert str(caught.value) == (
        "'gogle' is none of facebook, github, google, and no `issuer` makes it an OpenID Connect provider."
        " Did you mean 'google'?"
    )


def test_an_unknown_name_that_is_near_nothing_gets_no_guess():
    with pytest.raises(providers.UnknownProvider, match=r"provider\.$"):
        providers.load("zzz", {})


@pytest.mark.parametrize("source", ["", "provider = None", "provider = 'Acme'", "Provider = 1"])
def test_a_module_without_a_provider_is_named_with_its_file(source, tmp_path, monkeypatch):
    (tmp_path / "acme.py").write_text(source)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    try:
        with pytest.raises(
            ImportError, match=r"acme\.py must define `provider`, an instance of providers\.base\.Provider"
        ):
            providers.load("acme", {})
    finally:
        sys.modules.pop("providers.acme", None)
        vars(providers).pop("acme", None)


def test_an_issuer_is_no_setting_of_a_provider_without_openid_connect():
    with pytest.raises(ValueError, match="'github' has no setting issuer"):
        providers.load("github", {"issuer": "https://github.com"})
