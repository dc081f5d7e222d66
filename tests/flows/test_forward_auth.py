"""`/auth`: what a proxy hears of a browser, the way back to the protected page, and the cookie of a whole domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.errors import StoreError
from portal.storage import Store
from providers.sandbox import running_sandbox
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.test_signing_in import PRODUCTION, REAL, _Bridge, _Bridged
from tests.person import HOME, Person

APPLICATION = "http://localhost:9000"
PAGE = f"{APPLICATION}/page?a=1&b=2"
THERE = "https://app.example.com"
OURS = ("X-Portal-User", "X-Portal-Name", "X-Portal-Email")


def asks(person: Person, path: str = "/auth", *, at: str = HOME, **headers: str) -> TestResponse:
    """What the proxy asks with this browser's cookies. It is no page that the person sees."""
    method = headers.pop("method", "GET")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return person.browser.open(path, method=method, base_url=at, headers=sent)


def said(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("X-Portal-")}


def forwarded(url: str, *, method: str = "GET") -> dict[str, str]:
    """What all three proxies say of the request that they hold back."""
    parts = urlsplit(url)
    uri = url.removeprefix(f"{parts.scheme}://{parts.netloc}")
    return {
        "X_Forwarded_Method": method,
        "X_Forwarded_Proto": parts.scheme,
        "X_Forwarded_Host": parts.netloc,
        "X_Forwarded_Uri": uri,
    }


@pytest.fixture
def protecting(make_app: MakeApp) -> Flask:
    """A portal that knows of one application, on another port of this machine."""
    return make_app(PORTAL_FORWARD_AUTH__HOSTS="localhost:9000")


@pytest.fixture
def visitor(protecting: Flask) -> Person:
    return Person(protecting)


# Who it is.


def test_a_signed_in_browser_is_named_and_a_stranger_is_not(person: Person) -> None:
    stranger = asks(person)
    assert (stranger.status_code, said(stranger)) == (401, {})
    person.signs_in_with("github")
    answer = asks(person)
    assert answer.status_code == 200
    assert said(answer) == {
        "X-Portal-User": person.user_id,
        "X-Portal-Name": "Ada%20Lovelace",
        "X-Portal-Email": "ada.lovelace@code.test",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_an_address_that_nobody_verified_is_not_said(person: Person) -> None:
    person.signs_in_with("facebook")
    assert set(said(asks(person))) == {"X-Portal-User", "X-Portal-Name"}


def test_the_address_is_that_of_the_way_in_that_was_used_and_goes_with_it(
    people: Callable[[], Person], store: Store
) -> None:
    person, phone = people(), people()
    person.signs_in_with("google")
    person.adds("github")
    phone.signs_in_with("github")
    assert person.user_id == phone.user_id
    assert said(asks(person))["X-Portal-Email"] == "ada@example.com"
    assert said(asks(phone))["X-Portal-Email"] == "ada.lovelace@code.test"
    phone.unlinks("GitHub", ends_others=False)
    assert asks(phone).status_code == 200, "the acting session stays"
    assert "X-Portal-Email" not in said(asks(phone)), "and what vouched for the address is gone"
    assert said(asks(person))["X-Portal-Email"] == "ada@example.com"


def test_a_name_of_any_letters_is_one_header_and_comes_back_whole(person: Person) -> None:
    person.signs_in_with("github")
    for name in ("Åda 🎩", "100% sure; see", "”quoted“", "a\r\nX-Portal-User: root"):
        person.renames(name)
        answer = asks(person)
        written = said(answer)["X-Portal-Name"]
        assert written.isascii()
        assert unquote(written) == name or "\r" in name
        assert answer.headers.getlist("X-Portal-User") == [person.user_id]
        assert not set(written) & set(' \r\n\t",;\\')


@pytest.mark.full
def test_without_a_name_there_is_no_header(person: Person) -> None:
    person.signs_in_with("github")
    person.renames("")
    assert set(said(asks(person))) == {"X-Portal-User", "X-Portal-Email"}


def test_what_the_request_says_of_itself_under_our_names_is_not_repeated(person: Person) -> None:
    forged = {
        "X_Portal_User": "root",
        "X_Portal_Name": "Root",
        "X_Portal_Email": "root@example.com",
        "X_Portal_Role": "a",
    }
    assert said(asks(person, **forged)) == {}
    person.signs_in_with("facebook")
    assert said(asks(person, **forged)) == {"X-Portal-User": person.user_id, "X-Portal-Name": "Ada%20Lovelace"}


def test_a_sign_out_here_or_everywhere_holds_at_the_next_request(people: Callable[[], Person]) -> None:
    person, phone = people(), people()
    for each in (person, phone):
        each.signs_in_with("github")
    person.signs_out()
    assert [asks(person).status_code, asks(phone).status_code] == [401, 200]
    phone.opens("/account")
    phone.posts("/account/sessions/end-all")
    assert asks(phone).status_code == 401


def test_a_cookie_of_any_make_is_a_stranger_s(person: Person, rows: Rows) -> None:
    before = rows()
    for cookie in ("", "x", "A" * 22 + "." + "B" * 43, "A" * 3000, "\xff", "../..", "__x__.y"):
        person.keeps("portal_session", cookie)
        answer = asks(person)
        assert (answer.status_code, said(answer)) == (401, {}), cookie
        assert "Set-Cookie" not in answer.headers, "it would be the proxy's to keep"
    assert rows() == before


def test_it_is_asked_by_get_and_head_and_by_nothing_else(person: Person) -> None:
    person.signs_in_with("github")
    head = asks(person, method="HEAD")
    assert (head.status_code, set(said(head)), head.text) == (200, set(OURS), "")
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = asks(person, method=method)
        assert (answer.status_code, said(answer)) == (405, {}), method


def test_it_answers_by_whatever_name_the_proxy_knows_the_portal(person: Person) -> None:
    person.signs_in_with("github")
    cookie = f"portal_session={person.cookies['portal_session']}"
    for host in ("portal:8000", "127.0.0.1:8000", "app.example.com"):
        answer = person.app.test_client(use_cookies=False).get("/auth", headers={"Host": host, "Cookie": cookie})
        assert answer.status_code == 200, host


def test_it_notes_now_and_then_that_the_session_was_seen(person: Person, rows: Rows, wait: Wait) -> None:
    """Who only uses the application stays signed in."""
    person.signs_in_with("github")
    before = rows()
    for _ in range(20):
        wait(timedelta(days=1))
        assert asks(person).status_code == 200
    assert rows() == before


def test_where_the_store_is_down_nobody_is_let_in_nor_called_a_stranger(
    person: Person, store: Store, monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[str]]
) -> None:
    person.signs_in_with("github")

    def down(*_: Any) -> Any:
        raise StoreError("secret-host:5432 refused")

    monkeypatch.setattr(store, "look_up", down)
    answer = asks(person, "/auth?redirect=1", **forwarded(PAGE))
    assert (answer.status_code, said(answer), answer.headers["Retry-After"]) == (503, {}, "10")
    assert "secret-host" not in answer.text
    assert "store-down (503) at /auth" in lines()[-1]


# The way back.


def login_for(answer: TestResponse) -> str | None:
    """The `next` of the sign-in page that an answer leads to."""
    assert answer.status_code == 303
    assert answer.location.startswith(f"{HOME}/login")
    return parse_qs(urlsplit(answer.location).query).get("next", [None])[0]  # type: ignore[list-item]


def test_who_asks_for_a_page_is_led_to_sign_in_and_back_to_it_with_its_query(visitor: Person) -> None:
    answer = asks(visitor, "/auth?redirect=1", **forwarded(PAGE))
    assert login_for(answer) == PAGE
    visitor.opens(answer.location)
    callback = visitor.consents(visitor.posts("/login/github").location)
    assert visitor.returns(callback).location == PAGE
    assert asks(visitor, "/auth?redirect=1", **forwarded(PAGE)).status_code == 200


@pytest.mark.full
def test_the_page_that_asks_whether_one_is_new_leads_there_as_well(visitor: Person) -> None:
    asked = visitor.comes_with("facebook", next=PAGE)
    assert urlsplit(asked.location).path == "/welcome"
    assert visitor.creates_an_account(asked).location == PAGE


def test_who_is_signed_in_already_goes_on_at_once(visitor: Person) -> None:
    visitor.signs_in_with("github")
    assert visitor.opens(f"/login?next={quote(PAGE, safe='')}").location == PAGE


def test_a_host_that_is_not_listed_is_no_way_back(visitor: Person) -> None:
    unlisted = [
        "https://evil.example/page",
        "http://localhost:9001/page",
        "https://localhost:9000/page",
        "http://localhost:9000@evil.example/page",
        "http://localhost:9000.evil.example/page",
    ]
    for url in unlisted:
        assert login_for(asks(visitor, "/auth?redirect=1", **forwarded(url))) is None, url
    visitor.opens(f"/login?next={quote(unlisted[0], safe='')}")
    callback = visitor.consents(visitor.posts("/login/github").location)
    assert visitor.returns(callback).location == "/"
    for url in unlisted:
        assert visitor.opens(f"/login?next={quote(url, safe='')}").location == "/", url


def test_forwarding_headers_of_any_making_lead_nowhere_else(visitor: Person) -> None:
    for scheme, host, uri in (
        ("", "", ""),
        ("", "localhost:9000", ""),
        ("http", "localhost:9000, localhost:9000", "/"),
        ("http, http", "localhost:9000", "/"),
        ("http", "localhost:9000", "@evil.example/"),
        ("http", "localhost:9000", ".evil.example/"),
        ("http", "localhost:9000", "0/"),
        ("http", "localhost", ":9000/"),
        ("http", "LOCALHOST:9000", "/" + "x" * 3000),
        ("javascript", "alert(1)", "/"),
    ):
        headers = {"X_Forwarded_Proto": scheme, "X_Forwarded_Host": host, "X_Forwarded_Uri": uri}
        target = login_for(asks(visitor, "/auth?redirect=1", **headers))
        assert target is None or target == APPLICATION + "/", headers


def test_they_change_no_other_address_of_ours(visitor: Person) -> None:
    """T28, T29."""
    evil = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "X_Forwarded_Uri": "/"}
    answer = asks(visitor, "/auth?redirect=1", at="http://evil.example", **evil)
    assert answer.location == f"{HOME}/login"


def test_what_was_sent_to_a_page_is_not_lost_without_a_word(visitor: Person) -> None:
    for headers in (
        forwarded(PAGE, method="POST"),
        forwarded(PAGE, method="DELETE"),
        forwarded(PAGE) | {"Sec_Fetch_Mode": "cors"},
        forwarded(PAGE) | {"Sec_Fetch_Mode": "no-cors"},
    ):
        answer = asks(visitor, "/auth?redirect=1", **headers)
        assert (answer.status_code, answer.mimetype) == (401, "text/plain")
        assert f"{HOME}/login in another tab" in answer.text
    assert login_for(asks(visitor, "/auth?redirect=1", **forwarded(PAGE), Sec_Fetch_Mode="navigate")) == PAGE


def test_only_a_proxy_that_asks_for_it_gets_a_redirect(visitor: Person) -> None:
    """nginx takes whatever is no 2xx, 401 or 403 for an error."""
    assert asks(visitor, **forwarded(PAGE)).status_code == 401


# The cookie of a whole domain.


@pytest.fixture
def domain_wide(make_app: MakeApp, environ: dict[str, str]) -> Iterator[Person]:
    """Somebody in front of a portal on https whose session cookie is good for /auth on app.example.com, too."""
    callback = f"{REAL}/login/facebook/authorized"
    with running_sandbox(redirect_uris=[callback]) as sandbox:
        changes: dict[str, str | None] = {name: None for name in environ if name.startswith("PORTAL_PROVIDERS__")}
        for key, value in sandbox.settings["facebook"].items():
            changes[f"PORTAL_PROVIDERS__FACEBOOK__{key.upper()}"] = value.replace(sandbox.base, "https://social.test")
        domain = {"PORTAL_COOKIE_DOMAIN": "example.com", "PORTAL_FORWARD_AUTH__HOSTS": "app.example.com"}
        app = make_app(**changes, **PRODUCTION, **domain)
        app.extensions["portal"] = replace(app.extensions["portal"], backchannel=_Bridged(sandbox.base))
        person = Person(app, home=REAL)
        person.at_provider.mount("https://social.test", _Bridge(sandbox.base))
        yield person


def cookies_of(answer: TestResponse) -> dict[str, str]:
    return {header.partition("=")[0]: header for header in answer.headers.getlist("Set-Cookie")}


def test_the_session_cookie_of_a_domain_is_a_secure_one_and_all_others_stay_the_host_s(domain_wide: Person) -> None:
    person = domain_wide
    started = person.presses("facebook")
    assert all(name.startswith("__Host-") for name in cookies_of(started))
    answer = person.creates_an_account(person.returns(person.consents(started.location)))
    cookies = cookies_of(answer)
    wide = cookies.pop("__Secure-portal_session")
    attributes = {part.strip() for part in wide.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Domain=example.com"} <= attributes
    assert len(wide.partition(";")[0]) < 1_500
    assert all(name.startswith("__Host-") and "Domain" not in header for name, header in cookies.items())


def test_on_a_host_of_the_domain_the_browser_is_known_until_it_signs_out(domain_wide: Person) -> None:
    person = domain_wide
    page = f"{THERE}/page?a=1"
    assert person.signs_in_with("facebook", next=page).location == page
    assert said(asks(person, at=THERE))["X-Portal-User"] == person.user_id
    gone = cookies_of(person.signs_out())
    assert {"Domain=example.com", "Max-Age=0"} <= {part.strip() for part in gone["__Secure-portal_session"].split(";")}
    assert asks(person, at=THERE).status_code == 401


@pytest.mark.full
def test_a_kept_copy_of_it_is_worth_nothing_after_the_sign_out(domain_wide: Person) -> None:
    """T55."""
    person = domain_wide
    person.signs_in_with("facebook")
    kept = person.cookies["__Secure-portal_session"]
    person.signs_out()
    person.browser.set_cookie("__Secure-portal_session", kept, domain="example.com", origin_only=False)
    assert asks(person, at=THERE).status_code == 401


def test_it_opens_no_page_of_the_portal_and_the_portal_s_own_is_not_looked_at_elsewhere(domain_wide: Person) -> None:
    """An application that gets it with each request must not become the person there."""
    person, application = domain_wide, Person(domain_wide.app, home=REAL)
    person.signs_in_with("facebook")
    wide, ours = person.cookies["__Secure-portal_session"], person.cookies["__Host-portal_session"]
    application.browser.set_cookie("__Secure-portal_session", wide, domain="example.com", origin_only=False)
    assert asks(application, at=THERE).status_code == 200
    assert application.account is None
    assert ours.partition(".")[2] not in wide
    # The naive way, one cookie for both: it would be in.
    application.keeps("__Host-portal_session", ours)
    assert application.account
    for name, value in (("__Secure-portal_session", ours), ("__Host-portal_session", wide)):
        other = Person(domain_wide.app, home=REAL)
        other.browser.set_cookie(name, value, domain="app.example.com")
        assert asks(other, at=THERE).status_code == 401


@pytest.mark.full
def test_a_cookie_that_a_neighbour_plants_beside_it_makes_nobody_of_the_person(domain_wide: Person) -> None:
    person, neighbour = domain_wide, Person(domain_wide.app, home=REAL)
    neighbour.at_provider = person.at_provider
    person.signs_in_with("facebook")
    neighbour.signs_in_with("facebook", "grace")
    ours, planted = (each.cookies["__Secure-portal_session"] for each in (person, neighbour))
    assert neighbour.user_id != person.user_id
    name = "__Secure-portal_session"
    client = person.app.test_client(use_cookies=False)

    def shows(*values: str) -> TestResponse:
        return client.get("/auth", base_url=THERE, headers={"Cookie": "; ".join(f"{name}={value}" for value in values)})

    assert said(shows(planted))["X-Portal-User"] == neighbour.user_id, "the control: by itself it is good"
    assert [shows(*values).status_code for values in ((planted, ours), (ours, planted))] == [401, 401]
    assert shows(ours, ours).status_code == 200


@pytest.mark.full
def test_who_is_signed_in_without_it_gets_it_on_the_way_back(domain_wide: Person) -> None:
    """Signed in before the domain was configured, or robbed of the cookie: else it would go round for ever."""
    person = domain_wide
    person.signs_in_with("facebook")
    person.browser.delete_cookie("__Secure-portal_session", domain="example.com")
    assert asks(person, at=THERE).status_code == 401
    assert person.opens(f"/login?next={quote(THERE, safe='')}%2Fpage").location == f"{THERE}/page"
    assert asks(person, at=THERE).status_code == 200
