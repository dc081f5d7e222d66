"""Around the pages: the one step after a stale button, somebody else's application, bombs, and probes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from ada_url import URL
from flask import Flask, abort, request

from portal.app import Portal
from portal.config import Config
from portal.errors import Outcome
from portal.flow import AT_MOST
from portal.security import LARGEST_BODY, LONGEST_QUERY
from tests.config.setups import PRODUCTION
from tests.flows.conftest import MakeApp
from tests.flows.stops import assert_stops
from tests.person import HOME, Person
from tests.portal.hostile_urls import HOSTILE

OURS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


# A stale button is a page with one that starts again.


def presses_late(person: Person, action: str) -> None:
    """Presses a button of the open page whose token is another visit's."""
    person.sends(action, data=person.sees.form(action).fields | {"csrf_token": "stale"})
    assert_stops(person, Outcome.FORM_EXPIRED, "github" if action == "/login/github" else None)


def test_a_stale_sign_in_button_becomes_that_button_once_more_and_next_is_kept(person: Person) -> None:
    person.opens("/login?next=/account")
    presses_late(person, "/login/github")
    (form,) = person.sees.forms
    assert (form.action, form.fields["next"]) == ("/login/github", "/account")
    assert person.arrives_on(person.consents(person.posts("/login/github").location)) == "/account"


def test_a_stale_welcome_leads_back_to_the_question_which_still_waits(person: Person) -> None:
    person.opens(person.comes_with("facebook", next="/account").location.partition("#")[0])
    presses_late(person, "/welcome")
    assert person.sees.steps == ["/welcome?next=/account"]
    person.opens("/welcome?next=/account")
    assert person.posts("/welcome").location == "/account"


def test_a_stale_recovery_leads_back_to_the_link_which_still_works(app: Flask, person: Person) -> None:
    person.signs_in_with("google")
    app.extensions["portal"].accounts.membership.make_recovery(person.user_id, "a&b=<c>")
    person.signs_out()
    link = f"/recover?code={quote('a&b=<c>')}"
    person.opens(link)
    presses_late(person, "/recover/github")
    assert person.sees.steps == [link]
    person.opens(link)
    assert person.posts("/recover/github").status_code == 303


@pytest.mark.parametrize("action", ["/logout", "/account/name", "/account/link/facebook"])
def test_a_stale_button_of_the_account_leads_back_to_the_account(person: Person, action: str) -> None:
    person.signs_in_with("github")
    person.opens("/account")
    presses_late(person, action)
    assert person.sees.steps == ["/account"]
    assert person.account, "and nobody was signed out"


# In somebody else's application the portal's pages are the portal's, and all others are not.


@pytest.fixture
def host(config: Config) -> Iterator[Flask]:
    """An application of somebody else's, with pages and habits of its own."""
    app = Flask("host", static_folder=None)
    app.secret_key = "a secret of the application's own"
    app.add_url_rule("/mine", "mine", lambda: f"{request.host} {request.remote_addr} {request.scheme}")
    app.add_url_rule("/mine/broken", "broken", lambda: 1 / 0)
    app.add_url_rule("/mine/gone", "gone", lambda: abort(410))
    app.add_url_rule("/mine/form", "form", lambda: str(len(request.form["x"])), methods=["POST"])
    Portal(app, config)
    yield app
    app.extensions["portal"].store.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/mine", 200), ("/mine/broken", 500), ("/mine/gone", 410), ("/nowhere", 404), ("/logout", 405)],
)
def test_an_application_s_own_answers_get_nothing_of_ours(host: Flask, path: str, status: int) -> None:
    answer = host.test_client().get(path, base_url="http://any.example")
    assert answer.status_code == status
    assert not set(OURS) & set(answer.headers.keys())
    assert "Content-Security-Policy" not in answer.headers


def test_its_own_posts_hosts_and_addresses_are_its_own_business(host: Flask) -> None:
    client = host.test_client()
    assert client.post("/mine/form", data={"x": "x" * 2 * LARGEST_BODY}).text == str(2 * LARGEST_BODY)
    assert client.get("/mine", base_url="https://any.example").text == "any.example 127.0.0.1 https"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/login", 200),
        ("HEAD", "/login", 200),
        ("OPTIONS", "/login", 200),
        ("GET", "/login/github/authorized", 400),
        ("POST", "/login/github", 400),
        ("POST", "/logout", 400),
        ("GET", "/portal-static/missing.css", 404),
        ("GET", "/login?" + "x" * (LONGEST_QUERY + 1), 413),
        ("GET", "/healthz", 200),
    ],
)
def test_the_portal_s_own_answers_have_all_of_it_there_too(host: Flask, method: str, path: str, status: int) -> None:
    """T24: wherever the pages are, nobody puts them into a frame."""
    answer = host.test_client().open(path, method=method, base_url=HOME)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in OURS} == OURS
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_bug_in_a_view_of_ours_has_the_headers_as_well(app: Flask, person: Person) -> None:
    app.view_functions["portal.home"] = lambda: 1 / 0
    answer = person.opens("/")
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in OURS} == OURS


@pytest.mark.parametrize("https", [True, False])
@pytest.mark.parametrize(("path", "status"), [("/login", 503), ("/nowhere", 404), ("/healthz", 200), ("/account", 303)])
def test_hsts_goes_by_base_url_whatever_the_request_came_by(
    make_app: MakeApp, path: str, status: int, https: bool
) -> None:
    """T30: a proxy that ends TLS speaks plain http to us."""
    off = {f"PORTAL_PROVIDERS__{name}__ENABLED": "false" for name in ("GOOGLE", "GITHUB", "FACEBOOK")}
    app = make_app(**off, **(PRODUCTION | {"PORTAL_BASE_URL": "https://portal.example.com"} if https else {}))
    host = "portal.example.com" if https else "localhost:8000"
    for scheme in ("http", "https"):
        answer = app.test_client().get(path, base_url=f"{scheme}://{host}")
        assert answer.status_code == status
        assert answer.headers.get("Strict-Transport-Security") == ("max-age=31536000" if https else None)


# Bombs (T27).


BOMBS = {
    "a query of many parameters": {"path": "/login?" + "&".join(f"p{n}=1" for n in range(2_000))},
    "a query of one": {"path": "/login?next=" + "x" * 50_000},
    "a callback's query": {"path": "/login/github/authorized?state=" + "s" * 50_000},
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_query_larger_than_any_of_ours_is_not_read_t27(person: Person, bomb: dict[str, Any]) -> None:
    person.opens(bomb["path"])
    assert_stops(person, Outcome.TOO_LARGE)


def test_a_query_of_the_longest_code_there_is_is_read(person: Person) -> None:
    person.opens("/login/github/authorized?state=" + "s" * 43 + "&code=" + "c" * 2_048 + "&scope=" + "x" * 4_000)
    assert_stops(person, Outcome.FLOW_MISSING, "github")


@pytest.mark.parametrize("application", ["ours", "somebody else's"])
@pytest.mark.parametrize(
    "form",
    ["x" * (LARGEST_BODY + 1), "&".join(f"p{n}=1" for n in range(20_000)), "csrf_token=" + "%41" * LARGEST_BODY],
    ids=["bytes", "fields", "escapes"],
)
def test_a_form_larger_than_any_of_ours_is_not_read_t27(
    app: Flask, request: pytest.FixtureRequest, application: str, form: str
) -> None:
    asked = app if application == "ours" else request.getfixturevalue("host")
    sent = {"data": form, "content_type": "application/x-www-form-urlencoded", "base_url": HOME}
    for path in ("/login/github", "/logout", "/account/name"):
        answer = asked.test_client().post(path, **sent)
        assert answer.status_code == 413
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_an_application_that_allows_less_is_obeyed(host: Flask) -> None:
    host.config["MAX_CONTENT_LENGTH"] = 10
    assert host.test_client().post("/logout", data={"x": "x" * 11}, base_url=HOME).status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_body_where_none_is_asked_for_is_not_read(person: Person, method: str) -> None:
    assert person.sends("/login", method=method, data=b"x" * 5_000_000).status_code == 200


COOKIES = {
    "many small ones": {f"c{number}": "x" for number in range(500)},
    "one as large as browsers keep": {"big": "x" * 3_900},
    "ours, far too large": dict.fromkeys(
        ("portal_session", "portal_last", "portal_waiting", "portal_form"), "x" * 3_900
    ),
    "flows, too many and too large": {f"portal_flow_{number:016d}": "A" * 1_600 for number in range(40)},
    "odd names and bytes": {
        "portal_session": "\xff%00",
        "a,b": "=",
        "portal_flow_": "",
        "__Host-portal_session": "x.y",
    },
}


@pytest.mark.parametrize("cookies", COOKIES.values(), ids=COOKIES)
def test_cookies_of_any_number_and_size_are_ignored_and_one_still_signs_in_t27(
    person: Person, cookies: dict[str, str]
) -> None:
    for name, value in cookies.items():
        person.keeps(name, value)
    assert person.opens("/login").status_code == 200
    assert person.opens("/account").status_code == 303
    assert person.signs_in_with("github").status_code == 303
    assert person.account
    assert len(person.flows) <= AT_MOST


def test_a_multipart_form_of_many_parts_is_refused(person: Person) -> None:
    parts = "".join(f'--b\r\nContent-Disposition: form-data; name="p{n}"\r\n\r\n1\r\n' for n in range(60)) + "--b--\r\n"
    answer = person.sends("/logout", data=parts, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 413


# Hosts (T28).


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/_ah/warmup"])
@pytest.mark.parametrize("host", ["10.0.0.3:8080", "[::1]:8080", "evil.example", "", "a b", "localhost.evil.example"])
def test_probes_come_by_any_name_and_nothing_else_does_t28(person: Person, path: str, host: str) -> None:
    named = {"headers": {"Host": host}}
    assert person.opens(path, **named).status_code == 200
    if host != "[::1]:8080":
        for other in ("/", "/login", "/account", "/nowhere", "/portal-static/portal.css", "/login/github/authorized"):
            answer = person.opens(other, **named)
            assert answer.status_code == 400, other
            assert answer.mimetype == "text/plain"
            assert answer.headers["X-Frame-Options"] == "DENY"


LOOK_ALIKES = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "https",
    "X-Script-Name": "/evil",
    "X-Original-Host": "evil.example",
    "X-Host": "evil.example",
    "X-Original-URL": "/account",
    "X-Rewrite-URL": "/account",
    "Forwarded": 'for=192.0.2.1;host="evil.example";proto=https',
    "X-HTTP-Method-Override": "DELETE",
    "X-Appengine-Cron": "true",
    "X-Appengine-Default-Version-Hostname": "evil.example",
}


def test_no_look_alike_changes_an_address_or_a_way_t29(person: Person) -> None:
    def journey(**how: Any) -> list[tuple[int, str | None]]:
        answers = [person.opens(path, **how) for path in ("/", "/login", "/account", "/nowhere", "/_tasks/tick")]
        return [(answer.status_code, answer.location) for answer in answers]

    assert journey(headers=LOOK_ALIKES) == journey()
    person.opens("/login")
    fields = person.sees.form("/login/github").fields
    location = person.sends("/login/github", data=fields, headers=LOOK_ALIKES).location
    assert "evil" not in location
    assert quote(f"{HOME}/login/github/authorized", safe="") in location


# Where `next` leads, once more: on the header that leaves the application (T20).


def test_a_signed_in_person_is_never_led_off_the_site(person: Person, full: bool) -> None:
    """T20."""
    person.signs_in_with("github")
    for value in HOSTILE[:: 1 if full else 12]:
        asked = "next=" + quote(value, safe="", errors="surrogatepass")
        answer = person.browser.get("/login", query_string=asked, base_url=HOME)
        assert answer.status_code == 303, value
        assert URL(answer.location, base=f"{HOME}/login").origin == HOME, value
