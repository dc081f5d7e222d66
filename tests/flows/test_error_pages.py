"""A request that ends badly: one number on the page and in the log, one step for the person, one hint for the admin."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask

from portal.advice import ADVICE
from portal.config import ConfigError, load_config
from portal.errors import Outcome, Stop, StoreError
from portal.logs.incidents import ALPHABET, InRequest
from portal.logs.lines import JsonLines, TextLines
from portal.logs.setup import _Lines
from tests.config.setups import PRODUCTION
from tests.flows.stops import assert_stops
from tests.person import Person

ON_CLOUD_RUN = {"K_SERVICE": "portal", "GOOGLE_CLOUD_PROJECT": "my-project", "PORTAL_STORE": "datastore://my-project"}
NUMBER = re.compile(rf"\b[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}\b")


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """The portal's records so far, with what our handler adds to them."""
    caplog.handler.addFilter(InRequest())
    caplog.set_level(logging.DEBUG)
    yield lambda: [record for record in caplog.records if record.name == "portal"]
    caplog.handler.filters.clear()


def number_on(person: Person) -> str:
    """The number that the open page shows, as somebody would read it out."""
    assert person.page is not None
    (number,) = NUMBER.findall(person.page.text)
    return number


def ends(app: Flask, *errors: BaseException) -> None:
    """Has each opening of the front page end on the next of these."""
    waiting = list(errors)

    def end() -> None:
        raise waiting.pop(0)

    app.view_functions["portal.home"] = end


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.code)
def test_the_number_on_the_page_is_in_the_log_beside_code_and_advice(app, person, records, outcome):
    ends(app, Stop(outcome, provider="github", detail="why"))
    person.opens("/")
    (record,) = records()
    assert NUMBER.fullmatch(record.incident)
    assert record.incident == number_on(person)
    assert record.incident in record.getMessage()
    assert (record.outcome, record.status, record.provider) == (outcome.code, outcome.status, "github")
    assert record.advice == ADVICE[outcome]


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.code)
def test_the_page_has_one_next_step(app, person, outcome):
    """One button that stands out, or the choice of providers."""
    ends(app, Stop(outcome, provider="github"))
    text = person.opens("/").text.partition("<main")[2]
    starts = ("/login/", "/account/link/", "/account/prove/")
    buttons = {"provider" for form in person.sees.forms if form.action.startswith(starts)}
    assert len(re.findall(r'class="primary', text)) + len(buttons) == 1


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/nowhere", "GET", 404), ("/logout", "GET", 405), ("/login/github", "POST", 400)]
)
def test_pages_of_4xx_have_a_number_too(person, records, path, method, status):
    assert person.sends(path, method=method).status_code == status
    assert records()[-1].incident == number_on(person)


def test_a_strange_host_is_told_a_number_too(person, records):
    answer = person.opens("/", base_url="http://evil.example")
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    (record,) = records()
    assert record.incident == number_on(person)
    assert record.incident in record.getMessage()


def test_every_request_has_a_number_of_its_own(app, person):
    ends(app, *(Stop(Outcome.DENIED) for _ in range(50)))
    numbers = []
    for _ in range(50):
        person.opens("/")
        numbers.append(number_on(person))
    assert len(set(numbers)) == 50


def test_probes_and_pages_that_go_well_have_none(person, records):
    for path in ("/healthz", "/readyz", "/", "/login"):
        assert not NUMBER.search(person.opens(path).text)
    assert not [record for record in records() if hasattr(record, "incident")]


def test_a_bug_s_traceback_has_the_number_of_its_page(app, person, records):
    ends(app, RuntimeError("boom"))
    person.opens("/")
    assert_stops(person, Outcome.BROKEN)
    traceback, stopped = records()
    assert traceback.exc_info[0] is RuntimeError
    assert traceback.incident == stopped.incident == number_on(person)
    assert stopped.levelname == "ERROR"
    assert number_on(person) in TextLines().format(traceback)


@pytest.mark.parametrize(
    ("outcome", "level"),
    [(Outcome.NOT_FOUND, "INFO"), (Outcome.WRONG_METHOD, "INFO"), (Outcome.DENIED, "WARNING"),
     (Outcome.LINK_SPENT, "WARNING"), (Outcome.PROVIDER_REFUSED, "ERROR"), (Outcome.STORE_DOWN, "ERROR")],
)  # fmt: skip
def test_what_an_admin_must_look_at_is_an_error_and_what_strangers_mistype_is_none(
    app, person, records, outcome, level
):
    ends(app, Stop(outcome))
    person.opens("/")
    assert [record.levelname for record in records()] == [level]


def test_a_store_that_is_down_has_a_number_and_is_asked_nothing(app, person, records):
    ends(app, StoreError("out of reach"))
    person.opens("/")
    assert_stops(person, Outcome.STORE_DOWN)
    (record,) = records()
    assert record.incident == number_on(person)
    assert "StoreError: out of reach" in record.getMessage()


def test_a_form_s_address_opened_like_a_page_is_not_the_person_s_fault(person):
    person.opens("/logout")
    assert_stops(person, Outcome.WRONG_METHOD)


def test_what_the_server_library_refuses_is_a_page_of_ours(person):
    """A part of a file that lies behind its end."""
    person.opens("/login")
    (stylesheet,) = [address for address in person.sees.addresses if "portal.css" in address]
    person.opens(stylesheet, headers={"Range": "bytes=9999999-"})
    assert_stops(person, Outcome.BAD_REQUEST)


def test_a_sign_in_that_was_granted_too_little_says_so(person, sandbox):
    """No provider lets people untick `openid`, yet the protocol does: here the stand-in keeps it back."""
    (google,) = [each for each in sandbox.app.extensions["sandbox"].standins if each.name == "google"]
    kept = google.email_scopes
    object.__setattr__(google, "email_scopes", frozenset({"openid"}))  # it is frozen
    try:
        person.comes_with("google", trouble="scope_reduced")
    finally:
        object.__setattr__(google, "email_scopes", kept)
    assert_stops(person, Outcome.SCOPE_MISSING, "google")


def test_our_handler_writes_a_request_s_number_where_the_message_has_none(app):
    stream = io.StringIO()
    handler = _Lines(stream)
    handler.setFormatter(TextLines())
    with app.test_request_context():
        for _ in range(2):
            handler.handle(logging.LogRecord("portal", logging.WARNING, "f", 1, "something", (), None))
    first, second = stream.getvalue().splitlines()
    assert NUMBER.findall(first) == NUMBER.findall(second) != []


def test_a_line_of_a_request_names_the_request_s_trace(app):
    stream = io.StringIO()
    handler = _Lines(stream)
    handler.setFormatter(JsonLines("my-project"))
    trace = "105445aa7843bc8bf206b12000100000"
    with app.test_request_context(headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}):
        handler.handle(logging.LogRecord("portal", logging.INFO, "f", 1, "something", (), None))
    handler.handle(logging.LogRecord("portal", logging.INFO, "f", 1, "outside", (), None))
    within, outside = map(json.loads, stream.getvalue().splitlines())
    assert within["logging.googleapis.com/trace"] == f"projects/my-project/traces/{trace}"
    assert "incident" not in within
    assert not [key for key in outside if "trace" in key]


@pytest.mark.parametrize(
    ("environ", "log", "project"),
    [
        ({}, "text", None),
        ({"GOOGLE_CLOUD_PROJECT": "my-project"}, "text", None),  # anybody's header would be believed
        (PRODUCTION, "json", None),
        (PRODUCTION | {"PORTAL_LOG": "Text"}, "text", None),
        ({"PORTAL_LOG": "json"}, "json", None),
        (PRODUCTION | ON_CLOUD_RUN, "json", "my-project"),
    ],
)
def test_the_form_of_the_log_goes_by_production_and_the_setting(tmp_path, environ, log, project):
    config = load_config(environ=environ, cwd=tmp_path)
    assert (config.log, config.project) == (log, project)


@pytest.mark.parametrize("written", ["xml", "1"])
def test_another_form_is_a_problem_with_a_sentence(tmp_path, written):
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"PORTAL_LOG": written}, cwd=tmp_path)
    (problem,) = caught.value.problems
    assert (problem.setting, problem.write) == ("log", '"json" or "text"')
