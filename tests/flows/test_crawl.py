"""Only a press on one of our own pages changes anything: every address is asked by every other way, and the whole store
compared (T02, T53, T107)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.models import Session, User
from portal.storage import Update
from tests.flows.conftest import MakeApp, Wait
from tests.flows.crawl import HARMLESS, Crawl, dump
from tests.person import PROVIDERS, Person

HEADERS = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


def fields_of(person: Person, **more: str) -> dict[str, str]:
    """What a form of the page that is open would send, and whatever any other form would."""
    (token,) = {form.fields["csrf_token"] for form in person.sees.forms}
    return {"csrf_token": token, "next": "/account", "name": "Crawled", "others": "1", "claim": "1"} | more


def stranger(person: Person) -> Crawl:
    """Somebody on the sign-in page, who has been to each provider and not come back yet."""
    callbacks = [person.consents(person.starts(provider)) for provider in PROVIDERS]
    person.opens("/login")
    return Crawl(
        person, fields_of(person), {f"/login/{p}/authorized": c for p, c in zip(PROVIDERS, callbacks, strict=True)}
    )


def newcomer(person: Person) -> Crawl:
    """Somebody who is asked whether they are new here."""
    person.opens(person.comes_with("facebook").location.partition("#")[0])
    return Crawl(person, fields_of(person))


def signed_in(person: Person) -> Crawl:
    """Somebody who has signed in just now, and is asked whether to add an identity."""
    person.signs_in_with("google")
    code = "a-recovery-code"
    person.app.extensions["portal"].accounts.membership.make_recovery(person.user_id, code)
    person.adds("github")
    person.links("facebook")
    callback = person.consents(person.sets_out_to_link("github"))
    person.opens("/account")
    identity = next(form.fields["identity"] for form in person.sees.forms if "identity" in form.fields)
    return Crawl(person, fields_of(person, identity=identity, code=code), {"/login/github/authorized": callback})


BROWSERS = (stranger, newcomer, signed_in)


def assert_harmless(crawl: Crawl) -> None:
    assert crawl.changed == []
    rules = {rule.rule for rule in crawl.person.app.url_map.iter_rules()}
    assert {rule for rule, _ in crawl.answers} == rules
    assert crawl.asked >= len(rules) * (len(HARMLESS) + 6)
    for rule, answer in crawl.answers:
        asked = f"{answer.request.method} {rule}: {answer.status}"
        assert answer.status_code < 500, asked
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, asked
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], asked
        given = [cookie for cookie in answer.headers.getlist("Set-Cookie") if "Max-Age=0" not in cookie]
        assert {cookie.partition("=")[0] for cookie in given} <= {"portal_form"}, asked  # the form token's, no other
        if answer.request.method not in {"GET", "HEAD", "OPTIONS", "POST"}:
            assert answer.status_code == 405, asked


@pytest.mark.parametrize("browser", [pytest.param(newcomer, marks=pytest.mark.full), signed_in])
def test_nothing_but_a_press_changes_anything(person: Person, browser: Callable[[Person], Crawl]) -> None:
    """T02, T107."""
    assert_harmless(browser(person).walk())


def test_and_what_was_left_alone_still_works(person: Person) -> None:
    """Or else it would prove nothing: the code was good, the token right, and the flow not spent by a HEAD."""
    crawl = stranger(person).walk()
    assert_harmless(crawl)
    assert person.returns(crawl.callbacks["/login/github/authorized"]).status_code == 303
    assert person.account
    person.opens("/account")
    assert person.sends("/account/name", data=fields_of(person)).status_code == 303
    assert "Crawled" in (person.account or "")


def test_of_a_session_only_when_it_was_seen_is_noted(person: Person, wait: Wait) -> None:
    crawl = signed_in(person)
    store = person.app.extensions["portal"].store
    wait(timedelta(minutes=20))
    seen, rows = store.scan(Session)[0].seen, dump(store)
    assert person.opens("/account").status_code == 200
    assert store.scan(Session)[0].seen > seen
    assert dump(store) == rows
    assert crawl.walk("/account", "/").changed == []


@pytest.mark.full
@pytest.mark.parametrize("browser", BROWSERS)
def test_nor_on_datastore(make_app: MakeApp, datastore_url: str, browser: Callable[[Person], Crawl]) -> None:
    assert_harmless(browser(Person(make_app(PORTAL_STORE=datastore_url))).walk())


# The negative controls: what the crawl has to catch.


def test_a_page_that_writes_when_it_is_read_would_be_found(app: Flask, person: Person) -> None:
    def planted() -> str:
        store = app.extensions["portal"].store
        for user in store.scan(User):
            store.commit(Update(replace(user, name=f"{user.name}!")))
        return "harmless"

    app.add_url_rule("/planted", "planted", planted)
    assert signed_in(person).walk("/", "/planted").changed == ["/planted"]


def test_a_method_that_a_header_turns_into_a_post_would_be_found(app: Flask, person: Person) -> None:
    """The middleware that is copied from page to page, before a check of the token alone."""
    inner = app.wsgi_app

    def overriding(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
        return inner(environ, start_response)

    app.wsgi_app = overriding  # type: ignore[method-assign]
    assert signed_in(person).walk("/account", "/account/name").changed == ["/account/name"]


def test_a_post_without_the_check_would_be_found(app: Flask, person: Person) -> None:
    app.before_request_funcs["portal"] = [
        check for check in app.before_request_funcs["portal"] if check.__name__ != "_check_post"
    ]
    assert signed_in(person).walk("/account/name").changed == ["/account/name"]
