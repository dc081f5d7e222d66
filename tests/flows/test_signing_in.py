"""The whole way through the front door: the button, the provider, the callback, the account page."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from flask import Flask
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter

from portal.backchannel import BackChannel
from portal.errors import Outcome
from providers.sandbox import RunningSandbox, running_sandbox
from tests.flows.conftest import MakeApp
from tests.flows.stops import assert_stops
from tests.person import HOME, PROVIDERS, Person

REAL = "https://portal.example.com"
PRODUCTION = {
    "PORTAL_BASE_URL": REAL,
    "PORTAL_SECRET_KEY": "s3cret-of-32-characters-or-more-0123456789",
    "PORTAL_TOKEN_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
}


# Coming in.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_person_signs_in_out_and_in_again_as_the_same_user(person: Person, provider: str) -> None:
    assert person.signs_in_with(provider).status_code == 303
    first = person.user_id
    assert first
    assert "Ada Lovelace" in (person.account or "")

    assert person.signs_out().status_code == 303
    assert person.account is None

    assert person.signs_in_with(provider).status_code == 303
    assert person.user_id == first


@pytest.mark.parametrize("provider", PROVIDERS)
def test_two_people_get_two_accounts(people: Callable[[], Person], provider: str) -> None:
    ada, grace = people(), people()
    ada.signs_in_with(provider, "ada")
    grace.signs_in_with(provider, "grace")
    assert ada.user_id != grace.user_id
    assert "Grace" not in (ada.account or "")
    assert "Ada" not in (grace.account or "")


def test_one_verified_address_at_all_three_still_makes_three_accounts(people: Callable[[], Person]) -> None:
    """An address never selects a user, verified or not (T33)."""
    users = set()
    for provider in PROVIDERS:
        grace = people()
        grace.signs_in_with(provider, "grace")
        users.add(grace.user_id)
    assert len(users) == 3


def test_the_account_page_shows_the_name_and_how_one_signs_in(person: Person) -> None:
    person.signs_in_with("google")
    person.opens("/account")
    assert person.sees.heading == "Ada Lovelace"
    assert "ada@example.com" in (person.account or "")


def test_the_account_page_shows_the_login_of_who_has_no_name(person: Person) -> None:
    person.signs_in_with("github", "nameless")
    person.opens("/account")
    assert person.sees.heading == "octo"


def test_the_account_page_has_a_heading_for_who_has_neither(person: Person) -> None:
    person.signs_in_with("google", "nobody")
    person.opens("/account")
    assert person.sees.heading == "Your account"
    assert "Account ending in 1000" in (person.account or "")


def test_who_is_signed_in_needs_no_button(person: Person) -> None:
    person.signs_in_with("github")
    for path in ("/login", "/login/github"):
        assert person.opens(path).location == "/"
        assert person.opens(f"{path}?next=/account").location == "/account"


def test_home_url_sends_the_signed_in_person_elsewhere_and_nobody_else(make_app: MakeApp) -> None:
    person = Person(make_app(PORTAL_HOME_URL="https://www.example.com/"))
    assert person.opens("/").status_code == 200
    person.signs_in_with("github")
    assert person.opens("/").location == "https://www.example.com/"


# Where one goes on to.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_next_is_kept_all_the_way(person: Person, provider: str) -> None:
    asked = person.opens("/account")
    assert (asked.status_code, asked.location) == (303, "/login?next=/account")
    person.opens(asked.location)
    started = person.posts(f"/login/{provider}")
    assert person.arrives_on(person.consents(started.location)) == "/account"


def test_what_facebook_hangs_on_the_address_does_not_stay_there(person: Person) -> None:
    """A browser hands the `#_=_` on, unless the redirect has a fragment of its own; a reload of the callback, too."""
    for page in ("/welcome?next=/account#", "/account#"):
        callback = person.consents(person.starts("facebook", next="/account"))
        assert callback.endswith("#_=_")
        assert person.returns(callback).location == page
        assert person.returns(callback).location == page
        if "welcome" in page:
            assert person.creates_an_account(page).location == "/account"
            person.signs_out()


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/account\r\nLocation: https://evil.example",
        "/logout",
        "/login/github/authorized",
        "/account?x=" + "y" * 600,
        "/\U0001f600\x00",
    ],
)
def test_a_hostile_next_leads_home(person: Person, hostile: str) -> None:
    """Given to the page, and put straight into its form (T20, T21, T22)."""
    callback = person.consents(person.starts("github", next=hostile))
    assert person.ends_on(callback) == "/"
    person.signs_out()
    person.opens("/login")
    started = person.posts("/login/github", next=hostile)
    assert person.ends_on(person.consents(started.location)) == "/"


# The buttons.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_button_used_last_is_marked_and_no_other(person: Person, provider: str) -> None:
    assert _marked(person) == []
    person.signs_in_with(provider)
    person.signs_out()
    assert _marked(person) == [f"/login/{provider}"]
    assert person.cookies["portal_last"] == provider, "a provider's name and nothing else"


def test_what_somebody_writes_into_the_last_used_cookie_is_never_shown(person: Person) -> None:
    person.keeps("portal_last", "<b>evil</b>")
    assert _marked(person) == []
    assert "evil" not in person.opens("/login").text


def _marked(person: Person) -> list[str]:
    person.opens("/login")
    return [form.action for form in person.sees.forms if "Last used" in form.button]


def test_with_one_provider_there_is_one_button_and_no_choice(make_app: MakeApp) -> None:
    off = {f"PORTAL_PROVIDERS__{name}__ENABLED": "false" for name in ("GOOGLE", "FACEBOOK")}
    person = Person(make_app(**off))
    for path in ("/", "/login", "/login/github"):
        text = person.opens(path).text
        assert [form.action for form in person.sees.forms] == ["/login/github"]
        assert "Choose" not in text
        assert "Other ways" not in text
    person.signs_in_with("github")
    person.signs_out()
    assert "Last used" not in person.opens("/login").text
    for path in ("/login/google", "/login/google/authorized"):
        person.opens(path)
        assert_stops(person, Outcome.PROVIDER_OFF, "google")


# Starting takes a press of the button (T02).


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_get_starts_nothing_and_shows_the_one_button(person: Person, provider: str) -> None:
    """T02."""
    page = person.opens(f"/login/{provider}?next=/account")
    assert page.status_code == 200
    assert [form.action for form in person.sees.forms] == [f"/login/{provider}"]
    assert not person.flows
    assert person.posts(f"/login/{provider}").status_code == 303


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"])
def test_no_other_method_starts_one(person: Person, method: str) -> None:
    person.opens("/login")
    answer = person.sends("/login/github", method=method, data=person.sees.form("/login/github").fields)
    assert answer.status_code == (200 if method in {"HEAD", "OPTIONS"} else 405)
    assert not answer.location
    assert not person.flows


def test_no_header_or_field_turns_a_method_into_another(person: Person) -> None:
    """T107."""
    answer = person.opens("/login/github?_method=POST", headers={"X-HTTP-Method-Override": "POST"})
    assert answer.status_code == 200
    assert not person.flows


def test_a_press_without_the_page_s_token_is_refused_kindly(person: Person) -> None:
    person.opens("/login?next=/account")
    person.posts("/login/github", csrf_token="")
    page = assert_stops(person, Outcome.FORM_EXPIRED)
    assert not person.flows
    assert page.form("/login/github").fields["next"] == "/account", "and the next press still leads there"
    assert person.posts("/login/github").status_code == 303


def test_another_browser_s_token_is_refused(person: Person, people: Callable[[], Person]) -> None:
    other = people()
    other.opens("/login")
    stolen = other.sees.form("/login/github").fields["csrf_token"]
    person.opens("/login")
    person.posts("/login/github", csrf_token=stolen)
    assert_stops(person, Outcome.FORM_EXPIRED)
    assert not person.flows


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": HOME},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_s_press_is_refused_even_with_the_right_token(person: Person, headers: dict[str, str]) -> None:
    """T02."""
    person.opens("/login")
    person.sends("/login/github", data=person.sees.form("/login/github").fields, headers=headers)
    assert_stops(person, Outcome.CROSS_SITE)
    assert not person.flows


def test_a_browser_that_sends_neither_header_is_held_to_the_token_alone(person: Person) -> None:
    person.opens("/login")
    assert person.sends("/login/github", data=person.sees.form("/login/github").fields).status_code == 303


# What the provider is asked.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_provider_is_asked_for_exactly_this(
    app: Flask, sandbox: RunningSandbox, person: Person, provider: str
) -> None:
    location = person.starts(provider, next="/account")
    asked = dict(parse_qsl(urlsplit(location).query, strict_parsing=True))
    flow = app.extensions["portal"].flows.get(person.cookies, asked["state"])
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    scopes = {"google": "openid email profile", "github": "read:user user:email", "facebook": "public_profile email"}
    expected = {
        "client_id": sandbox.settings[provider]["client_id"],
        "redirect_uri": f"{HOME}/login/{provider}/authorized",
        "response_type": "code",
        "scope": scopes[provider],
        "state": flow.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    assert asked == (expected | {"nonce": flow.nonce} if provider == "google" else expected)
    assert location.startswith(sandbox.base)
    assert len({flow.state, flow.nonce, flow.verifier}) == 3
    assert flow.next == "/account"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_of_the_request_s_own_parameters_reaches_the_provider(person: Person, provider: str) -> None:
    """T18."""
    person.opens("/login")
    planted = {"login_hint": "evil", "scope": "repo", "redirect_uri": "https://evil.example/", "hd": "evil"}
    planted |= {"prompt": "none", "client_id": "evil", "state": "evil", "code_challenge_method": "plain"}
    fields = person.sees.form(f"/login/{provider}").fields | planted
    query = "&".join(f"{name}={value}" for name, value in planted.items())
    location = person.sends(f"/login/{provider}?{query}", data=fields).location
    assert "evil" not in location
    assert "repo" not in location
    assert set(parse_qs(location)) & {"login_hint", "hd", "prompt"} == set()


def test_every_flow_has_values_of_its_own(person: Person) -> None:
    """T09."""
    asked = [parse_qs(urlsplit(person.starts("google")).query) for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({values[name][0] for values in asked}) == 3


# Hosts (T28).


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/login", "/login/github", "/login/github/authorized", "/account", "/nowhere"])
def test_a_foreign_host_is_refused_before_any_view(person: Person, path: str, method: str) -> None:
    """T28."""
    person.opens("/login")
    fields = person.sees.form("/login/github").fields
    answer = person.sends(path, method=method, data=fields, base_url="http://evil.example")
    assert answer.status_code == 400
    assert "evil.example" not in str(answer.headers)
    assert "evil.example" not in answer.text
    assert not person.flows


@pytest.mark.parametrize("headers", [{"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}])
def test_forwarding_headers_change_no_address(person: Person, headers: dict[str, str]) -> None:
    person.opens("/login")
    fields = person.sees.form("/login/github").fields
    answer = person.sends("/login/github", data=fields, headers=headers | {"X-Forwarded-Proto": "https"})
    assert parse_qs(urlsplit(answer.location).query)["redirect_uri"] == [f"{HOME}/login/github/authorized"]


def test_in_development_the_machine_s_other_name_leads_to_the_configured_one(person: Person) -> None:
    answer = person.opens("/login?next=/account", base_url="http://127.0.0.1:8000")
    assert (answer.status_code, answer.location) == (302, f"{HOME}/login?next=/account")
    answer = person.opens("//evil.example/", base_url="http://127.0.0.1:8000")
    assert urlsplit(answer.location or HOME).netloc == "localhost:8000"
    person.opens("/login")
    fields = person.sees.form("/login/github").fields
    assert person.sends("/login/github", data=fields, base_url="http://127.0.0.1:8000").status_code != 302


def test_without_a_base_url_the_provider_sends_back_to_the_loopback_host_that_was_asked(make_app: MakeApp) -> None:
    person = Person(make_app(PORTAL_BASE_URL=None))
    asked = parse_qs(urlsplit(person.starts("github")).query)
    assert asked["redirect_uri"] == [f"{HOME}/login/github/authorized"]
    person.signs_in_with("github")
    assert person.account
    assert person.opens("/", base_url="http://evil.example").status_code == 400


# The cookies (T54).


def test_in_development_cookies_are_plain_and_as_strict_as_plain_http_allows(person: Person) -> None:
    answers = [person.opens("/login"), person.posts("/login/github")]
    answers.append(person.returns(person.consents(answers[-1].location)))
    names = _assert_strict(answers, secure=False)
    assert {"portal_session", "portal_last", "portal_form"} <= names


@pytest.fixture
def in_production(make_app: MakeApp, environ: dict[str, str]) -> Iterator[Person]:
    """Somebody in front of a portal on https, with a Facebook on https that is the sandbox in truth."""
    callback = f"{REAL}/login/facebook/authorized"
    with running_sandbox(redirect_uris=[callback]) as sandbox:
        changes: dict[str, str | None] = {name: None for name in environ if name.startswith("PORTAL_PROVIDERS__")}
        for key, value in sandbox.settings["facebook"].items():
            changes[f"PORTAL_PROVIDERS__FACEBOOK__{key.upper()}"] = value.replace(sandbox.base, "https://social.test")
        app = make_app(**changes, **PRODUCTION)
        app.extensions["portal"] = replace(app.extensions["portal"], backchannel=_Bridged(sandbox.base))
        person = Person(app, home=REAL)
        person.at_provider.mount("https://social.test", _Bridge(sandbox.base))
        yield person


class _Bridge(HTTPAdapter):
    """Reaches the sandbox under an https address."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: PreparedRequest, *args: object, **kwargs: object) -> Response:
        assert request.url is not None
        request.url = request.url.replace("https://social.test", self._base)
        return super().send(request, *args, **kwargs)  # type: ignore[arg-type]


class _Bridged(BackChannel):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._bridge = _Bridge(base)

    @property
    def adapter(self) -> BaseAdapter:  # type: ignore[override]
        return self._bridge


def test_in_production_cookies_are_the_host_s_own_and_travel_by_https_only(in_production: Person) -> None:
    """T54."""
    person = in_production
    answers = [person.opens("/login"), person.posts("/login/facebook")]
    answers.append(person.returns(person.consents(answers[-1].location)))
    answers += [person.opens("/welcome"), person.posts("/welcome")]
    assert answers[-1].status_code == 303, answers[-1].text
    names = _assert_strict(answers, secure=True)
    assert {"__Host-portal_session", "__Host-portal_last", "__Host-portal_form"} <= names
    assert all(name.startswith("__Host-") for name in names)
    assert person.user_id
    assert "Ada Lovelace" in (person.account or "")
    assert person.opens("/account").headers["Strict-Transport-Security"] == "max-age=31536000"


def _assert_strict(answers: list, *, secure: bool) -> set[str]:
    headers = [header for answer in answers for header in answer.headers.getlist("Set-Cookie")]
    for header in headers:
        attributes = {part.strip().lower() for part in header.split(";")[1:]}
        assert {"httponly", "path=/", "samesite=lax"} <= attributes, header
        assert ("secure" in attributes) == secure, header
        assert not any(attribute.startswith("domain") for attribute in attributes), header
    return {re.split("=", header)[0] for header in headers}


@pytest.mark.parametrize("asked", ["http://portal.example.com", "https://portal.example.com:8443"])
def test_in_production_the_scheme_and_port_of_base_url_decide_never_the_request_s(
    in_production: Person, asked: str
) -> None:
    """T28, T30: behind a proxy that ends TLS every request comes by http."""
    in_production.opens("/login")
    fields = in_production.sees.form("/login/facebook").fields
    cookies = "; ".join(f"{name}={value}" for name, value in in_production.cookies.items())
    answer = in_production.sends("/login/facebook", data=fields, base_url=asked, headers={"Cookie": cookies})
    assert parse_qs(urlsplit(answer.location).query)["redirect_uri"] == [f"{REAL}/login/facebook/authorized"]
    assert "; Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("host", ["http://localhost:8000", "https://evil.example", "https://www.portal.example.com"])
def test_in_production_only_the_configured_host_is_answered(in_production: Person, host: str) -> None:
    assert in_production.opens("/", base_url=host).status_code == 400
