"""Wherever the portal lies, every address of it lies there; and what two applications have is each one's own."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import portal
from portal import Portal, create_app
from portal.testing import HOME, Person, sign_in_as
from tests.embedding.conftest import Settings
from tests.flows.conftest import _CompiledOnce

PAGES = ("/login", "/login/github", "/account", "/account/delete", "/account/prove", "/recover?code=x", "/welcome", "/")


def make_plain(settings: dict[str, object], prefix: str = "/people", *, front: bool = True) -> Flask:
    """The least there can be: a key, and the portal."""
    app = Flask("plain", static_folder=None)
    app.config.update(SECRET_KEY="plain", TESTING=True, PORTAL=settings)
    app.jinja_env.bytecode_cache = _CompiledOnce()
    if front:
        app.add_url_rule("/", "index", lambda: "front page")
    app.add_url_rule("/who", "who", lambda: portal.current_user.name or "nobody")
    Portal(app, url_prefix=prefix)
    return app


class Mounted(Person):
    """A person whose application lies below a path of its server."""

    def __post_init__(self) -> None:
        self.under = "/shop"
        outer = Flask("outer", static_folder=None)
        outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {self.under: self.app.wsgi_app})  # type: ignore[method-assign]
        super().__post_init__()
        self.browser = outer.test_client()

    def path_of(self, endpoint: str, **values: object) -> str:
        return self.under + super().path_of(endpoint, **values)


@pytest.mark.parametrize("mounted", [False, True], ids=["a prefix", "a prefix below a mount"])
def test_every_address_of_ours_lies_under_it(portal_settings: Settings, mounted: bool) -> None:
    app = make_plain(portal_settings())
    person = Mounted(app) if mounted else Person(app)
    under = "/shop/people" if mounted else "/people"
    front = "/shop/" if mounted else "/"
    location = person.starts("github", next=front + "who")
    assert parse_qs(urlsplit(location).query)["redirect_uri"] == [f"{HOME}{under}/login/github/authorized"]
    answer = person.returns(person.consents(location))
    assert answer.location == front + "who"
    assert person.opens(answer.location).text == "Ada Lovelace"
    seen = set()
    for page in PAGES:
        answer = person.opens(under + page)
        assert answer.location is None or answer.location.startswith((under + "/", front)), page
        if answer.mimetype == "text/html" and answer.location is None:
            seen |= {address for address in person.sees.addresses if not address.startswith("#")}
    assert len(seen) > 12
    assert {address for address in seen if not address.startswith(under + "/")} <= {front}
    for address in seen:
        if "portal-static" in address or "avatar" in address:
            assert person.opens(address).status_code == 200, address


def test_signing_in_without_a_goal_ends_on_the_application_s_front_page(portal_settings: Settings) -> None:
    assert Person(make_plain(portal_settings())).signs_in_with("github").location == "/"
    assert Mounted(make_plain(portal_settings())).signs_in_with("github").location == "/shop/"
    bare = Person(make_plain(portal_settings(), front=False))
    assert bare.signs_in_with("github").location == "/people/", "there is no other"
    assert bare.opens("/people/").status_code == 200
    elsewhere = Person(make_plain(portal_settings() | {"home_url": "/who"}))
    assert elsewhere.signs_in_with("github").location == "/who"


def test_cookies_go_to_the_whole_host_as_their_prefix_demands(portal_settings: Settings) -> None:
    """`__Host-` allows no other path, so one host has one portal."""
    person = Mounted(make_plain(portal_settings()))
    answer = person.signs_in_with("github")
    assert {part.strip() for each in answer.headers.getlist("Set-Cookie") for part in each.split(";")} >= {"Path=/"}
    assert not [each for each in answer.headers.getlist("Set-Cookie") if "Path=/shop" in each]


def test_without_a_prefix_the_front_page_stays_the_application_s(portal_settings: Settings) -> None:
    app = Flask("plain", static_folder=None)
    app.config.update(SECRET_KEY="plain", PORTAL=portal_settings())
    Portal(app)  # before the application's own pages
    app.add_url_rule("/", "index", lambda: "front page")
    person = Person(app)
    assert person.opens("/").text == "front page"
    assert person.signs_in_with("github", next="/account").location == "/account"
    assert person.signs_out().location == "/portal"
    assert "You are signed out here" in person.opens("/portal").text


@pytest.mark.parametrize("wrong", ["people", "/people/", "/", "//evil", "/a b", "/<name>"])
def test_a_prefix_that_is_none_is_told_at_once(wrong: str) -> None:
    with pytest.raises(ValueError, match='write a path such as "/people"'):
        Portal(url_prefix=wrong)


def test_two_applications_of_one_process_share_nothing(portal_settings: Settings) -> None:
    one, two = make_plain(portal_settings(), "/one"), make_plain(portal_settings() | {"title": "Other"})
    alone = create_app(portal.app.load_config(environ={}, given=portal_settings()))
    ada, babbage = Person(one), Person(two)
    ada.signs_in_with("github")
    assert one.extensions["portal"].store is not two.extensions["portal"].store
    babbage.keeps("portal_session", ada.cookies["portal_session"])
    assert babbage.opens("/who").text == "nobody", "and a session of the one is none of the other"
    assert ada.opens("/who").text == "Ada Lovelace"
    assert "Other" in babbage.opens("/people/login").text
    assert "Other" not in ada.opens("/one/account").text
    stranger = Person(alone)
    stranger.keeps("portal_session", ada.cookies["portal_session"])
    assert stranger.opens("/account").location.startswith("/login")


def test_one_application_has_one_portal(portal_settings: Settings) -> None:
    app = make_plain(portal_settings())
    with pytest.raises(RuntimeError, match="has a portal already"):
        Portal(app, url_prefix="/again")


def test_flask_login_s_names_work_where_nobody_set_it_up(portal_settings: Settings) -> None:
    import flask_login

    app = make_plain(portal_settings())
    app.add_url_rule("/mine", "mine", flask_login.login_required(lambda: flask_login.current_user.name))
    person = Person(app)
    assert person.opens("/mine").location == "/people/login?next=/mine"
    person.keeps("remember_token", "1|forged")
    sign_in_as(person.browser, "Ada Lovelace")
    assert person.opens("/mine").text == "Ada Lovelace"
    assert "portal_form" not in person.cookies, "and nothing is kept in the session of Flask's"


def test_a_page_that_asks_who_it_is_tells_caches_so(portal_settings: Settings) -> None:
    """T74."""
    app = make_plain(portal_settings())
    person = Person(app)
    assert "Cookie" in person.opens("/who").vary
    assert "Cookie" not in person.opens("/").vary, "one that doesn't is left alone"


def test_without_a_secret_key_the_log_says_so_and_the_application_s_pages_answer(
    portal_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_plain(portal_settings())
    app.config.update(SECRET_KEY=None, TESTING=False)
    person = Person(app)
    assert person.opens("/who").text == "nobody"
    assert person.opens("/people/login").status_code == 500
    assert "Library card" in person.page.text  # type: ignore[union-attr]
    assert "no secret key was set" in caplog.text
