"""What holds of every page that a request can stop on: the right words and status, and a next step."""

from __future__ import annotations

from flask import Flask

from portal.errors import Outcome
from tests.pages import Page
from tests.person import Person


def assert_stops(person: Person, outcome: Outcome, provider: str | None = None) -> Page:
    """The open page is this outcome's, and says what to do next."""
    answer, page = person.page, person.sees
    assert answer is not None
    assert (answer.status_code, page.heading) == (outcome.status, heading_of(person.app, outcome, provider))
    assert ("Retry-After" in answer.headers) == (outcome.status == 503)
    assert page.steps, "a page without a next step"
    return page


def heading_of(app: Flask, outcome: Outcome, provider: str | None) -> str:
    """The heading that the templates have for an outcome."""
    here = app.extensions["portal"]
    words = app.jinja_env.get_template("portal/_outcomes.html").make_module(
        {"provider": here.providers.get(provider) or here.ways.off.get(provider)}
    )
    return str(words.words[outcome.code][0])  # type: ignore[attr-defined]
