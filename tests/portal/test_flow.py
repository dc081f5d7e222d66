"""Flows in their cookies: each browser's own, four at most, ten minutes long, and walked once."""

import base64
import json
from dataclasses import asdict, replace
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from portal.crypto import TokenCipher, derive_key
from portal.flow import AT_MOST, LIFETIME, LONGEST, Flow, Flows, flow_id
from portal.security import LONGEST_NEXT

SECRET, OLD_SECRET = "s" * 43, "o" * 43
BEGAN = 1_800_000_000
ASKED = {"purpose": "sign-in", "provider": "github", "issuer": "https://github.com/login/oauth", "next": "/account"}


APP = Flask("bare")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = float(BEGAN)

    def __call__(self) -> float:
        return self.time


class Browser:
    """A browser that keeps the cookies it is given by an application with nothing in it but flows."""

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        self.cookies: dict[str, str] = {}
        self.set_cookie_lines: list[str] = []

    def begin(self, **asked: str | int) -> Flow:
        return self._keep_cookies_of(lambda: self.flows.begin(self.cookies, **{**ASKED, **asked}))

    def finish(self, flow: Flow) -> None:
        self._keep_cookies_of(lambda: self.flows.finish(flow))

    def get(self, flow: Flow) -> Flow | None:
        return self.flows.get(self.cookies, flow.state)

    def _keep_cookies_of(self, act):
        with APP.test_request_context():
            result = act()
            response = APP.process_response(APP.response_class())
        self.set_cookie_lines = response.headers.getlist("Set-Cookie")
        for line in self.set_cookie_lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return result


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(clock) -> Browser:
    return Browser(Flows([SECRET], secure=False, now=clock))


def test_a_browser_finds_the_flow_it_began(browser):
    flow = browser.begin()
    assert browser.get(flow) == flow
    assert asdict(flow).items() >= ASKED.items()
    assert flow.began == BEGAN
    assert not flow.done


def test_another_browser_does_not(browser, clock):
    """T04."""
    flow = browser.begin()
    other = Browser(Flows([SECRET], secure=False, now=clock))
    other.begin()
    assert other.get(flow) is None


def test_state_nonce_and_verifier_are_fresh_and_long(browser):
    flows = [browser.begin() for _ in range(50)]
    secrets = [secret for flow in flows for secret in (flow.state, flow.nonce, flow.verifier)]
    assert len(set(secrets)) == 150
    assert {len(secret) for secret in secrets} == {43}  # 256 bits; RFC 7636 wants 43 to 128 characters


def test_two_tabs_have_a_cookie_each(browser):
    one, other = browser.begin(next="/account"), browser.begin(next="/")
    assert len(browser.cookies) == 2
    assert browser.get(one) == one
    assert browser.get(other) == other


def test_the_fifth_flow_drops_the_oldest(browser, clock):
    flows = []
    for _ in range(AT_MOST + 1):
        flows.append(browser.begin())
        clock.time += 1
    assert len(browser.cookies) == AT_MOST
    assert [browser.get(flow) for flow in flows] == [None, *flows[1:]]


def test_a_finished_flow_is_dropped_before_an_older_one_under_way(browser, clock):
    flows = []
    for _ in range(AT_MOST):
        flows.append(browser.begin())
        clock.time += 1
    browser.finish(flows[2])
    newest = browser.begin()
    assert browser.get(flows[2]) is None
    assert [browser.get(flow) for flow in (flows[0], flows[1], flows[3], newest)] == [*flows[:2], flows[3], newest]


def test_what_does_not_open_is_dropped_first_of_all(browser, clock):
    flows = []
    for _ in range(AT_MOST - 1):
        flows.append(browser.begin())
        clock.time += 1
    browser.finish(flows[0])
    browser.cookies["portal_flow_planted"] = "garbage"
    flows.append(browser.begin())
    assert "portal_flow_planted" not in browser.cookies
    assert len(browser.cookies) == AT_MOST
    assert None not in [browser.get(flow) for flow in flows]


def test_however_many_cookies_are_planted_four_are_left(browser):
    """T27."""
    browser.cookies |= {f"portal_flow_{number}": "x" for number in range(50)}
    flow = browser.begin()
    assert len(browser.cookies) == AT_MOST
    assert browser.get(flow) == flow


def test_cookies_of_others_are_left_alone(browser):
    browser.cookies |= {"portal_session": "a", "session": "b", "flow": "c", "my_portal_flow_": "d"}
    before = dict(browser.cookies)
    for _ in range(AT_MOST + 2):
        browser.begin()
    assert browser.cookies.items() >= before.items()


def test_a_cookie_that_was_changed_anywhere_is_nothing(browser):
    """T61."""
    flow = browser.begin()
    ((name, value),) = browser.cookies.items()
    raw = base64.urlsafe_b64decode(value)
    for place in range(len(raw)):
        altered = bytearray(raw)
        altered[place] ^= 1
        browser.cookies[name] = base64.urlsafe_b64encode(altered).decode()
        assert browser.get(flow) is None
    browser.cookies[name] = value
    assert browser.get(flow) == flow


def test_a_cookie_under_another_name_is_nothing(browser):
    """The callback names the state; a cookie moved to that state's place must not answer for it."""
    victims, attackers = browser.begin(), browser.begin()
    name_of = {flow.state: name for flow, name in zip((victims, attackers), browser.cookies, strict=True)}
    browser.cookies[name_of[victims.state]] = browser.cookies[name_of[attackers.state]]
    assert browser.get(victims) is None


def test_a_development_cookie_is_none_in_production(browser, clock):
    flow = browser.begin()
    production = Flows([SECRET], prefix="__Host-", now=clock)
    moved = {"__Host-" + name: value for name, value in browser.cookies.items()}
    assert production.get(moved, flow.state) is None


def test_a_flow_of_another_installation_is_nothing(browser):
    flow = browser.begin()
    assert Flows([OLD_SECRET], secure=False).get(browser.cookies, flow.state) is None


def test_a_new_secret_key_does_not_break_flows_under_way(browser, clock):
    """T63."""
    browser.flows = Flows([OLD_SECRET], secure=False, now=clock)
    before = browser.begin()
    browser.flows = Flows([SECRET, OLD_SECRET], secure=False, now=clock)
    during = browser.begin()
    assert browser.get(before) == before
    browser.flows = Flows([SECRET], secure=False, now=clock)
    assert browser.get(before) is None
    assert browser.get(during) == during


@pytest.mark.parametrize("purpose", ["csrf", "flask session", "session", "flow", "flow cookie "])
def test_what_a_key_of_another_purpose_sealed_is_no_flow(browser, purpose):
    """A cookie of one kind must not pass for another, though all keys come from one secret (T05)."""
    flow = browser.begin()
    (name,) = browser.cookies
    browser.cookies[name] = sealed_with(derive_key(SECRET, purpose), name, asdict(flow))
    assert browser.get(flow) is None
    browser.cookies[name] = sealed_with(derive_key(SECRET, "flow cookie"), name, asdict(flow))
    assert browser.get(flow) == flow


def test_a_newer_version_s_fields_are_ignored(browser):
    flow = browser.begin()
    (name,) = browser.cookies
    newer = {**asdict(flow), "scopes": ["repo"], "began_in": {"region": "eu"}}
    browser.cookies[name] = sealed_with(derive_key(SECRET, "flow cookie"), name, newer)
    assert browser.get(flow) == flow


@pytest.mark.parametrize("document", [{}, {"state": "x"}, [], [1], None, "text", 7, True])
def test_a_document_of_another_form_is_no_flow(browser, document):
    flow = browser.begin()
    (name,) = browser.cookies
    browser.cookies[name] = sealed_with(derive_key(SECRET, "flow cookie"), name, document)
    assert browser.get(flow) is None


@pytest.mark.parametrize(
    ("seconds", "late"),
    [(0, False), (LIFETIME, False), (LIFETIME + 1, True), (86_400, True), (-60, False), (-61, True), (-86_400, True)],
)
def test_a_flow_is_late_after_ten_minutes_and_when_the_clock_went_back(browser, clock, seconds, late):
    flow = browser.begin()
    clock.time += seconds
    assert browser.flows.is_late(flow) is late
    assert browser.get(flow) == flow  # found all the same: it still knows where it led


def test_a_finished_flow_remembers_where_it_led_and_no_secret(browser):
    flow = browser.begin(next="/account?tab=history")
    browser.finish(flow)
    assert browser.get(flow) == replace(flow, done=True, nonce="", verifier="")
    assert len(browser.cookies) == 1


def test_the_id_of_a_flow_does_not_show_its_state(browser):
    flow = browser.begin()
    assert flow.id == flow_id(flow.state) != flow_id(flow.state + "x")
    assert flow.state not in flow.id
    assert not any(flow.state in line or flow.verifier in line for line in browser.set_cookie_lines)


def test_the_cookie_is_for_this_host_and_no_script(clock):
    browser = Browser(Flows([SECRET], prefix="__Host-", secure=True, now=clock))
    browser.finish(browser.begin())
    for _ in range(AT_MOST + 1):  # the cookies that are set, and the one that is taken back
        browser.begin()
    assert len(browser.set_cookie_lines) == 2
    for line in browser.set_cookie_lines:
        assert line.startswith("__Host-portal_flow_")
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"} <= set(line.split("; "))
        assert "Domain" not in line


def test_in_development_the_cookie_is_plain(browser):
    browser.begin()
    (line,) = browser.set_cookie_lines
    assert line.startswith("portal_flow_")
    assert "Secure" not in line.split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))


LARGEST = {
    "signing in": {"purpose": "sign-in", "next": "/" + "a" * (LONGEST_NEXT - 1)},
    "proving an old way in": {"purpose": "sign-in", "next": "/" + "a" * (LONGEST_NEXT - 1), "pending": "p" * 43},
    "proving that it is still the same person": {
        "purpose": "prove",
        "next": "/" + "a" * (LONGEST_NEXT - 1),
        "user_id": "u" * 22,
        "epoch": 10**6,
    },
    "linking": {"purpose": "link", "next": "/account", "user_id": "u" * 22, "epoch": 10**6},
    "recovering": {"purpose": "recover", "next": "/account", "pending": "p" * 43},
}


@pytest.mark.parametrize("asked", LARGEST.values(), ids=LARGEST)
def test_the_largest_cookie_is_below_1500_bytes(clock, asked):
    browser = Browser(Flows([SECRET], prefix="__Host-", now=clock))
    issuer = "https://" + "a" * 63 + ".example.com/realms/" + "b" * 63
    flow = browser.begin(provider="p" * 40, issuer=issuer, **asked)
    (line,) = browser.set_cookie_lines
    assert len(line.encode()) < LONGEST  # name, value and attributes (T64)
    assert browser.get(flow) == flow
    for _ in range(AT_MOST):
        browser.begin(provider="p" * 40, issuer=issuer, **asked)
    header = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    assert len(header) < 8_190 - 2_000  # gunicorn's longest header, and room for all our other cookies (T27)


names = st.from_regex(r"(portal_flow_)?[A-Za-z0-9!#$%&'*+.^_`|~-]{0,20}", fullmatch=True)


@given(st.dictionaries(names, st.text(max_size=100), max_size=8), st.text(st.characters(codec="utf-8")))
@example({"portal_flow_": "A" * 5_000}, "")
@example({"portal_flow_": "é=\udcff"}, "é")
def test_garbage_in_cookies_is_as_good_as_none(cookies, state):
    browser = Browser(Flows([SECRET], secure=False))
    browser.cookies = dict(cookies)
    assert browser.flows.get(cookies, state) is None
    flow = browser.begin()
    assert browser.get(flow) == flow
    assert sum(name.startswith("portal_flow_") for name in browser.cookies) <= AT_MOST


def test_an_oversize_cookie_is_not_even_opened(browser, monkeypatch):
    flow = browser.begin()
    (name,) = browser.cookies
    monkeypatch.setattr(TokenCipher, "unseal", lambda *_: pytest.fail("opened"))
    browser.cookies[name] = "A" * 4_096
    assert browser.get(flow) is None


def sealed_with(key: bytes, name: str, document: object) -> str:
    sealed = TokenCipher([key]).seal(json.dumps(document).encode(), "flow", name)
    return base64.urlsafe_b64encode(sealed).decode()
