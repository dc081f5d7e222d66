"""The web edge: whose POST is taken, and the headers on every answer."""

import time

import pytest
from flask import Flask, Response
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from portal.errors import Stop
from portal.security import (
    CSRF_LIFETIME,
    add_headers,
    check_post,
    forget_before_sign_in,
    make_csrf_token,
    may_be_next,
    origin_of,
)
from tests.person import HOME

SITE = "https://portal.example"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": SITE}


def make_app(keys: list[str], *, origin: str | None = SITE) -> Flask:
    """An application with one form, whose POST answers with the outcome's code, or `taken`."""
    app = Flask("bare")
    app.secret_key = "a secret of the application's own"

    @app.get("/form")
    def form() -> str:
        return make_csrf_token(keys)

    @app.get("/")
    @app.get("/account")
    @may_be_next
    def page() -> str:
        return "page"

    @app.post("/form")
    def take() -> str:
        check_post(keys, origin)
        return "taken"

    @app.post("/sign-in/<how>")
    def sign_in(how: str) -> str:
        forget_before_sign_in(everything=how == "everything")
        return make_csrf_token(keys)

    @app.errorhandler(Stop)
    def stopped(stop: Stop) -> str:
        return f"{stop.outcome.code} {stop.next}"

    return app


class Browser:
    """A browser on a form of an application."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def token(self) -> str:
        return self.client.get("/form", base_url=SITE).text

    def post(self, token: str | None, headers: dict[str, str] | None = None, **fields: str) -> str:
        data = fields if token is None else {"csrf_token": token, **fields}
        sent = SAME_ORIGIN if headers is None else headers
        return self.client.post("/form", base_url=SITE, data=data, headers=sent).text


@pytest.fixture
def browser() -> Browser:
    return Browser(make_app(["key"]))


OURS, THEIRS = "taken", "cross-site /"
ORIGINS = {
    "absent": None,
    "ours": SITE,
    "ours without TLS": "http://portal.example",
    "ours on another port": "https://portal.example:8443",
    "a neighbour": "https://www.portal.example",
    "one that begins alike": "https://portal.example.evil.example",
    "one in other letters": "https://PORTAL.example",
    "null": "null",
    "empty": "",
    "evil": "https://evil.example",
}
SITES = {  # Sec-Fetch-Site decides alone wherever it is sent
    "same-origin": OURS,
    "none": OURS,
    "same-site": THEIRS,
    "cross-site": THEIRS,
    "": THEIRS,
    "Same-Origin": THEIRS,
    "same-origin, cross-site": THEIRS,
}


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize(("site", "expected"), SITES.items())
def test_sec_fetch_site_decides_where_it_is_sent(browser, site, expected, origin):
    headers = {"Sec-Fetch-Site": site} | ({} if origin is None else {"Origin": origin})
    assert browser.post(browser.token(), headers) == expected
    assert browser.post("x", headers) == ("form-expired /" if expected == OURS else THEIRS)
    assert browser.post(None, headers) == ("form-expired /" if expected == OURS else THEIRS)


@pytest.mark.parametrize("name", ORIGINS)
def test_else_the_origin_decides_and_else_the_token_alone(browser, name):
    expected = OURS if name in {"absent", "ours"} else THEIRS
    headers = {} if ORIGINS[name] is None else {"Origin": ORIGINS[name]}
    assert browser.post(browser.token(), headers) == expected
    assert browser.post(None, headers) == ("form-expired /" if expected == OURS else THEIRS)


@pytest.mark.parametrize("sent", ["http://localhost:8000", "http://127.0.0.1:8000", "null"])
def test_without_a_configured_origin_the_request_s_own_host_counts(sent):
    app = make_app(["key"], origin=None)
    client = app.test_client()
    token = client.get("/form", base_url="http://localhost:8000").text
    answer = client.post(
        "/form", base_url="http://localhost:8000", data={"csrf_token": token}, headers={"Origin": sent}
    )
    assert answer.text == (OURS if sent == "http://localhost:8000" else THEIRS)


def test_a_token_is_good_for_this_browser_only(browser):
    other = Browser(browser.client.application)
    other.token()
    assert other.post(browser.token()) == "form-expired /"
    assert browser.post(browser.token()) == OURS


def test_a_token_serves_many_times_and_in_every_tab(browser):
    one, other = browser.token(), browser.token()
    assert [browser.post(token) for token in (one, other, one)] == [OURS] * 3


@pytest.mark.parametrize(("age", "expected"), [(CSRF_LIFETIME - 5, OURS), (CSRF_LIFETIME + 5, "form-expired /")])
def test_a_token_lives_a_day(browser, monkeypatch, age, expected):
    with monkeypatch.context() as yesterday:
        yesterday.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) - age)
        token = browser.token()
    assert browser.post(token) == expected


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "\0", "a" * 10_000])
def test_a_made_up_token_is_refused(browser, token):
    browser.token()
    assert browser.post(token) == "form-expired /"


def test_a_state_is_no_token_even_if_our_key_signed_it(browser):
    """Nor is anything else that is signed with the same key for another purpose (T05)."""
    browser.token()
    signed = URLSafeTimedSerializer("key", salt="flow").dumps("A" * 43)
    assert browser.post(signed) == browser.post("A" * 43) == "form-expired /"


def test_a_new_key_leaves_the_open_pages_good():
    browser = Browser(make_app(["old"]))
    before = browser.token()
    cookie = browser.client.get_cookie("session", domain="portal.example")

    def after(keys: list[str]) -> Browser:
        later = Browser(make_app(keys))
        later.client.set_cookie("session", cookie.value, domain="portal.example")
        return later

    assert after(["new", "old"]).post(before) == OURS
    assert after(["new"]).post(before) == "form-expired /"
    made_now = after(["new", "old"]).token()
    assert after(["new"]).post(made_now) == OURS  # the first key signs
    assert after(["old"]).post(made_now) == "form-expired /"


def test_an_expired_form_keeps_where_it_led_but_no_other_site(browser):
    assert browser.post("x", next="/account") == "form-expired /account"
    assert browser.post("x", next="https://evil.example") == "form-expired /"


@pytest.mark.parametrize("how", ["everything", "ours"])
def test_a_sign_in_makes_the_token_from_before_worthless(browser, how):
    before = browser.token()
    after = browser.client.post(f"/sign-in/{how}", base_url=SITE).text
    assert browser.post(before) == "form-expired /"
    assert browser.post(after) == OURS


def test_an_application_s_own_session_survives_a_sign_in_unless_all_of_it_is_ours(browser):
    for how, kept in (("ours", {"basket"}), ("everything", set())):
        with browser.client.session_transaction(base_url=SITE) as session:
            session["basket"] = 1
        browser.client.post(f"/sign-in/{how}", base_url=SITE)
        with browser.client.session_transaction(base_url=SITE) as session:
            assert set(session) - {"portal_csrf"} == kept


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}])
def test_a_get_is_never_refused_for_where_it_comes_from(app, headers):
    for path in ("/", "/login", "/login/github"):
        assert app.test_client().get(path, base_url=HOME, headers=headers).status_code == 200


def test_every_post_of_the_portal_wants_a_token_and_no_other_site(app):
    posts = [rule.rule for rule in app.url_map.iter_rules() if "POST" in rule.methods]
    assert set(posts) >= {"/logout", "/login/google", "/login/github", "/login/facebook"}
    for path in posts:
        sent = {"path": path, "base_url": HOME}
        assert app.test_client().post(**sent).status_code == 400
        # Facebook's servers send from no page of ours: those two ask for its signature, whoever sends.
        expected = 400 if path in {"/login/facebook/deauthorize", "/login/facebook/delete"} else 403
        assert app.test_client().post(**sent, headers={"Sec-Fetch-Site": "cross-site"}).status_code == expected


EVERYWHERE = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Cookie",
}
ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/login", 200),
    ("GET", "/login/github", 200),
    ("HEAD", "/login/github", 200),
    ("GET", "/account", 303),  # to the sign-in page
    ("GET", "/login/github/authorized", 400),
    ("POST", "/logout", 400),
    ("POST", "/login/github", 400),
    ("GET", "/logout", 405),
    ("GET", "/no/such/page", 404),
    ("PUT", "/no/such/page", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_has_the_headers(app, method, path, status):
    """T24."""
    answer = app.test_client().open(path, method=method, base_url=HOME)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert "Strict-Transport-Security" not in answer.headers  # it is plain http, on loopback


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_form_action_is_left_out_only_where_a_button_leads_to_a_provider(app, method, path, status):
    """It holds across redirects, and no list names all hosts that a provider may redirect on to (T26)."""
    answer = app.test_client().open(path, base_url=HOME, method=method)
    leads_out = (
        'action="/login/' in app.test_client().open(path, base_url=HOME, method=method.replace("HEAD", "GET")).text
    )
    assert ("form-action" not in answer.headers["Content-Security-Policy"]) == leads_out


@pytest.mark.parametrize("starts_dance", [True, False])
@pytest.mark.parametrize("https", [True, False])
@pytest.mark.parametrize("status", [200, 303, 404, 500])
def test_the_headers_hold_whatever_the_status(https, starts_dance, status):
    with Flask("bare").test_request_context("/account"):
        response = add_headers(Response(status=status), https=https, starts_dance=starts_dance)
    assert {name: response.headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert ("; form-action 'self'" in response.headers["Content-Security-Policy"]) is not starts_dance
    assert response.headers.get("Strict-Transport-Security") == ("max-age=31536000" if https else None)


def test_a_static_file_is_kept_by_caches_and_its_error_page_is_not(app):
    """An error page has a token and a cookie of its own; kept by a shared cache it would be everybody's (T74)."""
    client = app.test_client()
    with client.get("/portal-static/portal.css", base_url=HOME) as file:
        assert file.status_code == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in file.headers
    missing = client.get("/portal-static/missing.css", base_url=HOME)
    assert missing.status_code == 404
    assert missing.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://portal.example/a?b#c", SITE), ("http://localhost:8000", "http://localhost:8000")],
)
def test_the_origin_of_a_url_is_scheme_host_and_port(url, origin):
    assert origin_of(url) == origin
