"""A provider's `state`: on, off, link_only, hidden. Who has it keeps what it opens, as long as it is not off (T88)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.errors import Outcome
from portal.models import OAuth, User
from portal.storage import Store
from portal.ways import locked_out
from tests.flows.conftest import MakeApp, count_rows
from tests.flows.stops import assert_stops
from tests.flows.test_every_page import assert_well_made
from tests.person import PROVIDERS, Person

People = Callable[[], Person]
After = Callable[..., Person]


@pytest.fixture
def after(make_app: MakeApp, person: Person) -> After:
    """The same browser, once the admin has changed settings and started anew."""

    def make(browser: Person | None = person, **changes: str) -> Person:
        again = Person(make_app(**{f"PORTAL_{name}": value for name, value in changes.items()}))
        if browser is not None:
            again.copies(browser)
        return again

    return make


def buttons(person: Person, path: str = "/login") -> list[str]:
    """The providers that a page has a button for."""
    text = person.opens(path).text
    return [name for name in PROVIDERS if f'formaction="/login/{name}"' in text]


def store_of(person: Person) -> Store:
    store: Store = person.app.extensions["portal"].store
    return store


# Off.


@pytest.mark.parametrize("off", [{"ENABLED": "false"}, {"STATE": "off"}])
def test_off_has_no_button_and_a_page_for_whoever_comes_all_the_same(after: After, off: dict[str, str]) -> None:
    person = after(None, **{f"PROVIDERS__GITHUB__{name}": value for name, value in off.items()})
    assert buttons(person) == ["google", "facebook"]
    for path in ("/login/github", "/login/github/authorized?code=c&state=s", "/login/github/authorized"):
        person.opens(path)
        page = assert_stops(person, Outcome.PROVIDER_OFF, "github")
        assert page.heading == "GitHub is switched off here"
        assert_well_made(person)
    assert person.opens("/login/nobody").status_code == 404
    assert person.opens("/login/nobody/authorized").status_code == 404


@pytest.mark.full
def test_a_button_that_was_on_the_page_before_leads_to_the_page(person: Person, after: After) -> None:
    person.opens("/login?next=/account")
    form = next(form for form in person.sees.forms)
    later = after(PROVIDERS__GITHUB__STATE="off")
    later.sends("/login/github", data=form.fields, headers={"Sec-Fetch-Site": "same-origin"})
    page = assert_stops(later, Outcome.PROVIDER_OFF, "github")
    assert page.forms[0].fields["next"] == "/account"


def test_a_callback_in_flight_keeps_where_it_led_and_signs_nobody_in(person: Person, after: After) -> None:
    callback = person.consents(person.starts("github", next="/account"))
    later = after(PROVIDERS__GITHUB__STATE="off")
    later.returns(callback)
    page = assert_stops(later, Outcome.PROVIDER_OFF, "github")
    assert page.forms[0].fields["next"] == "/account"
    assert later.user_id is None
    assert count_rows(store_of(later))["User"] == 0


@pytest.mark.full
def test_one_that_was_to_be_added_leads_back_to_the_account(person: Person, after: After) -> None:
    person.signs_in_with("google")
    callback = person.consents(person.sets_out_to_link("github"))
    later = after(PROVIDERS__GITHUB__STATE="off")
    later.returns(callback)
    assert "/account" in assert_stops(later, Outcome.PROVIDER_OFF, "github").links
    assert later.user_id == person.user_id


def test_who_switches_off_what_they_came_by_stays_signed_in_and_reads_it(person: Person, after: After) -> None:
    person.signs_in_with("github")
    admin = after(PROVIDERS__GITHUB__STATE="off", CONTACT="help@example.com")
    text = admin.opens("/account").text
    for said in (
        "GitHub <span",
        "Switched off",
        "You came in with it, and stay signed in until this session ends",
        "You could not sign in again",
        'href="mailto:help@example.com"',
    ):
        assert said in text, said
    assert admin.opens("/account").status_code == 200
    again = after(None, PROVIDERS__GITHUB__STATE="off")
    again.opens("/login/github")
    assert_stops(again, Outcome.PROVIDER_OFF, "github")


def test_unlinking_still_works_and_never_takes_the_last_one_that_opens(person: Person, after: After) -> None:
    person.signs_in_with("google")
    person.adds("github")
    later = after(PROVIDERS__GITHUB__STATE="off")
    later.unlinks("Google")
    assert_stops(later, Outcome.LAST_WAY_IN)
    later.unlinks("GitHub")
    assert [oauth.entry for oauth in store_of(later).scan(OAuth)] == ["google"]
    assert "GitHub was removed." in later.opens("/account").text


@pytest.mark.full
def test_with_it_on_again_all_is_as_before(person: Person, after: After) -> None:
    person.signs_in_with("github")
    after(PROVIDERS__GITHUB__STATE="off")
    back = after(None)
    back.signs_in_with("github")
    assert back.user_id == person.user_id


# Link only.


def test_link_only_makes_no_account(after: After) -> None:
    person = after(None, PROVIDERS__GITHUB__STATE="link_only")
    assert "github" in buttons(person), "who has added it needs the button"
    person.comes_with("github")
    page = assert_stops(person, Outcome.LINK_ONLY, "github")
    assert_well_made(person)
    assert "/login/google" in [form.action for form in page.forms]
    assert count_rows(store_of(person)) == dict.fromkeys(count_rows(store_of(person)), 0)


def test_link_only_is_added_and_then_opens_the_account(after: After) -> None:
    person = after(None, PROVIDERS__GITHUB__STATE="link_only")
    person.signs_in_with("google")
    user_id = person.user_id
    person.adds("github")
    person.signs_out()
    person.signs_in_with("github")
    assert person.user_id == user_id


def test_a_provider_made_link_only_between_button_and_callback_makes_no_account(person: Person, after: After) -> None:
    """T105."""
    callback = person.consents(person.starts("github"))
    later = after(PROVIDERS__GITHUB__STATE="link_only")
    later.returns(callback)
    assert_stops(later, Outcome.LINK_ONLY, "github")
    assert count_rows(store_of(later))["User"] == 0


@pytest.mark.full
def test_nor_between_the_question_and_the_answer(person: Person, after: After) -> None:
    asked = person.comes_with("facebook")
    assert person.is_asked(asked)
    later = after(PROVIDERS__FACEBOOK__STATE="link_only")
    later.opens("/welcome")
    later.posts("/welcome")
    assert_stops(later, Outcome.LINK_ONLY, "facebook")
    assert count_rows(store_of(later))["User"] == 0


# Hidden.


def test_hidden_has_no_button_and_still_opens_what_it_opened(person: Person, after: After) -> None:
    person.signs_in_with("github")
    later = after(None, PROVIDERS__GITHUB__STATE="hidden")
    assert buttons(later) == ["google", "facebook"]
    assert buttons(later, "/login/github") == ["github"]
    assert "/login" in later.sees.links, "or another way"
    location = later.posts("/login/github").location
    later.returns(later.consents(location))
    assert later.user_id == person.user_id
    text = later.opens("/account").text
    assert "Without a button" in text
    assert 'href="/login/github"' in text
    assert 'formaction="/account/link/github"' not in text
    assert_well_made(later)


@pytest.mark.parametrize("when", ["from the start", "in between"])
def test_hidden_takes_nobody_new(person: Person, after: After, when: str) -> None:
    if when == "in between":
        callback = person.consents(person.starts("github"))
        later = after(PROVIDERS__GITHUB__STATE="hidden")
    else:
        later = after(None, PROVIDERS__GITHUB__STATE="hidden")
        later.opens("/login/github")
        callback = later.consents(later.posts("/login/github").location)
    later.returns(callback)
    assert_stops(later, Outcome.NOBODY_NEW, "github")
    assert_well_made(later)
    assert count_rows(store_of(later))["User"] == 0


def test_hidden_is_added_to_no_account_even_if_it_was_hidden_before_the_yes(person: Person, after: After) -> None:
    person.signs_in_with("google")
    person.links("github")
    later = after(PROVIDERS__GITHUB__STATE="hidden")
    later.confirms()
    assert_stops(later, Outcome.NOBODY_NEW, None)
    assert [oauth.entry for oauth in store_of(later).scan(OAuth)] == ["google"]


@pytest.mark.full
def test_hidden_proves_that_it_is_still_its_owner(person: Person, after: After) -> None:
    person.signs_in_with("github")
    later = after(PROVIDERS__GITHUB__STATE="hidden")
    later.opens("/account/prove")
    assert later.sees.form("/account/prove/github")


def test_where_all_are_hidden_the_pages_say_what_to_do(after: After) -> None:
    hidden = {f"PROVIDERS__{name}__STATE".upper(): "hidden" for name in PROVIDERS}
    person = after(None, CONTACT="the front desk, room 12", **hidden)
    for path in ("/", "/login", "/login?another=1", "/login?next=/account"):
        text = person.opens(path).text
        assert "There is no button for everybody here." in text, path
        assert "the front desk, room 12" in text
        assert_well_made(person)
    person.opens("/login/github")
    person.returns(person.consents(person.posts("/login/github").location))
    assert_stops(person, Outcome.NOBODY_NEW, "github")


# Order.


@pytest.mark.full
def test_buttons_stand_in_their_order_and_those_without_one_after_them(after: After) -> None:
    person = after(None, PROVIDERS__FACEBOOK__ORDER="1", PROVIDERS__GITHUB__ORDER="2")
    text = person.opens("/login").text
    assert sorted(PROVIDERS, key=lambda name: text.index(f'formaction="/login/{name}"')) == [
        "facebook",
        "github",
        "google",
    ]


# Who is locked out.


@pytest.fixture
def crowd(people: People) -> dict[str, str]:
    """People with all kinds of ways in; the id of each."""
    ways = {
        "github alone": ["github"],
        "google alone": ["google"],
        "both": ["google", "github"],
        "github and facebook": ["facebook", "github"],
    }
    found = {}
    for name, providers in ways.items():
        somebody = people()
        somebody.signs_in_with(providers[0], "own", name=name)
        for provider in providers[1:]:
            somebody.adds(provider, "own", name=name)
        assert somebody.user_id
        found[name] = somebody.user_id
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"PROVIDERS__GITHUB__STATE": "off"}, 1, marks=pytest.mark.full),
        pytest.param({"PROVIDERS__GITHUB__STATE": "hidden"}, 0, marks=pytest.mark.full),
        ({"PROVIDERS__GITHUB__STATE": "off", "PROVIDERS__FACEBOOK__ENABLED": "false"}, 2),
        ({"PROVIDERS__GITHUB__ALLOW": "github:4711"}, 1),
        pytest.param({}, 0, marks=pytest.mark.full),
    ],
    ids=["github off", "github hidden", "two off", "nobody's on the list", "nothing"],
)
def test_the_list_of_who_is_locked_out_equals_what_then_happens(
    crowd: dict[str, str], after: After, change: dict[str, str], expected: int
) -> None:
    here = after(None, **change).app.extensions["portal"]
    listed = {user.id for _, user in locked_out(here.store, here.ways) if user}
    ways = {
        "github alone": "github",
        "google alone": "google",
        "both": "google github",
        "github and facebook": "facebook github",
    }
    shut = set()
    for name, providers in ways.items():
        got_in = []
        for provider in providers.split():
            somebody = after(None, **change)
            if somebody.opens(f"/login/{provider}").status_code == 200:
                location = somebody.posts(f"/login/{provider}").location
                somebody.returns(somebody.consents(location, "own", name=name))
                got_in.append(somebody.user_id)
        if crowd[name] not in got_in:
            shut.add(crowd[name])
    assert listed == shut
    assert len(listed) == expected


def test_a_suspended_user_is_not_among_them_and_a_renamed_entry_locks_nobody_out(
    crowd: dict[str, str], store: Store, make_app: MakeApp, environ: dict[str, str]
) -> None:
    issuer = environ["PORTAL_PROVIDERS__GOOGLE__ISSUER"]
    renamed = {name.replace("GOOGLE", "WORK"): value for name, value in environ.items() if "GOOGLE" in name}
    app = make_app(**dict.fromkeys(name for name in environ if "GOOGLE" in name), **renamed)  # type: ignore[arg-type]
    here = app.extensions["portal"]
    assert here.ways.providers["work"].issuer == issuer
    assert [user for _, user in locked_out(here.store, here.ways) if user] == []
    assert len(store.scan(User)) == len(crowd)
