"""The callback, as providers send it, as browsers repeat it, and as attackers make it up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from flask import Flask

from portal.errors import Outcome
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops, heading_of
from tests.person import PROVIDERS, Person

STATE = "A" * 43  # of the right form, and nobody's
Count = Callable[[], int]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


def with_(callback: str, *more: tuple[str, str], without: str = "", **changes: str) -> str:
    """A callback with parameters changed, left out, or added once more."""
    parts = urlsplit(callback)
    pairs = [(name, changes.get(name, value)) for name, value in parse_qsl(parts.query) if name != without]
    return urlunsplit(parts._replace(query=urlencode([*pairs, *more]), fragment=""))


def value_in(callback: str, name: str) -> str:
    return dict(parse_qsl(urlsplit(callback).query))[name]


# Parameters that can't be a provider's (T07): refused before anything is believed, and the flow is none the worse.


def test_parameters_missing_repeated_or_of_impossible_form_are_refused(
    person: Person, calls: Count, rows: Rows
) -> None:
    """T07."""
    callback = person.consents(person.starts("github"))
    path = urlsplit(callback).path
    states = ["", "short", "A" * 42, "A" * 44, "A" * 42 + "!", "ä" * 43, "A" * 6_000, "\x00"]
    spoilt = [
        *(with_(callback, state=state) for state in states),
        with_(callback, without="state"),
        with_(callback, ("state", STATE)),
        with_(callback, ("state", value_in(callback, "state"))),
        with_(callback, without="code"),
        with_(callback, ("code", "another")),
        with_(callback, ("code", value_in(callback, "code"))),
        with_(callback, ("error", "access_denied")),
        *(with_(callback, code=code) for code in ("", "c" * 5000, "new\nline", "ümlaut", "with space")),
        with_(with_(callback, without="code"), ("error", "")),
        with_(with_(callback, without="code"), ("error", "line\n2")),
        with_(callback, ("iss", "https://one.test"), ("iss", "https://two.test")),
        path,
        f"{path}?state%5B%5D={STATE}&code%5B%5D=x",
        f"{path}?state=%ff%fe&code=%00",
        f"{path}?{'&'.join(f'p{number}=1' for number in range(1000))}",
    ]
    before = calls(), rows()
    for each in spoilt:
        person.returns(each)
        assert_stops(person, Outcome.BAD_CALLBACK, "github")
    assert (calls(), rows()) == before
    assert person.returns(callback).status_code == 303, "the true one still works"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_only_a_get_is_a_callback(person: Person, provider: str, method: str, calls: Count) -> None:
    """A link checker's HEAD must not spend the code (T107)."""
    callback = person.consents(person.starts(provider))
    before = calls()
    parts = urlsplit(callback)
    answer = person.sends(f"{parts.path}?{parts.query}", method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert calls() == before
    assert person.returns(callback).status_code == 303


# States of the right form that are not this browser's.


def test_a_foreign_state_is_refused_without_a_call(person: Person, provider: str, calls: Count) -> None:
    callback = person.consents(person.starts(provider))
    before = calls()
    person.returns(with_(callback, state=STATE))
    assert_stops(person, Outcome.FLOW_MISSING, provider)
    assert calls() == before
    assert person.returns(callback).status_code == 303


def test_an_attacker_s_callback_opened_in_the_victim_s_browser_signs_nobody_in(
    people: Callable[[], Person], provider: str, calls: Count, rows: Rows
) -> None:
    """T01, T04: the victim would work inside the attacker's account, and never know."""
    attacker, victim = people(), people()
    planted = attacker.consents(attacker.starts(provider), "grace")
    own = victim.consents(victim.starts(provider), "ada")
    before = calls(), rows()
    victim.returns(planted)
    assert_stops(victim, Outcome.FLOW_MISSING, provider)
    assert victim.user_id is None
    assert (calls(), rows()) == before
    assert victim.arrives_on(own) == "/"
    assert "Ada" in (victim.account or "")


def test_a_flow_cookie_put_under_another_s_name_opens_nothing(people: Callable[[], Person]) -> None:
    """Each cookie is sealed for its own name: a victim's can't be swapped for an attacker's (T05)."""
    attacker, victim = people(), people()
    planted = attacker.consents(attacker.starts("github"))
    victim.starts("github")
    victim.keeps(attacker.flows[0], victim.cookies[victim.flows[0]])
    victim.returns(planted)
    assert_stops(victim, Outcome.FLOW_MISSING, "github")


def test_a_session_cookie_is_no_flow_and_a_flow_is_no_session(person: Person) -> None:
    """T05, T61."""
    callback = person.consents(person.starts("github"))
    flow = person.flows[0]
    person.keeps("portal_session", person.cookies[flow])
    assert person.account is None
    person.keeps(flow, person.cookies["portal_form"])
    person.returns(callback)
    assert_stops(person, Outcome.FLOW_MISSING, "github")


@pytest.mark.parametrize(("provider", "other"), list(permutations(PROVIDERS, 2)))
def test_one_provider_s_flow_does_not_end_at_another_s_callback(
    person: Person, provider: str, other: str, calls: Count
) -> None:
    """Mix-up (T08): its code would be sent to the wrong server."""
    callback = person.consents(person.starts(provider, next="/account"))
    before = calls()
    person.returns(callback.replace(f"/{provider}/", f"/{other}/"))
    page = assert_stops(person, Outcome.WRONG_ISSUER, other)
    assert page.form(f"/login/{other}").fields["next"] == "/account"
    assert calls() == before
    assert person.arrives_on(callback) == "/account", "and at its own it still does"


# The issuer's name in the answer (RFC 9207, T13).


def test_another_issuer_s_name_is_refused(person: Person, provider: str, calls: Count) -> None:
    """T13."""
    callback = with_(person.consents(person.starts(provider)), without="iss")
    before = calls()
    person.returns(with_(callback, ("iss", "https://evil.example")))
    assert_stops(person, Outcome.WRONG_ISSUER, provider)
    assert calls() == before


def test_a_slash_more_is_another_issuer(person: Person) -> None:
    callback = person.consents(person.starts("google"))
    person.returns(with_(callback, iss=value_in(callback, "iss") + "/"))
    assert_stops(person, Outcome.WRONG_ISSUER, "google")


def test_a_provider_that_announced_its_name_must_send_it(person: Person) -> None:
    """Google's discovery document does; GitHub announces nothing, so there a missing one passes."""
    person.returns(with_(person.consents(person.starts("google")), without="iss"))
    assert_stops(person, Outcome.WRONG_ISSUER, "google")
    assert person.returns(with_(person.consents(person.starts("github")), without="iss")).status_code == 303


def test_a_name_given_twice_is_refused_even_where_both_are_right(person: Person, provider: str, calls: Count) -> None:
    """Which of the two was meant is for nobody to guess (RFC 6749, 3.1)."""
    issuer = person.app.extensions["portal"].providers[provider].iss
    callback = with_(person.consents(person.starts(provider)), without="iss")
    before = calls()
    person.returns(with_(callback, ("iss", issuer), ("iss", issuer)))
    assert_stops(person, Outcome.BAD_CALLBACK, provider)
    assert calls() == before
    assert person.returns(with_(callback, ("iss", issuer))).status_code == 303, "and given once it is good"


def test_github_s_name_is_its_address_without_the_last_part(person: Person) -> None:
    """So for an Enterprise server and the sandbox, too; the site's own address alone is another's."""
    callback = person.consents(person.starts("github"))
    assert value_in(callback, "iss").endswith("/login/oauth")
    parts = urlsplit(value_in(callback, "iss"))
    person.returns(with_(callback, iss=f"{parts.scheme}://{parts.netloc}"))
    assert_stops(person, Outcome.WRONG_ISSUER, "github")


@pytest.mark.parametrize("error", ["access_denied", "server_error", "invalid_scope"])
def test_an_error_of_another_issuer_s_is_not_believed(
    person: Person, provider: str, error: str, lines: Callable[[], list[str]]
) -> None:
    """RFC 9207, 2.4: an error response is checked like any other. What it says may be an attacker's."""
    issuer = person.app.extensions["portal"].providers[provider].iss
    callback = with_(with_(person.consents(person.starts(provider)), without="code"), without="iss")
    person.returns(with_(callback, ("error", error), ("iss", "https://evil.example")))
    assert_stops(person, Outcome.WRONG_ISSUER, provider)
    assert error not in "".join(lines())
    again = with_(with_(person.consents(person.starts(provider)), without="code"), without="iss")
    person.returns(with_(again, ("error", error), ("iss", issuer)))
    assert person.page is not None
    assert person.sees.heading != heading_of(person.app, Outcome.WRONG_ISSUER, provider), "the right name is believed"


def test_an_error_without_the_announced_name_is_not_believed(person: Person) -> None:
    callback = with_(with_(person.consents(person.starts("google")), without="code"), without="iss")
    person.returns(with_(callback, ("error", "access_denied")))
    assert_stops(person, Outcome.WRONG_ISSUER, "google")


# Errors that a provider sends (T17).


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("access_denied", Outcome.DENIED),
        ("user_denied", Outcome.DENIED),
        ("temporarily_unavailable", Outcome.PROVIDER_BUSY),
        ("server_error", Outcome.PROVIDER_BUSY),
        ("invalid_scope", Outcome.PROVIDER_REFUSED),
        ("<script>alert(1)</script>", Outcome.PROVIDER_REFUSED),
    ],
)
def test_an_error_has_a_page_of_our_own_words(
    person: Person, error: str, outcome: Outcome, calls: Count, lines: Callable[[], list[str]]
) -> None:
    """T17."""
    callback = with_(person.consents(person.starts("github", next="/account")), without="code")
    before = calls()
    evil = "<script>alert(2)</script>\r\nforged: line"
    person.returns(with_(callback, ("error", error), ("error_description", evil), ("error_uri", "javascript:alert(3)")))
    page = assert_stops(person, outcome, "github")
    assert person.page is not None
    for text in ("alert(", "forged"):
        assert text not in person.page.text
    assert page.form("/login/github").fields["next"] == "/account"
    assert calls() == before
    (line,) = lines()
    assert "forged" not in line
    assert value_in(callback, "state") not in line


def test_who_says_no_at_the_provider_is_asked_again_kindly(person: Person, provider: str, rows: Rows) -> None:
    before = rows()
    person.signs_in_with(provider, "deny")
    assert_stops(person, Outcome.DENIED, provider)
    assert rows() == before
    assert person.signs_in_with(provider).status_code == 303


def test_an_error_without_a_flow_is_believed_no_more_than_a_code(person: Person, provider: str, calls: Count) -> None:
    before = calls()
    person.opens(f"/login/{provider}/authorized?error=access_denied&state={STATE}")
    assert_stops(person, Outcome.FLOW_MISSING, provider)
    person.opens(f"/login/{provider}/authorized?error=access_denied")
    assert_stops(person, Outcome.BAD_CALLBACK, provider)
    assert calls() == before


# Late, and twice.


@pytest.mark.parametrize(
    ("minutes", "in_time"), [(9.9, True), (10.1, False), (11, False), (23 * 60, False), (-2, False)]
)
def test_an_answer_has_ten_minutes(
    app: Flask, person: Person, minutes: float, in_time: bool, calls: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = person.consents(person.starts("github", next="/account"))
    before = calls()
    flows = app.extensions["portal"].flows
    now = flows._now
    monkeypatch.setattr(flows, "_now", lambda: now() + minutes * 60)
    if in_time:
        assert person.ends_on(callback) == "/account"
        return
    person.returns(callback)
    page = assert_stops(person, Outcome.FLOW_EXPIRED, "github")
    assert page.form("/login/github").fields["next"] == "/account"
    assert calls() == before
    assert person.ends_on(person.consents(person.posts("/login/github").location)) == "/account"


def test_a_reload_of_the_callback_leads_on_without_a_call(person: Person, provider: str, calls: Count) -> None:
    """T06."""
    callback = person.consents(person.starts(provider, next="/account"))
    first = person.ends_on(callback)
    assert first == ("/welcome?next=/account" if provider == "facebook" else "/account")
    before, user = calls(), person.user_id
    for _ in range(3):
        assert person.ends_on(callback) == first
    assert calls() == before
    assert person.user_id == user


def test_the_back_button_after_signing_out_leads_to_a_fresh_start(person: Person, provider: str, calls: Count) -> None:
    callback = person.consents(person.starts(provider, next="/account"))
    person.arrives_on(callback)
    person.signs_out()
    before = calls()
    person.returns(callback)
    page = assert_stops(person, Outcome.FLOW_USED, provider)
    assert calls() == before
    assert "Start again" in page.form(f"/login/{provider}").button
    assert person.ends_on(person.consents(person.posts(f"/login/{provider}").location)) == "/account"


def test_the_callback_of_an_earlier_sign_in_does_not_pass_for_this_one(person: Person) -> None:
    first = person.consents(person.starts("github"))
    person.returns(first)
    person.signs_out()
    person.signs_in_with("github")
    person.returns(first)
    assert_stops(person, Outcome.FLOW_USED, "github")
    assert person.account


def test_a_used_flow_s_cookie_holds_no_verifier_and_no_nonce(app: Flask, person: Person) -> None:
    callback = person.consents(person.starts("google"))
    person.returns(callback)
    flow = app.extensions["portal"].flows.get(person.cookies, value_in(callback, "state"))
    assert (flow.done, flow.verifier, flow.nonce) == (True, "", "")


def test_of_two_arrivals_one_signs_in_and_the_other_hears_that_it_was_used(
    person: Person, people: Callable[[], Person], provider: str, rows: Rows
) -> None:
    """The second comes with the cookies of before the first: the provider's single-use code decides (T06)."""
    people().signs_in_with(provider)
    callback = person.consents(person.starts(provider, next="/account"))
    twin = people()
    twin.copies(person)
    assert person.ends_on(callback) == "/account"
    before = rows()
    twin.returns(callback)
    page = assert_stops(twin, Outcome.FLOW_USED, provider)
    assert page.form(f"/login/{provider}").fields["next"] == "/account"
    assert rows() == before
    twin.copies(person)  # one browser, in truth: the winner's cookies are there when it reloads
    assert twin.ends_on(callback) == "/account"


@pytest.mark.parametrize("provider", ["google", "github"])  # Facebook's first arrival only leads to a question
def test_two_arrivals_at_the_same_moment_make_one_user_and_one_session(
    person: Person, people: Callable[[], Person], provider: str, rows: Rows
) -> None:
    """T06."""
    callback = person.consents(person.starts(provider, next="/account"))
    pair = [people(), people()]
    together = threading.Barrier(2)

    def arrives(twin: Person) -> int:
        twin.copies(person)
        together.wait(10)
        return twin.returns(callback).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(arrives, pair))
    assert statuses == [303, 400]
    loser = next(twin for twin in pair if not twin.user_id)
    assert_stops(loser, Outcome.FLOW_USED, provider)
    assert {kind: rows()[kind] for kind in ("User", "OAuth", "Session")} == {"User": 1, "OAuth": 1, "Session": 1}


def test_a_provider_switched_off_in_between_signs_nobody_in(person: Person, make_app: MakeApp) -> None:
    """T88, T105: same keys, same store, but GitHub is no longer on."""
    callback = person.consents(person.starts("github"))
    after = Person(make_app(PORTAL_PROVIDERS__GITHUB__ENABLED="false"))
    after.copies(person)
    after.returns(callback)
    assert_stops(after, Outcome.PROVIDER_OFF, "github")
    assert after.user_id is None


def test_a_provider_moved_to_another_issuer_in_between_is_not_sent_the_code(
    person: Person, make_app: MakeApp, calls: Count
) -> None:
    callback = person.consents(person.starts("facebook"))
    before = calls()
    after = Person(make_app(PORTAL_PROVIDERS__FACEBOOK__CLIENT_ID="200000000000002"))
    after.copies(person)
    after.returns(callback)
    assert_stops(after, Outcome.WRONG_ISSUER, "facebook")
    assert calls() == before
