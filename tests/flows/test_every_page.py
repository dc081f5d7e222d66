"""What holds of every page, the one for each outcome included."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal.errors import Outcome, Stop
from portal.views.page import STATIC
from tests.flows.conftest import MakeApp
from tests.flows.stops import heading_of
from tests.person import HOME, PROVIDERS, Person

LEADING_AWAY = ("/login/", "/account/link/", "/account/prove/", "/recover/")  # to a provider
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def assert_well_made(person: Person) -> None:
    answer, page = person.page, person.sees
    assert answer is not None
    assert answer.mimetype == "text/html"
    assert answer.text.startswith("<!doctype html>")
    assert page.problems == []
    assert page.lang == "en"
    assert len(page.texts["h1"]) == len(page.texts["title"]) == 1
    assert page.heading.strip()
    assert page.texts["title"][0].strip().endswith("Portal")
    assert not {"script", "style", "iframe", "object", "embed"} & set(page.tags)
    assert not [address for address in page.addresses if urlsplit(address).netloc or urlsplit(address).scheme]
    assert "on" not in {name[:2] for name in page.attributes}, "no event handlers"
    assert "style" not in page.attributes, "which the policy would not let through"
    for form in page.forms:
        assert form.method == "post"
        assert form.fields["csrf_token"]
        assert form.button
    assert_headers(person)


def assert_headers(person: Person) -> None:
    assert person.page is not None
    headers = person.page.headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "Cookie" in headers["Vary"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    starts_dance = any(form.action.startswith(LEADING_AWAY) for form in person.sees.forms)
    assert policy.get("form-action") == (None if starts_dance else "'self'"), "T26"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/login?next=/account",
        "/login?another=1",
        "/login/google",
        "/login/github?next=/account",
        "/deletion",
    ],
)
def test_the_pages_for_everybody(person: Person, path: str) -> None:
    person.opens(path)
    assert_well_made(person)


def test_the_pages_around_an_account(person: Person) -> None:
    person.signs_in_with("google")
    person.links("github")
    for path in ("/account/add", "/", "/account", "/account/prove", "/account/delete"):
        assert person.opens(path).status_code == 200, path
        assert_well_made(person)
    person.confirms()
    for _ in range(2):  # with what has just happened, and without
        person.opens("/account")
        assert_well_made(person)
    person.signs_out()
    person.opens("/")
    assert_well_made(person)


@pytest.mark.parametrize("next", ["/", "/account"])
def test_the_page_between_a_new_identity_and_a_new_account(person: Person, next: str) -> None:
    person.opens(person.comes_with("facebook", next=next).location.partition("#")[0])
    assert_well_made(person)
    assert [form.fields.get("next", "/") for form in person.sees.forms] == [next] * len(PROVIDERS)


def test_the_page_of_a_recovery_link(app: Flask, person: Person) -> None:
    person.signs_in_with("google")
    app.extensions["portal"].accounts.membership.make_recovery(person.user_id, "secret")
    for link, status in (("/recover?code=secret", 200), ("/recover?code=wrong", 404), ("/recover", 404)):
        assert person.opens(link).status_code == status
        assert_well_made(person)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.code)
def test_the_page_of_an_outcome(app: Flask, person: Person, outcome: Outcome, signed_in: bool) -> None:
    if signed_in:
        person.signs_in_with("github")

    def stop() -> None:
        raise Stop(outcome, provider="github", next="/account")

    app.view_functions["portal.home"] = stop
    answer = person.opens("/")
    assert answer.status_code == outcome.status
    assert person.sees.heading == heading_of(app, outcome, "github")
    assert_well_made(person)
    if outcome is not Outcome.NO_PROVIDER:
        assert person.sees.steps


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.code)
def test_the_page_of_an_outcome_that_no_provider_had_a_part_in(app: Flask, person: Person, outcome: Outcome) -> None:
    def stop() -> None:
        raise Stop(outcome)

    app.view_functions["portal.home"] = stop
    person.opens("/")
    assert_well_made(person)


def test_two_outcomes_never_read_the_same(app: Flask) -> None:
    headings = [heading_of(app, outcome, "github") for outcome in Outcome]
    assert len(set(headings)) == len(headings)


def test_a_bug_is_a_page_too_and_its_text_stays_inside(
    app: Flask, person: Person, lines: Callable[[], list[str]]
) -> None:
    def broken() -> None:
        raise RuntimeError("with a secret in it")

    app.view_functions["portal.home"] = broken
    person.opens("/")
    assert person.page is not None
    assert person.page.status_code == 500
    assert "secret" not in person.page.text
    assert_well_made(person)
    assert any("incident" in line for line in lines())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/login/nobody", 404),
        ("POST", "/nowhere", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/portal-static/../app.py", 404),
        ("GET", "/logout", 405),
        ("POST", "/account", 405),
        ("TRACE", "/", 405),
    ],
)
def test_what_is_not_there_has_a_page(person: Person, method: str, path: str, status: int) -> None:
    assert person.sends(path, method=method).status_code == status
    assert_well_made(person)


def test_a_form_that_is_too_large_has_a_page(person: Person) -> None:
    person.opens("/login")
    answer = person.posts("/login/github", next="x" * 100_000)
    assert answer.status_code == 413
    assert_well_made(person)


def test_redirects_carry_the_headers_too(person: Person) -> None:
    """T24."""
    for answer in (person.opens("/account"), person.presses("github")):
        assert answer.status_code == 303
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_what_a_page_needs_is_our_own_and_may_be_kept(person: Person) -> None:
    person.opens("/login")
    files = [address for address in person.sees.addresses if "static" in address]
    assert len(files) == 2
    for address in files:
        answer = person.opens(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert not answer.headers.getlist("Set-Cookie")
        assert "//" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert {urlsplit(address).path.rpartition("/")[2] for address in files} <= {file.name for file in STATIC.iterdir()}


def test_the_title_is_the_admin_s_and_shown_as_text(make_app: MakeApp) -> None:
    """T25."""
    person = Person(make_app(PORTAL_TITLE="<b>Ours</b>"))
    person.opens("/")
    assert person.sees.texts["title"][0].endswith("<b>Ours</b>")
    assert "b" not in person.sees.tags


def test_an_address_is_answered_with_the_host_s_name_nowhere_in_it(person: Person) -> None:
    """Pages are the same behind any proxy: every address in them is relative."""
    assert HOME not in person.opens("/login").text
