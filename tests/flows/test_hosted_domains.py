"""`hosted_domains`: who is let in goes by what Google says of the account, and by no address (T18, T33)."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask

from portal.errors import Outcome
from providers.sandbox.choice import HEADER
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.person import Person

LET_IN = "workspace.test"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A portal for one Workspace, and anybody at GitHub."""
    return make_app(PORTAL_PROVIDERS__GOOGLE__HOSTED_DOMAINS=LET_IN)


def comes_as(person: Person, location: str, **who: object) -> None:
    """Arrives as a Google account of any kind."""
    headers = {HEADER: json.dumps({"subject": "110000000000000004711", "name": "Kate", **who})}
    answer = requests.get(location, headers=headers, allow_redirects=False, timeout=10)
    person.returns(answer.headers["Location"])


def test_who_belongs_to_the_workspace_signs_in(person: Person) -> None:
    person.signs_in_with("google", "katherine", next="/account")
    assert person.user_id


def test_google_s_picker_is_told_which_accounts_to_offer(person: Person) -> None:
    assert parse_qs(urlsplit(person.starts("google")).query)["hd"] == [LET_IN]


@pytest.mark.parametrize(
    "who",
    [
        {"email": "kate@gmail.com", "verified": True},
        {"email": f"kate@{LET_IN}", "verified": True},  # any Google account may carry any address
        {"email": "kate@other.test", "verified": True, "hd": "other.test"},
        {"email": f"kate@{LET_IN}", "verified": True, "hd": f"evil-{LET_IN}"},
        {"email": f"kate@{LET_IN}", "verified": True, "hd": f"{LET_IN}.evil.test"},
        {"email": f"kate@{LET_IN}", "verified": True, "hd": ""},
    ],
    ids=["gmail", "the address alone", "another workspace", "more in front", "more behind", "empty"],
)
def test_who_does_not_reads_who_is_let_in(person: Person, rows: Rows, who: dict[str, object]) -> None:
    before = rows()
    location = person.starts("google", next="/account")
    comes_as(person, location.replace(f"hd={LET_IN}", ""), **who)  # the address bar is everybody's
    page = assert_stops(person, Outcome.NOT_LET_IN, "google")
    assert person.page is not None
    assert f"accounts of {LET_IN}" in person.page.text
    form = page.form("/login/google")
    assert (form.button, form.fields["next"], form.fields["another"]) == ("Use another Google account", "/account", "1")
    assert "/login?next=/account" in page.links, "or another way"
    assert (rows(), person.user_id) == (before, None)
    again = person.submits(form).location
    assert parse_qs(urlsplit(again).query)["prompt"] == ["select_account"]
    assert person.ends_on(person.consents(again, "katherine")) == "/account"


def test_without_the_setting_the_same_person_signs_in(make_app: MakeApp) -> None:
    """The negative control."""
    person = Person(make_app())
    comes_as(person, person.starts("google"), email="kate@gmail.com", verified=True)
    assert person.user_id


def test_it_holds_for_who_is_signed_in_and_wants_to_add_one(person: Person, rows: Rows) -> None:
    person.signs_in_with("github")
    before, user_id = rows(), person.user_id
    comes_as(person, person.sets_out_to_link("google"), email="kate@gmail.com", verified=True)
    page = assert_stops(person, Outcome.NOT_LET_IN, "google")
    assert page.form("/account/link/google").button == "Use another Google account"
    assert "/account" in page.links
    assert (rows(), person.user_id) == (before, user_id)


def test_several_are_all_named(make_app: MakeApp) -> None:
    person = Person(make_app(PORTAL_PROVIDERS__GOOGLE__HOSTED_DOMAINS="one.test, two.test"))
    comes_as(person, person.starts("google"), email="kate@gmail.com", verified=True)
    assert person.page is not None
    assert "accounts of one.test or two.test" in person.page.text
