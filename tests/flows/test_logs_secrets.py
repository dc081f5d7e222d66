"""Everything at DEBUG, all journeys, and a canary for whatever opens something: no line written shows one (T70)."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

import tests.flows.test_store_trouble as store_trouble
from portal.errors import Outcome
from portal.logs.incidents import InRequest
from portal.logs.libraries import _WarningsOnly
from portal.logs.lines import JsonLines, TextLines
from providers.sandbox import RunningSandbox
from tests.flows.conftest import MakeApp
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

LOUD = (
    "urllib3",
    "requests_oauthlib",
    "oauthlib",
    "flask_dance",
    "werkzeug",
    "sqlalchemy",
    "sqlalchemy.engine",
    "portal",
)


class Written:
    """What three handlers on the root logger wrote: an application's plain one, and both of our forms."""

    def __init__(self) -> None:
        self.streams = {name: io.StringIO() for name in ("plain", "text", "json")}
        plain = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s")
        self.handlers = []
        for name, formatter in (("plain", plain), ("text", TextLines()), ("json", JsonLines("my-project"))):
            handler = logging.StreamHandler(self.streams[name])
            handler.setFormatter(formatter)
            handler.addFilter(InRequest())
            self.handlers.append(handler)

    def __str__(self) -> str:
        return "".join(stream.getvalue() for stream in self.streams.values())


@pytest.fixture(autouse=True)
def written() -> Iterator[Written]:
    """All loggers there are at DEBUG, as somebody would set them who looks for a fault; before the application, for
    SQLAlchemy looks at the level when it makes an engine."""
    names = {"", *LOUD, *logging.root.manager.loggerDict}
    levels = {name: logging.getLogger(name).level for name in names}
    made, root = Written(), logging.getLogger()
    for name in names:
        if not name.startswith(("hypothesis", "faker", "asyncio")):
            logging.getLogger(name).setLevel(logging.DEBUG)
    for handler in made.handlers:
        root.addHandler(handler)
    yield made
    for handler in made.handlers:
        root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class Canaries:
    """Every secret that one person's journeys brought forth, and the pages that told of an error."""

    def __init__(self, person: Person, sandbox: RunningSandbox) -> None:
        self._person, self._sandbox = person, sandbox
        config = person.app.extensions["portal"].config
        self.secrets = {entry.client_secret.plain for entry in config.providers.values()}
        self.secrets |= {key.plain for key in config.secret_keys}
        self.secrets |= {repr(key.plain) for key in config.token_keys}
        self.pages: list[str] = []
        self._watch()

    def _watch(self) -> None:
        sends, consents = self._person.sends, self._person.consents

        def sent(*args: object, **kwargs: object):
            answer = sends(*args, **kwargs)
            if answer.status_code >= 400:
                self.pages.append(answer.text)
            elif answer.mimetype == "text/html" and answer.status_code == 200:
                self.secrets |= {form.fields["csrf_token"] for form in self._person.sees.forms}
            return answer

        def consented(location: str, *args: object, **kwargs: object) -> str:
            callback = consents(location, *args, **kwargs)
            query = parse_qs(urlsplit(callback).query)
            flow = self._person.app.extensions["portal"].flows.get(self._person.cookies, query["state"][0])
            self.secrets |= {flow.state, flow.nonce, flow.verifier, *query.get("code", [])}
            return callback

        self._person.sends, self._person.consents = sent, consented  # type: ignore[method-assign]

    def found_in(self, text: str, *, but: str = "") -> list[str]:
        standins = self._sandbox.app.extensions["sandbox"].standins
        tokens = {token for standin in standins for token in standin.grants.tokens._things}
        cookies = {value for value in self._person.cookies_seen if len(value) > 20}
        cookies |= {value.partition(".")[2] for value in cookies if len(value.partition(".")[2]) == 43}
        return [secret for secret in self.secrets | tokens | cookies if secret and secret in text and secret != but]


@pytest.fixture
def canaries(person: Person, sandbox: RunningSandbox) -> Canaries:
    return Canaries(person, sandbox)


def walk_everywhere(person: Person) -> None:
    """In with each of the three, one added, removed, proved; callbacks forged, repeated, refused; out."""
    for provider in PROVIDERS:
        person.signs_in_with(provider)
        person.opens("/account")
        person.signs_out()
    person.signs_in_with("google")
    person.adds("github", "grace")
    person.unlinks("GitHub")
    person.signs_out()
    callback = person.consents(person.starts("github"))
    person.returns(callback.replace("code=", "code=x"))  # the provider refuses that code
    assert_stops(person, Outcome.FLOW_USED, "github")
    person.returns(callback)
    assert_stops(person, Outcome.FLOW_USED, "github")
    person.comes_with("facebook", "deny")
    assert_stops(person, Outcome.DENIED, "facebook")
    person.returns(person.consents(person.starts("github")) + "&error=x")
    assert_stops(person, Outcome.BAD_CALLBACK)
    person.opens("/login/google/authorized?code=c&state=" + "s" * 43)
    assert_stops(person, Outcome.FLOW_MISSING, "google")
    person.sends("/login/google", data={"csrf_token": "forged"})
    assert_stops(person, Outcome.FORM_EXPIRED)
    person.opens("/recover?code=" + "r" * 43)


def test_no_journey_shows_a_secret_in_any_log_or_on_a_page_of_an_error(person, canaries, written):
    walk_everywhere(person)
    assert len(canaries.secrets) > 30
    assert len(canaries.pages) >= 7
    assert "signed in" in str(written)
    assert canaries.found_in(str(written)) == []
    for page in canaries.pages:
        shown = page.partition('name="csrf_token" value="')[2].partition('"')[0]  # a page's forms need their own
        assert canaries.found_in(page, but=shown) == []


def test_a_refused_token_call_shows_no_secret(make_app: MakeApp, sandbox: RunningSandbox, written):
    for provider in PROVIDERS:
        wrong = f"wrong-secret-{provider}-0123456789"
        person = Person(make_app(**{f"PORTAL_PROVIDERS__{provider.upper()}__CLIENT_SECRET": wrong}))
        canaries = Canaries(person, sandbox)
        person.comes_with(provider)
        assert_stops(person, Outcome.PROVIDER_REFUSED, provider)
        assert wrong in canaries.secrets
        assert canaries.found_in(str(written)) == []
        assert wrong not in "".join(canaries.pages)


@pytest.mark.parametrize("trouble", ["error500", "html", "garbage"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_in_trouble_shows_no_secret(person, canaries, written, provider, trouble):
    person.comes_with(provider, trouble=trouble, at="token")
    person.comes_with(provider, trouble=trouble, at="profile")
    assert canaries.found_in(str(written)) == []


def test_a_store_that_is_down_shows_no_secret(make_app: MakeApp, sandbox, app, written):
    troubled = store_trouble.Troubled(app.extensions["portal"].store)
    person = Person(make_app(store=troubled))
    canaries = Canaries(person, sandbox)
    person.signs_in_with("github")
    callback = person.consents(person.sets_out_to_link("google"))
    troubled.plans(always=store_trouble.Trouble.DOWN)
    person.returns(callback)
    assert_stops(person, Outcome.STORE_DOWN)
    person.opens("/account")
    assert canaries.found_in(str(written)) == []


def test_a_bug_in_the_midst_of_a_sign_in_shows_no_local_variable(app: Flask, person, canaries, written, monkeypatch):
    """The traceback runs through frames that hold code, verifier, token and session secret."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(app.extensions["portal"].accounts, "arrive", broken)
    person.comes_with("google")
    assert_stops(person, Outcome.BROKEN)
    assert "RuntimeError: a bug" in str(written)
    assert canaries.found_in(str(written)) == []


def test_without_the_filter_the_libraries_would_show_them(person, canaries, written, monkeypatch):
    """The negative control: the canaries are the right ones, and what is searched is where they would be."""
    monkeypatch.setattr(_WarningsOnly, "filter", lambda *_: True)
    person.signs_in_with("google")
    assert len(canaries.found_in(written.streams["plain"].getvalue())) >= 5


def test_even_then_our_own_lines_take_most_of_them_out(person, canaries, written, monkeypatch):
    """The last net: what looks like a secret. Only what is short, or not of one piece, would come through."""
    monkeypatch.setattr(_WarningsOnly, "filter", lambda *_: True)
    for provider in ("google", "github"):
        person.signs_in_with(provider)
        person.signs_out()
    loud = canaries.found_in(written.streams["plain"].getvalue())
    for form in ("text", "json"):
        assert len(canaries.found_in(written.streams[form].getvalue())) * 3 <= len(loud)


def test_a_traceback_with_locals_would_show_them(canaries):
    """The control for the bug above: `capture_locals` writes whatever a frame holds."""
    import traceback

    def frame(secret: str) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError) as caught:
        frame("the-session-secret")
    assert "the-session-secret" in "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    try:
        frame("the-session-secret")
    except RuntimeError:
        record = logging.LogRecord("portal", logging.ERROR, "f", 1, "x", (), sys.exc_info())
    assert "the-session-secret" not in JsonLines().format(record).replace('frame(\\"the-session-secret\\")', "")


def test_what_people_send_forges_no_line(person, written):
    """T17, T78: paths, errors, hosts and headers with line breaks, colours and a change of direction in them."""
    forged = "\n2026-01-01 00:00:00 INFO portal: signed in: user admin\x1b[31m\u202e"
    person.opens("/" + forged)
    callback = person.consents(person.starts("github"), "deny")
    person.returns(callback.replace("access_denied", "%0Aforged"))
    person.opens("/", base_url="http://evil.example")
    person.sends("/login/github", data={}, headers={"Origin": "https://evil.example/\u202e".encode().decode("latin-1")})
    for form in ("text", "json"):
        text = written.streams[form].getvalue()
        assert not [
            line for line in text.splitlines() if line.startswith("2026-01-01") or "\x1b" in line or "\u202e" in line
        ]
