"""Wherever a page says "use another account", a button asks the provider which one (T51, T65)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from portal.errors import Outcome
from tests.flows.conftest import Rows
from tests.flows.stops import assert_stops
from tests.person import Person

People = Callable[[], Person]
ASKS = {
    "google": ("prompt", "select_account"),
    "github": ("prompt", "select_account"),
    "facebook": ("auth_type", "reauthenticate"),
}


def asks_which(location: str) -> bool:
    """Whether this address of a provider has it ask which account is meant."""
    query = parse_qs(urlsplit(location).query)
    return any(query.get(name) == [value] for name, value in ASKS.values())


def test_the_button_for_another_account_has_the_provider_ask(people: People) -> None:
    for provider, (name, value) in ASKS.items():
        person = people()
        assert not asks_which(person.starts(provider)), "the usual one doesn't: it would be a page more each time"
        person.opens("/login?another=1&next=/account")
        assert "Use another" in person.sees.form(f"/login/{provider}").button
        location = person.posts(f"/login/{provider}").location
        assert parse_qs(urlsplit(location).query)[name] == [value]
        assert person.arrives_on(person.consents(location)) == "/account"


def test_what_the_field_says_goes_nowhere(person: Person) -> None:
    """It is a yes; what the provider is asked is the provider's own (T18)."""
    evil = {"another": "none&prompt=consent", "prompt": "none", "max_age": "9", "login_hint": "eve@evil.test"}
    for provider, (name, value) in ASKS.items():
        person.opens(f"/login/{provider}")
        query = parse_qs(urlsplit(person.posts(f"/login/{provider}", **evil).location).query)
        assert query.pop(name) == [value]
        assert not {"auth_type", *evil} & query.keys()


def test_the_way_there_and_back_keeps_where_one_wanted_to_go(person: Person) -> None:
    for path, leads_to in {"/login": "/", "/login/github": "/", "/login?next=/account": "/account"}.items():
        person.opens(path)
        (there,) = (link for link in person.sees.links if "another=1" in link)
        person.opens(there)
        assert person.sees.heading == "Use another account"
        assert {form.fields.get("next", "/") for form in person.sees.forms} == {leads_to}
        (back,) = person.sees.links
        person.opens(back)
        assert {form.fields.get("next", "/") for form in person.sees.forms} == {leads_to}


def test_who_signed_out_is_offered_it_too(person: Person) -> None:
    """T65: on a shared computer the last one is still signed in there."""
    person.signs_in_with("google")
    person.signs_out()
    person.opens("/")
    assert "/login?another=1" in person.sees.links
    person.opens("/login?another=1")
    assert asks_which(person.posts("/login/google").location)


def test_who_is_asked_whether_they_are_new_may_say_that_it_was_the_wrong_account(person: Person, rows: Rows) -> None:
    person.opens(person.comes_with("facebook", next="/account").location.partition("#")[0])
    assert "/login?next=/account&another=1" in person.sees.links
    person.opens("/login?next=/account&another=1")
    location = person.posts("/login/facebook").location
    assert asks_which(location)
    person.arrives_on(person.consents(location, "grace"))
    assert "Grace" in (person.account or "")
    assert rows()["User"] == 1, "and the wrong one made nobody"


# While signed in.


def test_the_page_before_an_identity_is_added_offers_another_one(person: Person) -> None:
    """T51: the browser was somebody else's there."""
    person.signs_in_with("google")
    person.opens(person.links("github", "grace").location)
    assert "Grace" in person.page.text  # type: ignore[union-attr]
    location = person.posts("/account/link/github").location
    assert asks_which(location)
    person.returns(person.consents(location, "ada"))
    person.confirms()
    page = person.opens("/account")
    assert "GitHub was added" in page.text
    assert "grace" not in page.text.lower()


def test_who_adds_what_is_theirs_already_can_choose_another(person: Person, rows: Rows) -> None:
    person.signs_in_with("google")
    person.links("google")
    assert_stops(person, Outcome.ALREADY_YOURS, "google")
    location = person.posts("/account/link/google").location
    assert asks_which(location)
    person.returns(person.consents(location, "grace"))
    person.confirms()
    assert (rows()["User"], rows()["OAuth"]) == (1, 2)


def test_who_adds_what_is_another_s_can_choose_another(people: People, rows: Rows) -> None:
    people().signs_in_with("github", "grace")
    person = people()
    person.signs_in_with("google")
    person.links("github", "grace")
    assert_stops(person, Outcome.ANOTHERS, "github")
    location = person.posts("/account/link/github").location
    assert asks_which(location)
    person.returns(person.consents(location, "ada"))
    person.confirms()
    assert (rows()["User"], rows()["OAuth"]) == (2, 3)


def test_who_proved_to_be_somebody_else_can_choose_another(person: Person) -> None:
    person.signs_in_with("google")
    person.opens("/account/prove?next=/account/delete")
    person.proves_with("google", "grace")
    page = assert_stops(person, Outcome.NOT_YOURS, "google")
    assert page.form("/account/prove/google").button == "Use another Google account"
    location = person.posts("/account/prove/google").location
    assert asks_which(location)
    assert person.ends_on(person.consents(location, "ada")) == "/account/delete"


def test_a_recovery_link_always_asks_which_account(app: Flask, person: Person) -> None:
    """What opens the account from now on is to be chosen, not taken from whoever used this browser last."""
    person.signs_in_with("google")
    app.extensions["portal"].accounts.membership.make_recovery(person.user_id, "secret")
    person.signs_out()
    person.opens("/recover?code=secret")
    assert asks_which(person.posts("/recover/github").location)


def test_where_nobody_is_signed_in_no_page_of_a_link_offers_a_button_to_link(person: Person) -> None:
    """A sign-in that stops says nothing of another account where that would not help."""
    person.signs_in_with("github", "deny")
    page = assert_stops(person, Outcome.DENIED, "github")
    assert not [form for form in page.forms if "another" in form.fields]
