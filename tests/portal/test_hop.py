"""Where the client's address and the scheme come from: one configured place, and no other header (T29, T79)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import create_app
from portal.config import ClientAddress, Config, ConfigError, load_config
from portal.hop import Hop, client_address, read_address
from tests.config.setups import PRODUCTION
from tests.person import HOME

CLIENT, PROXY = "198.51.100.7", "10.0.0.1"

ADDRESSES = {
    "198.51.100.7": CLIENT,
    " 198.51.100.7 ": CLIENT,
    "198.51.100.7:4711": CLIENT,
    "::ffff:198.51.100.7": CLIENT,
    "[::ffff:198.51.100.7]:443": CLIENT,
    "2001:DB8:0:0::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:443": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "::1": "::1",
}
NONE = ["", "unknown", "-", "_hidden", "localhost", "198.51.100", "198.51.100.07", "198.51.100.256", "1", "0x7f.1",
        "[198.51.100.7", "198.51.100.7]", '"198.51.100.7"', "for=198.51.100.7", "198.51.100.7 x",
        "2001:db8::1::2", "2001:db8::1]:443",
        "\u0661.2.3.4", "<b>", "\x1b[31m", "1" * 5_000, "::" + "0" * 70]  # fmt: skip


@pytest.mark.parametrize(("said", "read"), ADDRESSES.items())
def test_an_address_is_read_in_its_one_form(said, read):
    assert read_address(said) == read


@pytest.mark.parametrize("said", NONE)
def test_what_is_no_address_is_none(said):
    assert read_address(said) is None


@given(st.text(max_size=70) | st.from_regex(r"[\[\]0-9a-f:.%\n]{0,50}"))
@example("fe80::1%\x1b[31m")
def test_whatever_is_said_what_is_read_can_be_printed_and_reads_the_same_again(said):
    read = read_address(said)
    assert read is None or (set(read) <= set("0123456789abcdef.:") and read_address(read) == read)


# What the middleware sets.


def environ(**headers: str) -> dict[str, Any]:
    named = {"HTTP_" + name.upper(): value for name, value in headers.items()}
    return {"REMOTE_ADDR": PROXY, "REMOTE_PORT": "1", "wsgi.url_scheme": "http", "HTTP_HOST": "p.example",
            "SERVER_NAME": "s", "SERVER_PORT": "80", "SCRIPT_NAME": "", "PATH_INFO": "/x"} | named  # fmt: skip


def after(place: ClientAddress, scheme: str | None = "https", **headers: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    Hop(app, place=place, scheme=scheme)(environ(**headers), lambda *_: None)
    return seen


@pytest.mark.parametrize(
    ("place", "headers", "seen"),
    [
        (ClientAddress.CONNECTION, {}, PROXY),
        (ClientAddress.CONNECTION, {"x_forwarded_for": CLIENT, "x_appengine_user_ip": CLIENT}, PROXY),
        (ClientAddress.FORWARDED, {"x_forwarded_for": CLIENT}, CLIENT),
        (ClientAddress.FORWARDED, {"x_forwarded_for": f"192.0.2.1,evil, {CLIENT}"}, CLIENT),
        (ClientAddress.FORWARDED, {"x_forwarded_for": f'"192.0.2.1, {CLIENT}'}, CLIENT),
        (ClientAddress.FORWARDED, {"x_forwarded_for": f"{CLIENT}, unknown"}, None),
        (ClientAddress.FORWARDED, {"x_forwarded_for": f"{CLIENT},"}, None),
        (ClientAddress.FORWARDED, {"x_forwarded_for": "," * 5_000}, None),
        (ClientAddress.FORWARDED, {"x_appengine_user_ip": CLIENT, "forwarded": f"for={CLIENT}"}, PROXY),
        (ClientAddress.APP_ENGINE, {"x_appengine_user_ip": "2001:DB8::7"}, "2001:db8::7"),
        (ClientAddress.APP_ENGINE, {"x_forwarded_for": CLIENT}, PROXY),
    ],
)
def test_the_address_comes_from_the_configured_place_alone(place, headers, seen):
    """T79."""
    assert after(place, **headers).get("REMOTE_ADDR") == seen


def test_one_lone_quote_hides_a_client_from_proxyfix():
    """The negative control: the usual middleware with the usual setting (T79)."""
    seen: list[str] = []
    fixed = ProxyFix(lambda environ, _: seen.append(environ["REMOTE_ADDR"]) or [], x_for=1, x_proto=0)
    fixed(environ(x_forwarded_for=f'"192.0.2.1, {CLIENT}'), None)
    assert seen == [PROXY]


LOOK_ALIKES = {
    "x_forwarded_proto": "http",
    "x_forwarded_host": "evil.example",
    "x_forwarded_port": "81",
    "x_forwarded_prefix": "/evil",
    "x_forwarded_server": "evil.example",
    "x_forwarded_ssl": "off",
    "forwarded": "for=192.0.2.1;host=evil.example;proto=http",
    "x_real_ip": "192.0.2.1",
    "x_client_ip": "192.0.2.1",
    "true_client_ip": "192.0.2.1",
    "cf_connecting_ip": "192.0.2.1",
    "x_original_url": "/account",
    "x_rewrite_url": "/account",
    "x_original_host": "evil.example",
    "x_script_name": "/evil",
    "x_appengine_https": "off",
    "x_appengine_cron": "true",
    "x_scheme": "http",
    "front_end_https": "off",
}


@pytest.mark.parametrize("place", ClientAddress)
def test_look_alikes_change_nothing_whatever_is_configured(place):
    """T29."""
    headers = {key: value for key, value in after(place, **LOOK_ALIKES).items() if not key.startswith("HTTP_X_")}
    plain = after(place)
    assert {key: headers[key] for key in plain} == plain
    assert headers["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("scheme", ["https", "http", None])
def test_the_scheme_is_base_url_s_and_else_the_server_s(scheme):
    assert after(ClientAddress.CONNECTION, scheme)["wsgi.url_scheme"] == (scheme or "http")


def test_no_middleware_but_this_one_is_around_the_portal(app: Flask):
    assert isinstance(app.wsgi_app, Hop)
    assert getattr(app.wsgi_app._app, "__func__", None) is Flask.wsgi_app


def test_in_a_view_the_address_is_printable_whoever_set_it():
    """In somebody else's application the middleware, and what it believes, is theirs."""
    for said, read in {"2001:DB8::1": "2001:db8::1", "\x1b[31m": "", None: ""}.items():
        with Flask("bare").test_request_context(environ_overrides={"REMOTE_ADDR": said}):
            assert client_address() == read


# What may be configured.


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Config]:
    return lambda **environ: load_config(environ=environ, cwd=tmp_path)


DATASTORE = {"PORTAL_STORE": "datastore://my-project"}


def test_it_is_the_connection_s_unless_said_otherwise_and_app_engine_s_on_app_engine(load):
    assert load().client_address is ClientAddress.CONNECTION
    assert load(**PRODUCTION).client_address is ClientAddress.CONNECTION
    assert load(PORTAL_CLIENT_ADDRESS=" X-Forwarded-For ").client_address is ClientAddress.FORWARDED
    on_app_engine = PRODUCTION | DATASTORE | {"GAE_ENV": "standard"}
    assert load(**on_app_engine).client_address is ClientAddress.APP_ENGINE
    assert load(**on_app_engine, PORTAL_CLIENT_ADDRESS="x-forwarded-for").client_address is ClientAddress.FORWARDED


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("x-real-ip", "is no place that an address can be read from"),
        ("2", "is no place that an address can be read from"),
        ("x-appengine-user-ip", "names a header that only App Engine keeps people from writing themselves"),
    ],
)
def test_another_place_is_refused_and_so_is_app_engine_s_where_anybody_could_write_it(load, said, wrong):
    with pytest.raises(ConfigError) as caught:
        load(**PRODUCTION, PORTAL_CLIENT_ADDRESS=said)
    (problem,) = caught.value.problems
    assert (problem.setting, problem.source) == ("client_address", "environment variable PORTAL_CLIENT_ADDRESS")
    assert problem.wrong == wrong
    assert '"x-forwarded-for"' in problem.write


# All the way through.


@pytest.mark.parametrize(("place", "seen"), [(None, PROXY), ("x-forwarded-for", CLIENT)])
def test_a_view_sees_the_address_and_the_scheme_and_nothing_else_of_the_headers(app_at, place, seen):
    app = app_at(place)
    app.view_functions["portal.home"] = lambda: f"{client_address()} {request.url_root}"
    headers = {name.replace("_", "-"): value for name, value in LOOK_ALIKES.items()}
    headers |= {"X-Forwarded-For": f"192.0.2.1, {CLIENT}"}
    answer = app.test_client().get("/", base_url=HOME, headers=headers, environ_overrides={"REMOTE_ADDR": PROXY})
    assert answer.text == f"{seen} http://localhost:8000/"


@pytest.fixture
def app_at(environ: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str | None], Flask]]:
    made = []

    def make(place: str | None) -> Flask:
        changes = {"PORTAL_CLIENT_ADDRESS": place} if place else {}
        made.append(create_app(load_config(environ=environ | changes, cwd=tmp_path)))
        return made[-1]

    yield make
    for app in made:
        app.extensions["portal"].store.close()
