"""A provider on a bad day: a page that says what to do next, nothing written, one log line, and no secret in any."""

from __future__ import annotations

import functools
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

import portal.backchannel
from portal.backchannel import deadline
from portal.errors import Outcome
from portal.logs.libraries import _WarningsOnly
from providers.sandbox import RunningSandbox, running_sandbox
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.person import HOME, PROVIDERS, Person

CALLS = [
    (provider, call)
    for provider in PROVIDERS
    for call in ("token", "profile", "email")
    if call != "email" or provider == "github"
]
TROUBLES = {
    "error500": Outcome.PROVIDER_DOWN,
    "html": Outcome.PROVIDER_ODD,
    "garbage": Outcome.PROVIDER_ODD,
    "slow": Outcome.PROVIDER_SLOW,
    "hang": Outcome.PROVIDER_SLOW,
    "drip": Outcome.PROVIDER_SLOW,
    "drip_headers": Outcome.PROVIDER_SLOW,
}
WAITS = ("slow", "hang", "drip", "drip_headers")
FACES = ("subject_null", "subject_float", "subject_string")


@pytest.fixture(scope="module")
def hurried() -> Iterator[RunningSandbox]:
    """Providers whose every wait takes a tenth of its time: 0.8 s for slow, 3 s for hang, 50 ms a drop."""
    with running_sandbox(redirect_base=HOME, pace=0.1) as running:
        yield running


@pytest.fixture
def impatient() -> Iterator[Callable[[], pytest.MonkeyPatch]]:
    """Shrinks the portal's deadlines; `undo` gives them back."""
    patch = pytest.MonkeyPatch()

    def shrink() -> pytest.MonkeyPatch:
        patch.setattr(portal.backchannel, "CONNECT", 0.1)
        patch.setattr(portal.backchannel, "READ", 0.2)
        patch.setattr("portal.dance.deadline", functools.partial(deadline, 0.25))
        return patch

    yield shrink
    patch.undo()


@pytest.fixture
def before_hurried(make_app: MakeApp, hurried: RunningSandbox) -> Flask:
    """A portal in front of them."""
    return make_app(**_settings(hurried))


def _settings(sandbox: RunningSandbox) -> dict[str, str]:
    return {
        f"PORTAL_PROVIDERS__{name}__{key}".upper(): value
        for name, values in sandbox.settings.items()
        for key, value in values.items()
    }


class Canaries:
    """Everything that opens something, as one sign-in brings it forth. None of it may be seen in a log."""

    def __init__(self, person: Person, sandbox: RunningSandbox) -> None:
        self._person, self._sandbox = person, sandbox
        self._secrets = {values["client_secret"] for values in sandbox.settings.values()}

    def watch(self, callback: str) -> None:
        query = parse_qs(urlsplit(callback).query)
        flow = self._person.app.extensions["portal"].flows.get(self._person.cookies, query["state"][0])
        self._secrets |= {flow.state, flow.nonce, flow.verifier, query["code"][0]}

    def found_in(self, text: str) -> list[str]:
        standins = self._sandbox.app.extensions["sandbox"].standins
        tokens = [token for standin in standins for token in standin.grants.tokens._things]
        facebook = self._sandbox.settings["facebook"]["client_secret"]
        proofs = [hmac.new(facebook.encode(), token.encode(), hashlib.sha256).hexdigest() for token in tokens]
        cookies = [value for value in self._person.cookies_seen if len(value) > 20]
        return [secret for secret in [*self._secrets, *tokens, *proofs, *cookies] if secret in text]


@pytest.mark.parametrize(("provider", "call"), CALLS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_at_a_call_is_a_page_with_a_next_step_and_leaves_nothing_behind(
    before_hurried: Flask,
    hurried: RunningSandbox,
    impatient: Callable[[], pytest.MonkeyPatch],
    caplog: pytest.LogCaptureFixture,
    lines: Callable[[], list[str]],
    provider: str,
    call: str,
    trouble: str,
    rows: Rows,
) -> None:
    person = Person(before_hurried)
    canaries = Canaries(person, hurried)
    callback = person.consents(person.starts(provider, next="/account"), trouble=trouble, at=call)
    canaries.watch(callback)
    before = rows()

    patch = impatient() if trouble in WAITS else pytest.MonkeyPatch()
    person.returns(callback)
    patch.undo()
    page = assert_stops(person, TROUBLES[trouble], provider)
    assert page.form(f"/login/{provider}").fields["next"] == "/account"
    assert person.user_id is None
    assert rows() == before
    (line,) = lines()
    assert f"provider={provider}" in line
    assert f"the {call} call" in line
    assert canaries.found_in(caplog.text) == []

    person.arrives_on(person.consents(person.posts(f"/login/{provider}").location))
    assert person.user_id, "and the next try goes through"
    assert canaries.found_in(caplog.text) == []


@pytest.fixture
def store(before_hurried: Flask) -> object:
    """Of the portal that these tests use."""
    return before_hurried.extensions["portal"].store


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("trouble", FACES)
def test_a_subject_that_is_none_is_nobody(
    before_hurried: Flask,
    hurried: RunningSandbox,
    caplog: pytest.LogCaptureFixture,
    lines: Callable[[], list[str]],
    provider: str,
    trouble: str,
    rows: Rows,
) -> None:
    person = Person(before_hurried)
    canaries = Canaries(person, hurried)
    before = rows()
    callback = person.consents(person.starts(provider), trouble=trouble)
    canaries.watch(callback)
    person.returns(callback)
    assert_stops(person, Outcome.PROVIDER_ODD, provider)
    assert rows() == before
    assert len(lines()) == 1
    assert canaries.found_in(caplog.text) == []
    person.signs_in_with(provider)
    assert person.user_id


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_gone_by_the_callback_is_a_page(
    make_app: MakeApp, provider: str, lines: Callable[[], list[str]]
) -> None:
    with running_sandbox(redirect_base=HOME) as sandbox:
        person = Person(make_app(**_settings(sandbox)))
        callback = person.consents(person.starts(provider))
        person.at_provider.close()
    person.returns(callback)
    assert_stops(person, Outcome.PROVIDER_DOWN, provider)
    assert len(lines()) == 1


def test_a_provider_to_be_discovered_that_is_gone_is_a_page_before_anything_starts(
    make_app: MakeApp, lines: Callable[[], list[str]]
) -> None:
    with running_sandbox(redirect_base=HOME) as sandbox:
        settings = _settings(sandbox)
    person = Person(make_app(**settings))
    person.opens("/login?next=/account")
    person.posts("/login/google")
    page = assert_stops(person, Outcome.PROVIDER_DOWN, "google")
    assert page.form("/login/google").fields["next"] == "/account"
    assert not person.flows
    assert len(lines()) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_client_secret_is_the_admin_s_trouble_and_said_so(
    make_app: MakeApp, provider: str, caplog: pytest.LogCaptureFixture, lines: Callable[[], list[str]]
) -> None:
    wrong = "wrong-secret-0123456789"
    person = Person(make_app(**{f"PORTAL_PROVIDERS__{provider.upper()}__CLIENT_SECRET": wrong}))
    person.signs_in_with(provider)
    assert_stops(person, Outcome.PROVIDER_REFUSED, provider)
    assert len(lines()) == 1
    assert wrong not in caplog.text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_sign_in_that_goes_well_shows_the_log_no_secret_either(
    sandbox: RunningSandbox, app: Flask, caplog: pytest.LogCaptureFixture, provider: str
) -> None:
    """T70."""
    caplog.set_level(logging.DEBUG)
    person = Person(app)
    canaries = Canaries(person, sandbox)
    callback = person.consents(person.starts(provider))
    canaries.watch(callback)
    person.arrives_on(callback)
    person.returns(callback)
    person.signs_out()
    assert canaries.found_in(caplog.text) == []


def test_the_libraries_would_show_them_all_if_we_let_them(
    sandbox: RunningSandbox, app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without our filter the test above would see state, verifier, code, client secret and token (T70)."""
    monkeypatch.setattr(_WarningsOnly, "filter", lambda *_: True)
    caplog.set_level(logging.DEBUG)
    person = Person(app)
    canaries = Canaries(person, sandbox)
    callback = person.consents(person.starts("google"))
    canaries.watch(callback)
    person.returns(callback)
    assert len(canaries.found_in(caplog.text)) >= 5


@pytest.mark.parametrize("trouble", ["drip", "drip_headers"])
def test_the_deadline_is_by_the_wall_clock_however_the_bytes_come(
    person: Person, full: bool, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """T84: a drop every half second resets any timeout between bytes. With nothing shrunk at full size."""
    if not full:
        monkeypatch.setattr("portal.dance.deadline", functools.partial(deadline, 0.75))
    callback = person.consents(person.starts("github"), trouble=trouble)
    begun = time.monotonic()
    person.returns(callback)
    assert (4 if full else 0.5) < time.monotonic() - begun < (6 if full else 1.75)
    assert_stops(person, Outcome.PROVIDER_SLOW, "github")
