"""Protected pages elsewhere: the address that a person goes back to, judged by a browser's own URL rules (WHATWG)."""

from dataclasses import dataclass
from urllib.parse import urljoin

import pytest
from ada_url import URL
from flask import redirect, request
from hostile_urls import HOSTILE
from hypothesis import example, given
from hypothesis import strategies as st

from portal.protected import rebuild
from portal.security import LONGEST_NEXT, may_be_next, next_target
from tests.portal.test_next_target import PAGE, SITE, make_app

ELSEWHERE = "https://app.example"
PORT = "https://app.example:8443"
ORIGINS = (ELSEWHERE, PORT)
AGAINST_THE_LIST = tuple(value.replace("portal.example", "app.example") for value in HOSTILE)


@dataclass
class Config:
    protected_origins: tuple[str, ...] = ORIGINS


@dataclass
class Portal:
    config: Config


APP = make_app()
APP.extensions["portal"] = Portal(Config())
APP.add_url_rule("/evil.example", "decoy", may_be_next(lambda: "page"))


@pytest.fixture(autouse=True)
def in_a_request():
    with APP.test_request_context("/login/github/authorized", base_url=SITE):
        yield


def leads_to(target: str) -> URL:
    """Where a browser goes that gets this redirect on our callback page."""
    return URL(redirect(target, 303).get_wsgi_headers(request.environ)["Location"], base=PAGE)


def test_no_hostile_value_leads_off_the_site_and_the_listed_hosts():
    """T20."""
    targets = {value: next_target(value) for value in (*HOSTILE, *AGAINST_THE_LIST)}
    assert len(targets) >= 500
    places = {value: leads_to(target) for value, target in targets.items()}
    assert [value for value, place in places.items() if place.origin not in {SITE, *ORIGINS}] == []
    # Nor to another page than was looked at: a browser resolves `..` before it asks.
    for value, target in targets.items():
        assert places[value].href == urljoin(SITE, target), value


def test_the_copied_check_lets_some_of_them_through():
    """The negative control: the prefix that is compared in many a place."""
    gone = []
    for value in AGAINST_THE_LIST:
        if value.startswith(ELSEWHERE):
            try:
                gone += [value] if URL(value, base=PAGE).origin not in {SITE, *ORIGINS} else []
            except ValueError:
                continue
    assert len(gone) >= 20


@pytest.mark.parametrize(
    "value",
    [
        f"{ELSEWHERE}/",
        f"{ELSEWHERE}/page",
        f"{ELSEWHERE}/page/?a=1&b=2&a=3",
        f"{ELSEWHERE}/page?flag",
        f"{ELSEWHERE}/a%20b/%C3%A5?q=%C3%A5&r=a+b",
        f"{ELSEWHERE}/a:b;c=d,e/@x/(y)/$z!*~?to=https://portal.example/x",
        f"{ELSEWHERE}//double",
        f"{PORT}/page",
    ],
)
def test_a_good_value_is_kept_to_the_letter(value):
    assert next_target(value) == value


@pytest.mark.parametrize(
    ("value", "rebuilt"),
    [
        ("", "/"),
        ("?x=1", "/?x=1"),
        ("/it's?who='me'", "/it%27s?who=%27me%27"),
        ("/a[0]|b?c[]={d}^`", "/a%5B0%5D%7Cb?c%5B%5D=%7Bd%7D%5E%60"),
        ("/" + "x" * LONGEST_NEXT, "/"),
        ("/page?q=" + "|" * 200, "/"),  # too long once it is encoded
        ("/a/../logout", "/"),
        ("/a/%2e%2E/b", "/"),
        ("/.", "/"),
        ("/a b", "/"),
        ("/a\\b", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/å", "/"),
        ("/%", "/"),
        ("/%zz", "/"),
        ('/"<>', "/"),
    ],
)
def test_what_is_no_plain_address_leads_to_the_front_page_of_its_host(value, rebuilt):
    assert next_target(ELSEWHERE + value) == ELSEWHERE + rebuilt


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/page",
        "https://app.example.evil.example/",
        "https://evil.example/https://app.example/",
        "https://app.example@evil.example/",
        "https://app.example:8443@evil.example/",
        "https://app.example:443/",  # a browser writes none there
        "https://app.example:80/",
        "https://app.example./",
        "https://app.example\\.evil.example/",
        "https://app.example#/page",
        "https://app.example\t/",
        "https://app.example\n",
        "https://APP.example/",
        "http://app.example/",
        "https:app.example/",
        "https:/app.example/",
        "//app.example/",
        "app.example/",
        "https://",
        "https://x." + "app.example",
    ],
)
def test_whatever_is_on_no_listed_host_leads_home(value):
    assert next_target(value) == "/"


def test_without_a_list_every_other_host_leads_home():
    assert rebuild(f"{ELSEWHERE}/page", (), longest=LONGEST_NEXT) is None


pieces = st.sampled_from(
    [*"/\\.?&=#@:%;+~'|", "//", ELSEWHERE, PORT, "https://", "%2f", "%2e", "..", "\t", "evil.example"]
)


@given(st.lists(pieces | st.text(max_size=2), max_size=12).map(lambda rest: ELSEWHERE + "".join(rest)))
@example(f"{ELSEWHERE}/\udcff")
@example(f"{ELSEWHERE}/%ff")
def test_whatever_is_given_the_answer_is_on_a_listed_host_and_stays_the_same(value):
    target = next_target(value)
    place = leads_to(target)
    assert place.origin in {SITE, *ORIGINS}
    assert place.href == urljoin(SITE, target)
    assert next_target(target) == target
