"""From the button to a call in somebody's name: what is asked of a provider, and what an application gets (T80)."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask_login import current_user

from portal.errors import Reconnect
from portal.kept import open_kept
from portal.models import OAuth, Token
from portal.storage import Store, Update
from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from tests.flows.conftest import MakeApp
from tests.person import HOME, PROVIDERS, Person
from tests.serving import ROOT

OFFLINE = {"PORTAL_PROVIDERS__GOOGLE__OFFLINE": "true"}


@pytest.fixture
def offline(make_app: MakeApp, sandbox: RunningSandbox) -> Flask:
    """A portal that asks Google for refresh tokens."""
    sandbox.reset()
    return make_app(**OFFLINE)


@pytest.fixture(scope="module")
def acme() -> Iterator[RunningSandbox]:
    """A company's own issuer, whose refresh tokens work once."""
    with running_sandbox(redirect_base=HOME, issuers=[Issuer(name="acme")]) as running:
        yield running


def asked(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def kept(app: Flask) -> dict[str, str]:
    """What is sealed in the only row there is."""
    store = app.extensions["portal"].store
    (token,), (oauth,) = store.scan(Token), store.scan(OAuth)
    return open_kept(app.extensions["portal"].tokens._live.cipher, token, oauth.user_id)


def expire(store: Store) -> None:
    (token,) = store.scan(Token)
    now = datetime.now(UTC)
    store.commit(Update(replace(token, renewed=now - timedelta(hours=1), expires=now)))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_application_s_view_calls_the_provider_for_who_is_signed_in(app: Flask, provider: str) -> None:
    tokens = app.extensions["portal"].tokens
    url = app.extensions["portal"].providers[provider]

    @app.get("/theirs")
    def theirs() -> str:
        own = {"google": "/google/v1/userinfo", "github": "/github/api/user", "facebook": "/facebook/v25.0/me"}
        base = url.token_url or url.issuer
        root = "{0.scheme}://{0.netloc}".format(urlsplit(base))
        return str(tokens.session_for(current_user, provider).get(root + own[provider]).text)

    person = Person(app)
    person.signs_in_with(provider)
    assert "Ada Lovelace" in person.opens("/theirs").text


def test_google_is_asked_for_a_refresh_token_where_the_setting_says_so(app: Flask, offline: Flask) -> None:
    for each, expected in ((app, None), (offline, "offline")):
        person = Person(each)
        start = asked(person.starts("google"))
        assert (start.get("access_type"), start.get("prompt")) == (expected, None)
        person.signs_in_with("google")
        assert ("refresh_token" in kept(each)) == (expected is not None)


def test_a_second_sign_in_brings_no_refresh_token_and_the_first_stays(offline: Flask) -> None:
    person = Person(offline)
    person.signs_in_with("google")
    first = kept(offline)
    person.signs_out()
    person.signs_in_with("google")
    again = kept(offline)
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] != first["access_token"]


def test_consent_is_asked_for_where_a_refresh_token_is_needed_and_by_nobody_s_own_words(offline: Flask) -> None:
    person = Person(offline)
    person.signs_in_with("google")
    person.opens("/account/prove?next=/account")
    plain = asked(person.posts("/account/prove/google").location)
    person.opens("/account/prove?next=/account")
    again = asked(person.posts("/account/prove/google", reconnect="evil value").location)
    assert plain["prompt"] == "select_account"
    assert again["prompt"] == "select_account consent"
    person.opens("/account")
    assert asked(person.posts("/account/link/google").location)["prompt"] == "consent"
    person.opens("/account")
    assert "prompt" not in asked(person.posts("/account/link/github").location)


def test_reconnecting_brings_a_new_refresh_token(offline: Flask) -> None:
    store = offline.extensions["portal"].store
    person = Person(offline)
    person.signs_in_with("google")
    (token,), (oauth,) = store.scan(Token), store.scan(OAuth)
    store.commit(Update(replace(token, ended="refused")))
    with pytest.raises(Reconnect, match="refused"):
        offline.extensions["portal"].tokens.session_for(User(oauth.user_id), "google")
    before = kept(offline)
    person.opens("/account/prove?next=/account")
    person.returns(person.consents(person.posts("/account/prove/google", reconnect="yes").location))
    (token,) = store.scan(Token)
    assert token.ended is None
    assert kept(offline)["refresh_token"] != before["refresh_token"]


def test_an_issuer_s_refresh_tokens_are_asked_for_by_a_scope_and_each_is_kept(
    make_app: MakeApp, acme: RunningSandbox
) -> None:
    settings = acme.issuer_settings("acme") | {"offline": "true"}
    app = make_app(**{f"PORTAL_PROVIDERS__ACME__{key}".upper(): value for key, value in settings.items()})
    store: Store = app.extensions["portal"].store
    person = Person(app)
    assert asked(person.starts("acme"))["scope"] == "openid email profile offline_access"
    person.signs_in_with("acme")
    (oauth,) = store.scan(OAuth)
    for turn in (1, 2):
        before = kept(app)
        expire(store)
        session = app.extensions["portal"].tokens.session_for(User(oauth.user_id), "acme")
        assert session.get(f"{acme.base}/issuer/acme/userinfo").json()["name"] == "Ada Lovelace"
        assert (acme.refreshing("acme").done, acme.refreshing("acme").reused) == (turn, 0)
        assert kept(app)["refresh_token"] != before["refresh_token"]
        assert kept(app)["id_token"] == before["id_token"]


class User:
    def __init__(self, id: str) -> None:
        self.id = id


@pytest.mark.parametrize("provider", ["github", "facebook"])
def test_a_provider_that_has_not_got_the_setting_says_so_at_the_start(
    make_app: MakeApp, provider: str, person: Person
) -> None:
    with pytest.raises(Exception, match="has no setting offline"):
        make_app(**{f"PORTAL_PROVIDERS__{provider}__OFFLINE".upper(): "true"})


def test_github_s_expiring_tokens_are_refreshed(
    app: Flask, sandbox: RunningSandbox, store: Store, calls: Callable[[], int]
) -> None:
    person, refreshing = Person(app), sandbox.refreshing("github")
    sandbox.reset()
    refreshing.expires = True
    try:
        person.signs_in_with("github")
        expire(store)
        (oauth,) = store.scan(OAuth)
        session = app.extensions["portal"].tokens.session_for(User(oauth.user_id), "github")
        assert session.get(f"{sandbox.base}/github/api/user").json()["login"] == "ada"
        assert refreshing.done == 1
    finally:
        refreshing.expires = False


# What can't be renewed later, and so is renewed ahead of time.


def nearly_over(store: Store) -> None:
    (token,) = store.scan(Token)
    now = datetime.now(UTC)
    store.commit(Update(replace(token, renewed=now - timedelta(days=50), expires=now + timedelta(days=10))))


def test_app_engine_s_cron_renews_facebook_s_tokens_before_they_end(
    app: Flask, store: Store, sandbox: RunningSandbox
) -> None:
    parts = app.extensions["portal"]
    app.extensions["portal"] = replace(parts, config=replace(parts.config, app_engine=True))
    Person(app).signs_in_with("facebook")
    nearly_over(store)
    before = sandbox.refreshing("facebook").done
    answer = app.test_client().get("/_tasks/tick", base_url=HOME, headers={"X-Appengine-Cron": "true"})
    assert answer.status_code == 200
    (token,) = store.scan(Token)
    assert sandbox.refreshing("facebook").done == before + 1
    assert token.expires is not None
    assert token.expires > datetime.now(UTC) + timedelta(days=50)


@pytest.mark.full
def test_the_admin_s_tick_does_the_same(make_app: MakeApp, environ: dict[str, str], tmp_path: Path) -> None:
    keys = {"PORTAL_SECRET_KEY": secrets.token_urlsafe(32), "PORTAL_TOKEN_KEYS": secrets.token_urlsafe(32)}
    app = make_app(**keys)
    store = app.extensions["portal"].store
    Person(app).signs_in_with("facebook")
    nearly_over(store)
    (tmp_path / "none.toml").write_text("")
    done = subprocess.run(
        [sys.executable, "manage.py", "tick"],
        cwd=ROOT,
        env={"PATH": "/usr/bin", **environ, **keys, "PORTAL_CONFIG": str(tmp_path / "none.toml")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 tokens seen, 1 renewed, 0 could not be" in done.stdout
    (token,) = store.scan(Token)
    assert token.version == 2
