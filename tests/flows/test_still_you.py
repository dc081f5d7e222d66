"""Whichever button somebody presses, they end up in their one account; nobody gets a second one without saying so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations, product

import pytest

from portal import create_app
from portal.config import Config
from portal.errors import Outcome
from portal.linking import Policy
from portal.models import OAuth, Pending, Session, User
from portal.pending import LIFETIME
from portal.storage import Store, Update
from tests.flows.conftest import MakeApp, Rows, Wait, count_rows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

People = Callable[[], Person]
ADDRESSES = {"other address": "ada", "same address": "grace"}
JOURNEYS = [
    (*pair, address, browser)
    for pair, address, browser in product(permutations(PROVIDERS, 2), ADDRESSES, ("same browser", "fresh browser"))
]
NOTHING_COULD_TELL = {  # a second account is made at once, and the account page offers to add the other way in
    ("google", "github", "other address", "fresh browser"),
    ("github", "google", "other address", "fresh browser"),
    ("facebook", "google", "other address", "fresh browser"),
    ("facebook", "github", "other address", "fresh browser"),
}
ASKED = [journey for journey in JOURNEYS if journey not in NOTHING_COULD_TELL]


def comes_back(
    people: People, first: str, second: str, address: str, browser: str, *, next: str = "/"
) -> tuple[Person, str | None]:
    """Somebody who signed up with one provider, and presses another's button: at the answer to their callback."""
    person = people()
    person.signs_in_with(first, ADDRESSES[address])
    user_id = person.user_id
    person.signs_out()
    if browser == "fresh browser":
        person = people()
    person.pressed = 0
    person.comes_with(second, ADDRESSES[address], next=next)
    return person, user_id


def is_asked(person: Person) -> bool:
    assert person.page is not None
    return person.is_asked(person.page)


def reads(person: Person) -> None:
    """Follows the portal's answer to the page that asks."""
    assert person.page is not None
    person.opens(person.page.location.partition("#")[0])
    assert person.sees.heading == "New here?"


def identities(store: Store) -> set[tuple[str, str]]:
    return {(oauth.entry, oauth.user_id) for oauth in store.scan(OAuth)}


# No second account by accident.


@pytest.mark.parametrize("journey", JOURNEYS, ids=" ".join)
def test_no_second_account_without_a_press_on_create_my_account(
    people: People, rows: Rows, journey: tuple[str, str, str, str]
) -> None:
    person, _ = comes_back(people, *journey)
    if journey in NOTHING_COULD_TELL:
        assert not is_asked(person)
        assert rows()["User"] == 2
        assert "Add a second way in" in (person.account or "")
        return
    reads(person)
    assert (rows()["User"], rows()["OAuth"], person.user_id) == (1, 1, None)
    assert person.posts("/welcome").status_code == 303
    assert (rows()["User"], rows()["OAuth"]) == (2, 2), "with the press there is"


@pytest.mark.parametrize("journey", ASKED, ids=" ".join)
def test_the_old_way_in_adds_the_new_one_and_finishes_by_itself(
    people: People, store: Store, journey: tuple[str, str, str, str]
) -> None:
    """And it takes no more than three presses in the portal, from the sign-in page on."""
    first, second, address, _ = journey
    person, user_id = comes_back(people, *journey, next="/account")
    reads(person)
    answer = person.claims_with(first, ADDRESSES[address])
    assert (answer.status_code, answer.location.partition("#")[0]) == (303, "/account")
    assert person.pressed <= 3
    assert person.user_id == user_id
    assert identities(store) == {(first, user_id), (second, user_id)}
    assert store.scan(Pending) == []
    title = person.app.extensions["portal"].providers[second].title
    assert f"{title} was added." in person.opens("/account").text
    person.signs_out()
    person.signs_in_with(second, ADDRESSES[address])
    assert person.user_id == user_id


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_first_visit_is_asked_only_where_addresses_are_never_verified(
    person: Person, provider: str, rows: Rows
) -> None:
    person.comes_with(provider)
    assert is_asked(person) == (provider == "facebook")
    assert rows()["User"] == (0 if provider == "facebook" else 1)


def test_where_one_wanted_to_go_is_kept_for_the_new_account_too(person: Person) -> None:
    person.comes_with("facebook", next="/account")
    reads(person)
    assert person.posts("/welcome").location == "/account"


def test_the_notice_is_shown_where_one_ends(people: People) -> None:
    person, _ = comes_back(people, "google", "github", "same address", "same browser")
    reads(person)
    assert person.claims_with("google", "grace").location == "/"
    assert "GitHub was added." in person.opens("/").text
    assert "GitHub was added." not in person.opens("/").text


# The page tells nobody anything.


def test_the_page_is_the_same_whether_the_address_is_known_or_not(make_app: MakeApp, environ: dict[str, str]) -> None:
    shown = []
    for known in (True, False):
        app = make_app(PORTAL_STORE=environ["PORTAL_STORE"].replace("portal.db", f"{known}.db"))
        if known:
            Person(app).signs_in_with("google", "grace")
        person = Person(app)
        person.keeps("portal_last", "facebook")
        person.comes_with("github", "grace")
        reads(person)
        assert person.page is not None
        shown.append(
            (
                re.sub(r'name="csrf_token" value="[^"]+"', "", person.page.text),
                [header for header in person.page.headers if header[0] not in {"Set-Cookie", "Content-Length"}],
            )
        )
    assert shown[0] == shown[1]


def test_the_page_names_the_identity_and_offers_the_other_buttons(person: Person) -> None:
    person.comes_with("facebook", "grace")
    reads(person)
    assert person.page is not None
    for said in ("Facebook", "Grace Hopper", "grace@example.com", "ending in 1906"):
        assert said in person.page.text
    assert [form.action for form in person.sees.forms] == ["/welcome", "/login/google", "/login/github"]


def test_reading_the_page_changes_nothing(person: Person, rows: Rows) -> None:
    person.comes_with("facebook")
    before = rows()
    for _ in range(3):
        person.opens("/welcome")
    assert rows() == before
    assert person.posts("/welcome").status_code == 303


# What waits: this browser's only, ten minutes, one use (T03).


def test_a_way_in_that_is_unknown_too_leads_to_the_page_again_and_links_nothing(people: People, rows: Rows) -> None:
    """Even where its address is verified and unknown: who says "been here before" is not new."""
    for way in ("google", "github"):
        person = people()
        person.comes_with("facebook")
        reads(person)
        before = rows()
        person.claims_with(way)
        assert is_asked(person)
        reads(person)
        assert rows() == before
        assert person.user_id is None


def test_a_way_in_of_who_is_suspended_adds_nothing(people: People, rows: Rows, store: Store) -> None:
    person, _ = comes_back(people, "google", "facebook", "same address", "fresh browser")
    (user,) = store.scan(User)
    store.commit(Update(replace(user, status="suspended")))
    reads(person)
    before = rows()
    person.claims_with("google", "grace")
    assert_stops(person, Outcome.SUSPENDED, "google")
    assert (rows(), person.user_id) == (before, None)


def _is_told_that_nothing_was_added(person: Person, store: Store, user_id: str | None) -> None:
    assert person.user_id == user_id
    assert identities(store) == {("google", user_id)}
    assert "nothing was added" in person.opens("/account").text
    assert "nothing was added" not in person.opens("/account").text


@pytest.mark.parametrize("late", [LIFETIME, LIFETIME + timedelta(minutes=3)])
def test_what_waited_too_long_is_not_added(people: People, store: Store, wait: Wait, late: timedelta) -> None:
    person, user_id = comes_back(people, "google", "facebook", "same address", "fresh browser")
    reads(person)
    callback = person.consents(person.posts("/login/google").location, "grace")
    wait(late)
    person.returns(callback)
    _is_told_that_nothing_was_added(person, store, user_id)


def test_what_this_browser_no_longer_holds_is_not_added(people: People, store: Store) -> None:
    """Its cookie lives no longer than what waits."""
    person, user_id = comes_back(people, "google", "facebook", "same address", "fresh browser")
    reads(person)
    callback = person.consents(person.posts("/login/google").location, "grace")
    person.browser.delete_cookie("portal_waiting", domain="localhost")
    person.returns(callback)
    _is_told_that_nothing_was_added(person, store, user_id)


def test_what_waits_for_another_browser_is_not_added(people: People, store: Store) -> None:
    """An attacker's identity, planted between the press and the return, is not the one that the flow was begun for."""
    person, user_id = comes_back(people, "google", "facebook", "same address", "fresh browser")
    reads(person)
    callback = person.consents(person.posts("/login/google").location, "grace")
    attacker = people()
    attacker.comes_with("facebook", "ada")
    person.keeps("portal_waiting", attacker.cookies["portal_waiting"])
    person.returns(callback)
    _is_told_that_nothing_was_added(person, store, user_id)


def test_what_found_its_owner_meanwhile_is_not_added(people: People, store: Store) -> None:
    person, user_id = comes_back(people, "google", "facebook", "same address", "fresh browser")
    reads(person)
    people().signs_in_with("facebook", "grace")
    person.claims_with("google", "grace")
    assert person.user_id == user_id
    assert {entry for entry, owner in identities(store) if owner == user_id} == {"google"}
    assert "nothing was added" in person.opens("/account").text


def test_what_waits_is_used_once(people: People, store: Store, rows: Rows) -> None:
    """A copy of the cookie, kept from before, opens nothing afterwards."""
    person = people()
    person.comes_with("facebook")
    reads(person)
    thief = people()
    thief.copies(person)
    thief.opens("/welcome")
    form = thief.sees.form("/welcome")
    person.posts("/welcome")
    before = rows()
    thief.submits(form)
    page = assert_stops(thief, Outcome.WAITED_TOO_LONG)
    assert page.form("/login/google")
    assert (rows(), thief.user_id) == (before, None)
    assert store.scan(Pending) == []


def test_without_the_cookie_or_in_another_browser_nothing_waits(people: People, rows: Rows) -> None:
    person, other = people(), people()
    person.comes_with("facebook")
    for secret in ("", "x" * 43, "ä", "x" * 4000):
        if secret:
            other.keeps("portal_waiting", secret)
        other.opens("/welcome?next=/account")
        page = assert_stops(other, Outcome.WAITED_TOO_LONG)
        assert page.form("/login/github").fields["next"] == "/account"
    assert rows()["User"] == 0


def test_what_waits_for_a_yes_to_a_link_makes_no_account(people: People, rows: Rows) -> None:
    """The two questions don't answer each other."""
    person = people()
    person.signs_in_with("google")
    person.links("github")
    other = people()
    other.keeps("portal_waiting", person.cookies["portal_waiting"])
    other.opens("/welcome")
    assert_stops(other, Outcome.WAITED_TOO_LONG)
    newcomer = people()
    newcomer.comes_with("facebook")
    person.keeps("portal_waiting", newcomer.cookies["portal_waiting"])
    before = rows()
    person.opens("/account/add")
    assert_stops(person, Outcome.WAITED_TOO_LONG)
    assert rows() == before


def test_a_press_after_ten_minutes_makes_nobody(person: Person, rows: Rows, wait: Wait) -> None:
    person.comes_with("facebook")
    reads(person)
    wait(LIFETIME)
    person.posts("/welcome")
    assert_stops(person, Outcome.WAITED_TOO_LONG)
    assert rows()["User"] == 0


def test_a_press_from_another_site_makes_nobody(person: Person, rows: Rows) -> None:
    person.comes_with("facebook")
    reads(person)
    fields = person.sees.form("/welcome").fields
    person.sends("/welcome", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert_stops(person, Outcome.CROSS_SITE)
    person.sends("/welcome", data=fields | {"csrf_token": ""})
    assert_stops(person, Outcome.FORM_EXPIRED)
    assert rows()["User"] == 0


def test_who_goes_back_or_presses_twice_is_signed_in_and_goes_on(person: Person, rows: Rows) -> None:
    person.comes_with("facebook", next="/account")
    reads(person)
    form = person.sees.form("/welcome")
    person.posts("/welcome")
    before, user_id = rows(), person.user_id
    assert person.opens("/welcome?next=/account").location == "/account"
    person.opens("/account")
    form.fields["csrf_token"] = person.sees.form("/logout").fields["csrf_token"]
    assert person.submits(form).location == "/account"
    assert (rows(), person.user_id) == (before, user_id)


def test_two_presses_at_once_make_one_account(people: People, rows: Rows, store: Store) -> None:
    """The second was read before the first wrote: it finds the identity owned, and signs in."""
    person, twin = people(), people()
    person.comes_with("facebook")
    reads(person)
    twin.copies(person)
    twin.opens("/welcome")
    look, form = store.look_up, twin.sees.form("/welcome")
    reads_of_what_waits = []

    def after_the_first(*keys: object) -> object:
        found = look(*keys)
        if len(keys) == 1:
            reads_of_what_waits.append(keys)
            if len(reads_of_what_waits) == 2:  # by the page, and by what makes the account
                person.posts("/welcome")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "look_up", after_the_first)
        assert twin.submits(form).status_code == 303
    assert len(reads_of_what_waits) > 2
    assert (rows()["User"], rows()["OAuth"]) == (1, 1)
    assert twin.user_id == person.user_id
    assert len(store.scan(Session)) == 2


# The admin's choice.


@pytest.fixture
def under(config: Config) -> Iterator[Callable[[Policy], tuple[People, Store]]]:
    """People in front of a portal with this policy."""
    made = []

    def make(policy: Policy) -> tuple[People, Store]:
        app = create_app(replace(config, same_email=policy))
        made.append(app.extensions["portal"].store)
        return lambda: Person(app), made[-1]

    yield make
    for store in made:
        store.close()


@pytest.mark.parametrize("second", ["github", "facebook"])
def test_with_separate_nobody_is_asked(under: Callable[[Policy], tuple[People, Store]], second: str) -> None:
    people, store = under(Policy.SEPARATE)
    person, user_id = comes_back(people, "google", second, "same address", "same browser")
    assert not is_asked(person)
    assert person.user_id
    assert person.user_id != user_id
    assert count_rows(store)["User"] == 2


@pytest.mark.parametrize(("policy", "joined"), [(Policy.LINK, True), (Policy.ASK, False)])
def test_with_link_a_provider_that_runs_the_domain_opens_the_account_of_its_address(
    under: Callable[[Policy], tuple[People, Store]], policy: Policy, joined: bool
) -> None:
    people, store = under(policy)
    before, after = people(), people()
    before.signs_in_with("github", "own", name="Kate", subject="4711", email="katherine@workspace.test", verified="yes")
    after.comes_with("google", "katherine")
    assert is_asked(after) != joined
    assert (after.user_id == before.user_id) == joined
    assert {entry for entry, _ in identities(store)} == ({"google", "github"} if joined else {"github"})
    assert (before.account is None) == joined, "who was signed in before it was added is asked again (T35)"


@pytest.mark.parametrize("second", ["github", "facebook"])
def test_with_link_who_does_not_run_the_domain_is_asked_all_the_same(
    under: Callable[[Policy], tuple[People, Store]], second: str
) -> None:
    people, store = under(Policy.LINK)
    person, user_id = comes_back(people, "google", second, "same address", "fresh browser")
    assert is_asked(person)
    assert identities(store) == {("google", user_id)}


def test_with_link_a_suspended_account_is_not_joined(under: Callable[[Policy], tuple[People, Store]]) -> None:
    people, store = under(Policy.LINK)
    people().signs_in_with(
        "github", "own", name="Kate", subject="4711", email="katherine@workspace.test", verified="yes"
    )
    (user,) = store.scan(User)
    store.commit(Update(replace(user, status="suspended")))
    person = people()
    person.comes_with("google", "katherine")
    assert is_asked(person)
    assert {entry for entry, _ in identities(store)} == {"github"}
