"""Real nginx and Caddy, set up as the document says, protect a page of another program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.proxies import CADDY, NGINX, Program, Proxy, Visitor, documented, free_port, running_program
from tests.serving import Served, served

OURS = ("X-Portal-User", "X-Portal-Name", "X-Portal-Email")
FORGED = {
    "X-Portal-User": "root",
    "x-portal-name": "Root",
    "X-PORTAL-EMAIL": "root@example.com",
    "X_Portal_User": "root",
    "X-Portal_Email": "root@example.com",
}


@dataclass
class Site:
    """One proxy with the program behind it, in front of a portal that is served as in production."""

    proxy: Proxy
    base: str
    portal: Served
    program: Program
    folder: Path


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with running_program() as running:
        yield running


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {proxy.name: free_port() for proxy in (NGINX, CADDY)}


@pytest.fixture(scope="module")
def portal(ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    hosts = ",".join(f"localhost:{port}" for port in ports.values())
    folder = tmp_path_factory.mktemp("portal")
    with served("portal:create_app()", folder=folder, threads=4, PORTAL_FORWARD_AUTH__HOSTS=hosts) as running:
        yield running


@pytest.fixture(scope="module", params=[NGINX, pytest.param(CADDY, marks=pytest.mark.full)], ids=lambda each: each.name)
def site(
    request: pytest.FixtureRequest,
    ports: dict[str, int],
    program: Program,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    proxy: Proxy = request.param
    if proxy.program is None:
        pytest.skip(f"there is no {proxy.name} here; scripts/install-system installs it")
    portal: Served = request.getfixturevalue("portal")
    folder = tmp_path_factory.mktemp(proxy.name)
    port = ports[proxy.name]
    with proxy.running(folder / "documented", at=port, portal=_port(portal.base), program=program.port) as base:
        yield Site(proxy, base, portal, program, folder)


def _port(url: str) -> int:
    return urlsplit(url).port or 0


def told(got: dict[str, Any]) -> dict[str, str]:
    """What the program was told under our names, however they are spelled."""
    pairs = [(name.replace("_", "-").title(), value) for name, value in got["headers"]]
    ours = [(name, value) for name, value in pairs if name.startswith("X-Portal-")]
    assert len(dict(ours)) == len(ours), "and each once: which of two it would believe, nobody knows"
    return dict(ours)


def test_a_stranger_signs_in_comes_back_to_the_page_and_the_program_knows_them(site: Site) -> None:
    visitor, before = Visitor(), len(site.program.seen)
    page = f"{site.base}/page?a=1&b=2%20c&b=%C3%A5"
    sign_in = visitor.opens(page, **FORGED)
    assert sign_in.url.startswith(f"{site.portal.base}/login?next=")
    assert site.program.seen[before:] == [], "nothing of a stranger's reaches it"

    back = visitor.signs_in(sign_in, "github")
    assert back.url == page
    got = visitor.opens(page, **FORGED).json()
    assert (got["method"], got["path"]) == ("GET", "/page?a=1&b=2%20c&b=%C3%A5")
    user_id = visitor.http.cookies["portal_session"].partition(".")[0]
    assert told(got) == {
        "X-Portal-User": user_id,
        "X-Portal-Name": "Ada%20Lovelace",
        "X-Portal-Email": "ada.lovelace@code.test",
    }

    visitor.presses(visitor.opens(f"{site.portal.base}/account"), "/logout")
    answer = visitor.asks(page, headers=FORGED)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["next"] == [page]


@pytest.mark.full
def test_where_nothing_is_known_nothing_is_passed_on_that_the_browser_made_up(site: Site) -> None:
    """Facebook verifies no address: the header that the portal leaves out must not be the browser's."""
    visitor = Visitor()
    visitor.signs_in(visitor.opens(f"{site.base}/page"), "facebook")
    assert set(told(visitor.opens(f"{site.base}/page", **FORGED).json())) == {"X-Portal-User", "X-Portal-Name"}


@pytest.mark.full
def test_without_the_lines_that_drop_them_forged_headers_get_through(site: Site) -> None:
    """The negative control."""
    port, portal = free_port(), _port(site.portal.base)
    visitor = Visitor()
    visitor.signs_in(visitor.opens(f"{site.base}/page"), "facebook")
    folder = site.folder / "careless"
    with site.proxy.running(folder, at=port, portal=portal, program=site.program.port, careless=True) as base:
        got = visitor.opens(f"{base}/page", **FORGED).json()
    assert any(value in FORGED.values() for name, value in got["headers"] if name.lower().startswith("x"))


@pytest.mark.full
def test_what_is_sent_reaches_the_program_whole_and_a_stranger_s_is_answered_in_words(site: Site) -> None:
    visitor, before = Visitor(), len(site.program.seen)
    words = "x" * 100_000
    answer = visitor.asks(f"{site.base}/note", method="POST", data={"words": words})
    assert answer.status_code == 401
    assert f"Sign in at {site.portal.base}/login in another tab" in answer.text
    assert site.program.seen[before:] == []

    visitor.signs_in(visitor.opens(f"{site.base}/page"), "github")
    got = visitor.asks(f"{site.base}/note", method="POST", data={"words": words}).json()
    assert (got["method"], got["path"], got["body"]) == ("POST", "/note", f"words={words}")
    assert visitor.asks(f"{site.base}/note", method="DELETE").json()["method"] == "DELETE"
    assert visitor.asks(f"{site.base}/note", method="HEAD").status_code == 200


@pytest.mark.full
def test_a_script_is_not_sent_to_a_page(site: Site) -> None:
    assert Visitor().asks(f"{site.base}/data", headers={"Sec-Fetch-Mode": "cors"}).status_code == 401


@pytest.mark.full
def test_whatever_a_stranger_says_of_the_way_they_came_the_sign_in_leads_to_no_other_host(site: Site) -> None:
    visitor = Visitor()
    evil = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Uri": "//evil.example/"}
    answer = visitor.asks(f"{site.base}/page", headers=evil)
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["next"] == [f"{site.base}/page"]
    answer = visitor.asks(f"{site.base}/page", headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("Location", "")
    home = visitor.signs_in(visitor.opens(f"{site.portal.base}/login?next=https://evil.example/"), "github")
    assert home.url == f"{site.portal.base}/"


@pytest.mark.full
def test_where_the_portal_is_down_the_page_is_closed(site: Site) -> None:
    visitor, before = Visitor(), len(site.program.seen)
    folder = site.folder / "alone"
    with site.proxy.running(folder, at=free_port(), portal=free_port(), program=site.program.port) as base:
        for headers in ({}, FORGED, {"Cookie": "portal_session=" + "A" * 22 + "." + "B" * 43}):
            assert visitor.asks(f"{base}/page", headers=headers).status_code == site.proxy.closed
    assert site.program.seen[before:] == []


@pytest.mark.full
def test_the_address_that_only_the_proxy_asks_is_no_page_of_the_protected_host(site: Site) -> None:
    visitor = Visitor()
    answer = visitor.asks(f"{site.base}/portal-auth")
    assert answer.status_code in {303, 404}
    assert not [name for name in answer.headers if name.lower().startswith("x-portal-")]


def test_all_three_documents_name_the_same_headers_and_ask_the_same_address() -> None:
    """Traefik is run by nobody here: at least its lines are read."""
    middlewares = yaml.safe_load(documented("yaml"))["http"]["middlewares"]
    asked = middlewares["portal"]["forwardAuth"]
    assert tuple(asked["authResponseHeaders"]) == OURS
    assert middlewares["no-forgery"]["headers"]["customRequestHeaders"] == dict.fromkeys(OURS, "")
    assert asked["address"].endswith("/auth?redirect=1")
    for language in ("nginx", "caddy"):
        assert all(name in documented(language) for name in (*OURS, "/auth?redirect=1")), language
