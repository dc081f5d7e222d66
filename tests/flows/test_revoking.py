"""Who removes a way in, or the account, also ends the access that the portal had at the provider (T81, T99)."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

import manage
from portal import revoker
from portal.models import OAuth, Revocation, Token
from portal.outbox import Retried, retry_due
from portal.storage import Store, Update
from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from providers.sandbox.troubles import Trouble
from tests.flows.conftest import MakeApp
from tests.person import HOME, Person

TITLES = {"google": "Google", "github": "GitHub", "facebook": "Facebook"}
CALLS = {
    "google": "POST /google/revoke",
    "github": "DELETE /github/api/applications/Ov23liSANDBOXgithub0/grant",
    "facebook": "DELETE /facebook/v25.0/me/permissions",
}


@pytest.fixture(autouse=True)
def _calm(sandbox: RunningSandbox) -> Iterator[None]:
    sandbox.reset()
    yield
    for name in TITLES:
        sandbox.revoking(name).trouble = Trouble.NONE


@pytest.fixture
def tick(app: Flask, store: Store) -> Callable[[], Retried]:
    """The regular work, as if what waits were due."""

    def work() -> Retried:
        for row in store.scan(Revocation):
            store.commit(Update(replace(row, due=row.due - timedelta(days=1))))
        return retry_due(app.extensions["portal"].revoker)

    return work


def has(person: Person, *providers: str) -> Person:
    """Signed up with the first, and added the others."""
    person.signs_in_with(providers[0])
    for provider in providers[1:]:
        person.adds(provider)
    return person


def notice(person: Person) -> str:
    page = person.opens("/account").text
    return " ".join(re.findall(r'<p class="notice"[^>]*>(.*?)</p>', page, re.DOTALL)[0].split())


def tokens_of(sandbox: RunningSandbox, name: str) -> list[str]:
    (standin,) = (each for each in sandbox.app.extensions["sandbox"].standins if each.name == name)
    return [*standin.grants.tokens._things, *standin.grants.refresh_tokens._things]


@pytest.mark.parametrize("provider", TITLES)
def test_who_removes_a_way_in_ends_the_access_there(
    person: Person, sandbox: RunningSandbox, store: Store, provider: str
) -> None:
    has(person, "github" if provider != "github" else "google", provider)
    assert tokens_of(sandbox, provider)
    person.unlinks(TITLES[provider])
    assert sandbox.counts[CALLS[provider]] == 1
    assert tokens_of(sandbox, provider) == []
    assert f"Access was removed at {TITLES[provider]}, too." in notice(person)
    assert store.scan(Revocation) == []
    assert "Access was removed" not in person.opens("/account").text, "told once"


def test_who_deletes_the_account_ends_the_access_everywhere(
    person: Person, sandbox: RunningSandbox, store: Store
) -> None:
    has(person, *TITLES)
    person.deletes()
    assert [tokens_of(sandbox, name) for name in TITLES] == [[], [], []]
    assert store.scan(Revocation) == []
    page = person.opens("/").text
    assert "Your account is gone" in page
    assert "Access was removed at Google, GitHub, Facebook, too." in page


@pytest.mark.parametrize(
    ("provider", "trouble"),
    [
        ("github", Trouble.ERROR_500),
        pytest.param("facebook", Trouble.ERROR_500, marks=pytest.mark.full),
        pytest.param("github", Trouble.HTML, marks=pytest.mark.full),
        pytest.param("facebook", Trouble.GARBAGE, marks=pytest.mark.full),
    ],
)
def test_a_provider_in_trouble_is_asked_again_by_the_tick(
    person: Person,
    sandbox: RunningSandbox,
    store: Store,
    tick: Callable[[], Retried],
    provider: str,
    trouble: Trouble,
) -> None:
    has(person, "google", provider)
    sandbox.revoking(provider).trouble = trouble
    assert person.unlinks(TITLES[provider]).location == "/account"
    assert f"Access at {TITLES[provider]} could not be removed yet: this site will retry" in notice(person)
    assert [oauth.entry for oauth in store.scan(OAuth)] == ["google"], "what is here goes at once"
    assert tick() == Retried(seen=1, failed=1)
    sandbox.revoking(provider).trouble = Trouble.NONE
    assert tick() == Retried(seen=1, done=1)
    assert tokens_of(sandbox, provider) == []
    assert store.scan(Revocation) == []


def test_a_provider_that_hangs_holds_up_nobody_for_long(
    person: Person, sandbox: RunningSandbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoker, "FIRST", 0.3)
    has(person, *TITLES)
    for name in TITLES:
        sandbox.revoking(name).trouble = Trouble.HANG
    begun = time.monotonic()
    person.deletes()
    assert time.monotonic() - begun < 2
    assert store.scan(OAuth) == []
    assert len(store.scan(Revocation)) == 3
    assert "Access at Google, GitHub, Facebook could not be removed yet" in person.opens("/").text


@pytest.mark.full
def test_what_had_ended_there_already_is_no_failure(person: Person, sandbox: RunningSandbox, store: Store) -> None:
    for provider in ("github", "facebook"):
        has(person, "google", provider) if provider == "github" else person.adds(provider)
        for standin in sandbox.app.extensions["sandbox"].standins:
            if standin.name == provider:
                standin.grants.clear()
        person.unlinks(TITLES[provider])
        assert f"Access at {TITLES[provider]} had ended already" in notice(person)
    assert store.scan(Revocation) == []


@pytest.mark.parametrize("naive", [False, True], ids=["ours", "the negative control"])
def test_an_identity_that_was_linked_again_keeps_its_new_access(
    person: Person,
    sandbox: RunningSandbox,
    store: Store,
    tick: Callable[[], Retried],
    monkeypatch: pytest.MonkeyPatch,
    naive: bool,
) -> None:
    """GitHub deletes a grant with all its tokens, those included that came since."""
    if naive:
        monkeypatch.setattr(revoker.Revoker, "_is_linked_again", lambda *_: False)
    has(person, "google", "github")
    sandbox.revoking("github").trouble = Trouble.ERROR_500
    person.unlinks("GitHub")
    sandbox.revoking("github").trouble = Trouble.NONE
    person.adds("github")
    assert tick().done == 1
    assert store.scan(Revocation) == []
    assert bool(tokens_of(sandbox, "github")) is not naive
    assert sandbox.counts.get(CALLS["github"], 0) == (2 if naive else 1)
    github = next(oauth.id for oauth in store.scan(OAuth) if oauth.entry == "github")
    person.opens("/account")
    form = next(form for form in person.sees.forms if form.fields.get("identity") == github)
    answer = person.submits(replace(form, action="/account/told"), identity=github)
    assert answer.status_code == (409 if naive else 200)


def test_where_no_token_is_kept_the_page_says_where_to_go(make_app: MakeApp, sandbox: RunningSandbox) -> None:
    person = has(Person(make_app(PORTAL_PROVIDERS__GITHUB__KEEP_TOKENS="false")), "google", "github")
    assert "No token is kept here" in person.opens("/account").text
    person.unlinks("GitHub")
    said = notice(person)
    assert "No token of GitHub was kept" in said
    assert "in your settings there" in said
    assert CALLS["github"] not in sandbox.counts


@pytest.mark.full
def test_a_lost_key_is_no_reason_to_stay(make_app: MakeApp, person: Person, sandbox: RunningSandbox) -> None:
    has(person, "google", "github")
    token_keys = secrets.token_urlsafe(32)
    after = Person(make_app(PORTAL_TOKEN_KEYS=token_keys))
    after.copies(person)
    after.unlinks("GitHub")
    assert "What was stored of GitHub can't be read any more" in after.opens("/account").text
    assert CALLS["github"] not in sandbox.counts


@pytest.mark.full
def test_a_provider_that_is_off_meanwhile_is_asked_when_it_is_back(
    make_app: MakeApp, person: Person, store: Store, tick: Callable[[], Retried]
) -> None:
    has(person, "google", "github")
    without = Person(make_app(PORTAL_PROVIDERS__GITHUB__ENABLED="false"))
    without.copies(person)
    without.unlinks("GitHub")
    assert "Access at GitHub could not be removed yet" in notice(without)
    assert tick().done == 1
    assert store.scan(Revocation) == []


def test_an_expired_access_token_is_renewed_to_end_the_access(
    person: Person, sandbox: RunningSandbox, store: Store
) -> None:
    """GitHub deletes a grant by a living access token only."""
    refreshing = sandbox.refreshing("github")
    refreshing.expires = True
    try:
        has(person, "google", "github")
        (standin,) = (each for each in sandbox.app.extensions["sandbox"].standins if each.name == "github")
        standin.grants.tokens.clear()
        person.unlinks("GitHub")
    finally:
        refreshing.expires = False
    assert "Access was removed at GitHub, too." in notice(person)
    assert tokens_of(sandbox, "github") == []
    assert sandbox.revoking("github").done == 1


@pytest.mark.full
def test_a_renewed_token_outlives_the_failure_after_it(
    person: Person, sandbox: RunningSandbox, store: Store, tick: Callable[[], Retried]
) -> None:
    """Its refresh token works once; what came of it must not be lost with the try."""
    refreshing, revoking = sandbox.refreshing("github"), sandbox.revoking("github")
    refreshing.expires = True
    try:
        has(person, "google", "github")
        (standin,) = (each for each in sandbox.app.extensions["sandbox"].standins if each.name == "github")
        standin.grants.tokens.clear()
        redeem = type(refreshing).redeem

        def and_then_trouble(self: object, *args: object) -> object:
            revoking.trouble = Trouble.ERROR_500
            return redeem(self, *args)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(refreshing), "redeem", and_then_trouble)
            person.unlinks("GitHub")
        assert "could not be removed yet" in notice(person)
        revoking.trouble = Trouble.NONE
        assert tick().done == 1
    finally:
        refreshing.expires = False
    assert refreshing.reused == 0
    assert revoking.done == 1


@pytest.mark.full
def test_an_issuer_is_asked_as_its_document_says(make_app: MakeApp) -> None:
    """RFC 7009; and one without an address for it is named as such."""
    with running_sandbox(redirect_base=HOME, issuers=[Issuer(name="office")]) as sandbox:
        settings = {f"PORTAL_PROVIDERS__OFFICE__{k}".upper(): v for k, v in sandbox.issuer_settings("office").items()}
        person = has(Person(make_app(**settings)), "google")
        person.adds("office")
        person.unlinks("Office")
        assert sandbox.revoking("office").done == 1
        assert sandbox.counts["POST /issuer/office/revoke"] == 1
        assert "Access was removed at Office, too." in notice(person)


@pytest.mark.full
def test_the_command_withdraws_what_is_due_and_says_so(
    person: Person,
    sandbox: RunningSandbox,
    store: Store,
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(person, "google", "github")
    sandbox.revoking("github").trouble = Trouble.ERROR_500
    person.unlinks("GitHub")
    sandbox.revoking("github").trouble = Trouble.NONE
    (row,) = store.scan(Revocation)
    store.commit(Update(replace(row, due=row.due - timedelta(days=1))))
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(manage.main, ["tick"])
    assert "1 to withdraw at providers, 1 withdrawn, 0 could not be yet, 0 given up" in done.output
    assert tokens_of(sandbox, "github") == []
    assert "withdraw" not in CliRunner().invoke(manage.main, ["tick"]).output


def test_no_token_shows_in_a_notice_a_log_line_or_a_row(
    person: Person, sandbox: RunningSandbox, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    has(person, "google", "github")
    tokens = tokens_of(sandbox, "github")
    subject = next(oauth.subject for oauth in store.scan(OAuth) if oauth.entry == "github")
    user_id = person.user_id
    sandbox.revoking("github").trouble = Trouble.ERROR_500
    person.unlinks("GitHub")
    (row,) = store.scan(Revocation)
    seen = [person.opens("/account").text, caplog.text, repr(row), *map(str, row.sealed)]
    assert not any(token in text for token in tokens for text in seen)
    assert not any(secret in repr(row) for secret in (subject, str(user_id), "github"))
    assert all(token.oauth_id not in repr(row) for token in store.scan(Token))
