"""Every cookie that the portal sets, wherever it sets it: the flags of each, and how long it may become (T54, T64)."""

from __future__ import annotations

from typing import cast

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from portal.flow import Flows
from portal.security import LONGEST_NEXT
from tests.flows.test_signing_in import in_production  # noqa: F401 - a fixture: a portal on https
from tests.person import Person

LARGEST = 1_500  # bytes of name and value
KNOWN = {"portal_session", "portal_last", "portal_waiting", "portal_form", "portal_flow_"}

Headers = list[str]


class Watched(Person):
    """A person of whom every Set-Cookie is kept."""

    headers: Headers

    def sends(self, path: str, *, method: str = "POST", **kwargs: object) -> TestResponse:
        answer = super().sends(path, method=method, **kwargs)
        self.__dict__.setdefault("headers", []).extend(answer.headers.getlist("Set-Cookie"))
        return answer


def journey(person: Person) -> None:
    """Everything that sets a cookie."""
    person.opens("/login?next=/account")
    person.returns(person.consents(person.posts("/login/github", shared="1").location))
    person.adds("google")
    person.opens("/account/prove")
    person.proves_with("google")
    person.unlinks("GitHub")
    person.renames("Countess")
    person.opens("/account")
    person.posts("/account/sessions/end-all")
    asked = person.comes_with("facebook", next="/account?x=" + "a" * 300)
    person.creates_an_account(asked)
    person.signs_out()
    person.keeps("portal_session", "A" * 22 + "." + "B" * 43)
    person.opens("/account")


def flags(header: str) -> tuple[str, str, dict[str, str]]:
    pair, *rest = header.split("; ")
    name, _, value = pair.partition("=")
    return name, value, {key.lower(): said for key, _, said in (part.partition("=") for part in rest)}


def assert_flagged(headers: Headers, *, prefix: str, secure: bool) -> None:
    for header in headers:
        name, value, said = flags(header)
        assert any(name.startswith(prefix + known) for known in KNOWN), f"{name} is new: say what it is for"
        assert ("secure" in said) is secure, header
        assert "httponly" in said, header
        assert said["samesite"] == "Lax", header
        assert said["path"] == "/", header
        assert "domain" not in said, header
        assert len(name) + len(value) <= LARGEST, header


def test_in_development_each_has_its_flags_and_is_small(app: Flask) -> None:
    person = Watched(app)
    journey(person)
    seen = {known for known in KNOWN for header in person.headers if header.startswith(known)}
    assert seen == KNOWN, "each of them was set at some time"
    assert_flagged(person.headers, prefix="", secure=False)


def test_in_production_each_is_the_host_s_own_too(in_production: Person) -> None:  # noqa: F811
    in_production.__class__ = Watched
    person = cast(Watched, in_production)
    person.opens("/login?next=/account")
    person.opens(person.returns(person.consents(person.posts("/login/facebook", shared="1").location)).location)
    person.posts("/welcome")
    assert person.user_id
    person.opens("/account/prove")
    person.proves_with("facebook")
    person.opens("/account")
    person.posts("/account/sessions/end-all")
    person.comes_with("facebook")
    person.signs_out()
    person.keeps("__Host-portal_session", "A" * 22 + "." + "B" * 43)
    person.opens("/account")
    assert {known for known in KNOWN for header in person.headers if header.startswith(f"__Host-{known}")} == KNOWN
    assert_flagged(person.headers, prefix="__Host-", secure=True)


def test_flask_s_own_cookie_would_be_noticed(app: Flask) -> None:
    """The negative control: as Flask and Flask-Login set theirs."""
    for careless in (
        "portal_session=x; Path=/; HttpOnly",
        "portal_session=x; Path=/; SameSite=Lax",
        "remember_token=ada|digest; Path=/; HttpOnly; SameSite=Lax",
        "portal_session=x; Domain=example.com; Path=/; HttpOnly; SameSite=Lax",
        f"portal_session={'x' * LARGEST}; Path=/; HttpOnly; SameSite=Lax",
    ):
        with pytest.raises((AssertionError, KeyError)):
            assert_flagged([careless], prefix="", secure=False)


@pytest.mark.parametrize("secure", [False, True])
def test_the_longest_flow_there_can_be_fits(app: Flask, secure: bool) -> None:
    """Whatever is in it: a long issuer, the longest `next`, somebody signed in, something that waits."""
    flows = Flows(["k" * 32], prefix="__Host-" if secure else "", secure=secure)
    with app.test_request_context():
        flow = flows.begin(
            {},
            purpose="sign-in",
            provider="p" * 32,
            issuer="https://" + "i" * 92,
            next="/" + "n" * (LONGEST_NEXT - 1),
            user_id="u" * 22,
            epoch=10**9,
            pending="p" * 43,
            shared=True,
        )
        response = app.process_response(Response())
    (header,) = [each for each in response.headers.getlist("Set-Cookie") if "portal_flow_" in each]
    name, value, _ = flags(header)
    assert len(name) + len(value) <= LARGEST
    assert flows.get({name: value}, flow.state) == flow
