"""Any OpenID Connect issuer is a provider by configuration alone: button, redirect URI, two entries, outages."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.serving import make_server

from portal.config.urls import LONGEST_ISSUER
from portal.errors import Outcome
from portal.flow import LONGEST, Flows
from portal.models import OAuth
from portal.security import LONGEST_NEXT
from portal.views import TEMPLATES
from providers._discovery import discovery
from providers.sandbox import Issuer, RunningSandbox, create_sandbox, running_sandbox
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import HOME, Person

People = Callable[[], Person]
ACME = Issuer(name="acme", entries=("acme", "work", "private"))


@pytest.fixture(scope="module")
def acme() -> Iterator[RunningSandbox]:
    """A company's own issuer, and the three everybody knows."""
    with running_sandbox(redirect_base=HOME, issuers=[ACME]) as running:
        yield running


def entry(name: str, settings: dict[str, str], **more: str) -> dict[str, str]:
    """What an admin writes for an entry of the configuration, as environment variables."""
    return {f"PORTAL_PROVIDERS__{name}__{key}".upper(): value for key, value in (settings | more).items()}


@pytest.fixture
def app(make_app: MakeApp, acme: RunningSandbox) -> Flask:
    """A portal with Acme's issuer beside the others."""
    return make_app(**entry("acme", acme.issuer_settings("acme")))


@pytest.fixture
def twice(make_app: MakeApp, acme: RunningSandbox) -> Flask:
    """A portal in which one issuer stands twice."""
    settings = acme.issuer_settings("acme")
    return make_app(**entry("work", settings), **entry("private", settings, title="Acme at home"))


# Three lines of configuration.


def test_its_button_has_a_name_a_neutral_mark_and_a_page_of_its_own(person: Person) -> None:
    person.opens("/login")
    assert person.sees.form("/login/acme").button == "Continue with Acme"
    neutral = (TEMPLATES / "portal/marks/other.svg").read_text().strip()
    assert person.page is not None
    assert person.page.text.count(neutral) == 1
    person.opens("/login/acme")
    assert person.sees.heading == "Sign in with Acme"
    assert [form.action for form in person.sees.forms] == ["/login/acme"]


def test_its_redirect_uri_is_its_own(person: Person) -> None:
    query = parse_qs(urlsplit(person.starts("acme")).query)
    assert query["redirect_uri"] == [f"{HOME}/login/acme/authorized"]


def test_a_person_signs_in_out_and_in_again(person: Person, rows: Rows) -> None:
    assert person.signs_in_with("acme", next="/account").location == "/account"
    first = person.user_id
    assert first
    assert "Acme" in (person.account or "")
    person.signs_out()
    person.signs_in_with("acme")
    assert person.user_id == first
    assert rows()["User"] == 1


def test_it_can_be_added_proved_with_and_removed_like_any_other(person: Person, wait: Wait) -> None:
    person.signs_in_with("google", "ada")
    user_id = person.user_id
    person.adds("acme", "grace")
    wait(timedelta(minutes=11))
    person.opens("/account/prove?next=/account")
    assert person.proves_with("acme", "grace").location == "/account"
    person.unlinks("Google")
    person.signs_out()
    person.signs_in_with("acme", "grace")
    assert person.user_id == user_id


def test_the_same_subject_at_another_issuer_is_another_person(people: People, app: Flask) -> None:
    """T31: a subject means something only together with its issuer."""
    subject = "110000000000000000042"
    for provider in ("google", "acme"):
        people().signs_in_with(provider, "own", name="Kate", subject=subject)
    oauths = app.extensions["portal"].store.scan(OAuth)
    assert {oauth.subject for oauth in oauths} == {subject}
    assert len({oauth.user_id for oauth in oauths}) == len({oauth.issuer for oauth in oauths}) == 2


def test_a_domain_that_the_admin_listed_is_the_issuer_s_to_tell(
    make_app: MakeApp, acme: RunningSandbox, tmp_path: Path
) -> None:
    """And with `same_email = "link"` it opens the account of its address; unlisted, it only asks (T33)."""
    for listed in ("example.com", "example.org"):
        settings = entry("acme", acme.issuer_settings("acme"), authoritative_for=listed)
        app = make_app(PORTAL_LINKING__SAME_EMAIL="link", PORTAL_STORE=f"sqlite:///{tmp_path}/{listed}.db", **settings)
        before, after = Person(app), Person(app)
        before.signs_in_with("github", "own", name="Kate", subject="4711", email="kate@example.com", verified="yes")
        after.comes_with("acme", "own", name="Kate", email="kate@example.com", verified="yes")
        assert (after.user_id == before.user_id) == (listed == "example.com")
        assert after.is_asked(after.page) == (listed != "example.com")  # type: ignore[arg-type]


# Two entries for one issuer.


def test_two_entries_have_each_their_own_button_and_redirect_uri(twice: Flask) -> None:
    person = Person(twice)
    person.opens("/login")
    buttons = {form.action: form.button for form in person.sees.forms}
    assert buttons["/login/work"] == "Continue with Work"
    assert buttons["/login/private"] == "Continue with Acme at home"
    for name in ("work", "private"):
        query = parse_qs(urlsplit(person.starts(name)).query)
        assert query["redirect_uri"] == [f"{HOME}/login/{name}/authorized"]


def test_one_entry_s_flow_does_not_end_at_the_other_s_callback(twice: Flask) -> None:
    """T08: the issuer is the same, the client need not be."""
    person = Person(twice)
    callback = person.consents(person.starts("work"))
    person.returns(callback.replace("login/work", "login/private"))
    assert_stops(person, Outcome.WRONG_ISSUER, "private")
    assert person.returns(callback).status_code == 303


def test_one_person_is_one_user_by_either(twice: Flask) -> None:
    """The key is the issuer's and the subject's; the entry's name is none of it."""
    work, private = Person(twice), Person(twice)
    work.signs_in_with("work")
    private.signs_in_with("private")
    assert work.user_id == private.user_id
    assert len(twice.extensions["portal"].store.scan(OAuth)) == 1


def test_a_renamed_entry_still_opens_the_account_and_proves_who_one_is(
    make_app: MakeApp, acme: RunningSandbox, twice: Flask
) -> None:
    before = Person(twice)
    before.signs_in_with("work")
    renamed = make_app(store=twice.extensions["portal"].store, **entry("private", acme.issuer_settings("acme")))
    after = Person(renamed)
    after.signs_in_with("private")
    assert after.user_id == before.user_id
    after.opens("/account/prove?next=/account/delete")
    assert [form.action for form in after.sees.forms] == ["/account/prove/private"]
    assert after.proves_with("private").location == "/account/delete"


def test_google_twice_is_google_and_a_plain_issuer(make_app: MakeApp) -> None:
    """The second entry knows the same people by the same keys, and nothing of Google's own rules."""
    with running_sandbox(redirect_uris=[f"{HOME}/login/{name}/authorized" for name in ("google", "work")]) as google:
        settings = {key: google.settings["google"][key] for key in ("issuer", "client_id", "client_secret")}
        app = make_app(**entry("google", settings), **entry("work", settings))
        first, second = Person(app), Person(app)
        first.signs_in_with("google", "katherine")
        second.signs_in_with("work", "katherine")
        assert first.user_id == second.user_id is not None


# An issuer that is not there.


@pytest.fixture
def closed_port() -> Iterator[socket.socket]:
    """A port that is ours, and at which nobody answers."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets the moment pass for which a failure of discovery is remembered."""
    now, passed = discovery._kept._clock, [0.0]
    monkeypatch.setattr(discovery._kept, "_clock", lambda: now() + passed[0])

    def pass_by() -> None:
        passed[0] += 2

    return pass_by


def test_an_issuer_out_of_reach_at_the_start_stops_no_other_and_is_there_when_it_comes_up(
    make_app: MakeApp, acme: RunningSandbox, closed_port: socket.socket, later: Callable[[], None], rows: Rows
) -> None:
    port = closed_port.getsockname()[1]
    away = f"http://127.0.0.1:{port}"
    settings = acme.issuer_settings("acme")
    there = settings["issuer"].partition("/issuer/")[0]
    app = make_app(**entry("acme", settings | {"issuer": settings["issuer"].replace(there, away)}))
    person = Person(app)
    person.opens("/login")
    assert "Continue with Acme" in {form.button for form in person.sees.forms}
    person.posts("/login/acme", next="/account")
    page = assert_stops(person, Outcome.PROVIDER_DOWN, "acme")
    assert {form.action for form in page.forms} == {f"/login/{p}" for p in ("google", "github", "facebook", "acme")}
    for provider in ("google", "github"):
        other = Person(app)
        assert other.signs_in_with(provider).location == "/"
        assert other.user_id
    closed_port.close()
    server = make_server("127.0.0.1", port, create_sandbox(redirect_base=HOME, issuers=[ACME]), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        later()
        assert person.ends_on(person.consents(person.posts("/login/acme").location)) == "/account"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_issuer_that_says_it_is_another_is_not_asked(make_app: MakeApp, acme: RunningSandbox) -> None:
    """T14: its document is for the address without the slash."""
    settings = acme.issuer_settings("acme")
    person = Person(make_app(**entry("acme", settings | {"issuer": settings["issuer"] + "/"})))
    person.presses("acme")
    assert_stops(person, Outcome.PROVIDER_ODD, "acme")


# Its length.


@pytest.mark.parametrize(("length", "fits"), [(LONGEST_ISSUER, True), (LONGEST_ISSUER + 100, False)])
def test_the_longest_issuer_fits_into_a_flow_s_cookie_beside_all_else(length: int, fits: bool) -> None:
    """A longer cookie would be taken for nobody's, at every sign-in (T64)."""
    flows, app = Flows(["k" * 43], prefix="__Host-"), Flask("bare")
    with app.test_request_context():
        flow = flows.begin(
            {},
            purpose="sign-in",
            provider="p" * 32,
            issuer="https://".ljust(length, "i"),
            next="/".ljust(LONGEST_NEXT, "n"),
            user_id="u" * 22,
            epoch=2**31,
            pending="p" * 43,
        )
        answer = app.process_response(app.response_class())
    name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
    assert (len(value) <= LONGEST) == fits
    assert (flows.get({name: value}, flow.state) == flow) == fits
