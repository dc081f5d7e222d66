"""What a request costs on Datastore, RPC by RPC, as it leaves the process: each one is money and a round trip (T67)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal import create_app
from portal.accounts import Accounts, Browser, SignedIn
from portal.canary import WatchedStore
from portal.config import load_config
from portal.crypto import TokenCipher
from portal.domain_pass import DomainPass
from portal.models import User
from portal.storage import Store, Update, open_store
from tests.person import PROVIDERS, Person
from tests.storage.arrivals import arrive, browser_of, make_accounts, make_identity
from tests.storage.wire import Wire

Costs = Callable[[Callable[[], object]], list[str]]


@pytest.fixture
def store(datastore_url: str, wire: Wire) -> Iterator[Store]:
    store = open_store(datastore_url)
    yield store
    store.close()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return make_accounts(store)


@pytest.fixture
def costs(wire: Wire) -> Costs:
    """The RPCs of one call."""

    def costs(call: Callable[[], object]) -> list[str]:
        wire.forget()
        call()
        return list(wire.sent)

    return costs


def sign_in(accounts: Accounts, *, browser: Browser | None = None, email: str | None = None) -> SignedIn:
    signed_in = accounts.arrive(*arrive(make_identity(email=email), browser=browser))
    assert isinstance(signed_in, SignedIn)
    return signed_in


# --- the operations of Accounts -------------------------------------------------------------------------------------


def test_a_first_sign_in_is_two(accounts: Accounts, costs: Costs) -> None:
    assert costs(lambda: sign_in(accounts)) == ["Lookup", "Commit"]


def test_a_first_sign_in_with_an_address_that_another_has_proved_is_two(accounts: Accounts, costs: Costs) -> None:
    sign_in(accounts)
    other = make_identity("1815", issuer="https://accounts.google.com", email="583231@example.org")
    assert costs(lambda: accounts.arrive(*arrive(other, entry="google"))) == ["Lookup", "Commit"]


def test_a_return_in_a_browser_without_a_session_is_three(accounts: Accounts, costs: Costs) -> None:
    sign_in(accounts)
    assert costs(lambda: sign_in(accounts)) == ["Lookup", "Lookup", "Commit"]


def test_a_return_in_the_same_browser_is_two(accounts: Accounts, costs: Costs) -> None:
    browser = browser_of(sign_in(accounts))
    assert costs(lambda: sign_in(accounts, browser=browser)) == ["Lookup", "Commit"]


def test_a_return_that_is_refused_leaves_one_note(accounts: Accounts, store: Store, costs: Costs) -> None:
    user = sign_in(accounts).user
    store.commit(Update(replace(user, status="suspended")))
    assert costs(lambda: accounts.arrive(*arrive())) == ["Lookup", "Lookup", "Commit"]


def test_a_page_of_a_signed_in_person_is_one_and_two_when_it_is_time_to_note_it(store: Store, costs: Costs) -> None:
    now = datetime.now(UTC)
    accounts = make_accounts(store, now=lambda: now)
    browser = browser_of(sign_in(accounts))
    assert costs(lambda: accounts.get_signed_in(browser)) == ["Lookup"]
    now += timedelta(minutes=15)
    assert costs(lambda: accounts.get_signed_in(browser)) == ["Lookup", "Commit"]
    assert costs(lambda: accounts.get_signed_in(browser)) == ["Lookup"]


def test_a_claim_that_nothing_stands_behind_is_one(accounts: Accounts, costs: Costs) -> None:
    assert costs(lambda: accounts.get_signed_in(Browser("nobody", "nothing"))) == ["Lookup"]


def test_the_account_page_is_one_more(accounts: Accounts, costs: Costs) -> None:
    user = sign_in(accounts).user
    assert costs(lambda: accounts.list_identities(user)) == ["Lookup"]


def test_a_page_of_history_is_one_wherever_it_begins(accounts: Accounts, costs: Costs) -> None:
    signed_in = sign_in(accounts)
    for _ in range(5):
        sign_in(accounts)
    page = accounts.history.page(signed_in.user.id, limit=2)
    assert costs(lambda: accounts.history.page(signed_in.user.id, limit=2)) == ["RunQuery"]
    assert costs(lambda: accounts.history.page(signed_in.user.id, page.older or "", limit=2)) == ["RunQuery"]


def test_what_an_admin_does_is_one_transaction(accounts: Accounts, costs: Costs) -> None:
    user = sign_in(accounts).user
    oversight = accounts.oversight
    for action in (oversight.suspend, oversight.restore, oversight.sign_out, oversight.promote, oversight.demote):
        assert costs(lambda act=action: act(user.id, by="x", reason=None)) == ["Lookup", "Commit"]  # type: ignore[misc]


def test_signing_out_is_one_more(accounts: Accounts, costs: Costs) -> None:
    signed_in = sign_in(accounts)
    assert costs(lambda: accounts.sign_out(signed_in)) == ["Commit"]


def test_a_second_arrival_of_a_flow_is_one(accounts: Accounts, costs: Costs) -> None:
    browser = browser_of(sign_in(accounts))
    assert costs(lambda: accounts.has_arrived(browser, "another flow")) == ["Lookup"]


def test_the_canary_costs_one_commit_ever_and_a_process_nothing(datastore_url: str, costs: Costs) -> None:
    """It comes along with the first look-up; a probe that is first asks for it by itself, once."""
    cipher = TokenCipher([bytes(32)])
    first, second, third = (WatchedStore(open_store(datastore_url), cipher) for _ in range(3))
    somebody = User.key_of("ada")
    assert costs(lambda: first.look_up(somebody)) == ["Lookup", "Commit"]
    for process in (first, second):
        assert costs(lambda process=process: process.look_up(somebody)) == ["Lookup"]  # type: ignore[misc]
        assert costs(lambda process=process: process.keys_fit()) == []  # type: ignore[misc]
    assert costs(third.keys_fit) == ["Lookup"]
    assert costs(third.keys_fit) == []
    for process in (first, second, third):
        process.close()


# --- through the front door -----------------------------------------------------------------------------------------


@pytest.fixture
def people(environ: dict[str, str], datastore_url: str, tmp_path: Path, wire: Wire) -> Iterator[Callable[[], Person]]:
    app = create_app(load_config(environ=environ | {"PORTAL_STORE": datastore_url}, cwd=tmp_path))
    app.test_client().get("/readyz")  # what a process does once it has done
    yield lambda: Person(app)
    app.extensions["portal"].store.close()


def test_who_is_not_signed_in_costs_nothing(people: Callable[[], Person], costs: Costs) -> None:
    person = people()
    for path in ("/", "/login", "/login/github", "/account", "/nowhere", "/healthz", "/static/portal.css"):
        assert costs(lambda path=path: person.opens(path)) == []  # type: ignore[misc]
    assert costs(lambda: person.starts("github")) == []
    assert costs(lambda: person.sends("/logout")) == []


def test_a_callback_that_fails_costs_no_write_and_mostly_nothing(people: Callable[[], Person], costs: Costs) -> None:
    person = people()
    state = "s" * 43
    denied = person.consents(person.starts("github"), "deny")
    for query in ("", f"code=c&state={state}", f"error=access_denied&state={state}"):
        assert costs(lambda query=query: person.opens(f"/login/github/authorized?{query}")) == []  # type: ignore[misc]
    assert costs(lambda: person.returns(denied)) == []
    person.signs_in_with("github")
    assert costs(lambda: person.opens(f"/login/github/authorized?code=c&state={state}")) == ["Lookup"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_step_of_a_person_costs_what_it_should(people: Callable[[], Person], costs: Costs, provider: str) -> None:
    person, elsewhere = people(), people()
    callback = person.consents(person.starts(provider))
    assert costs(lambda: person.returns(callback)) == ["Lookup", "Commit"]
    if person.page and person.is_asked(
        person.page
    ):  # a provider that never verifies: the identity waits for the answer
        page = person.page
        assert costs(lambda: person.opens(page.location)) == ["Lookup"]
        assert costs(lambda: person.posts("/welcome")) == ["Lookup", "Lookup", "Lookup", "Commit"]
    assert costs(lambda: person.opens("/")) == ["Lookup"]
    assert costs(lambda: person.opens("/login")) == ["Lookup"]
    assert costs(lambda: person.opens("/account")) == ["Lookup", "Lookup", "RunQuery"], "who, identities, sessions"
    assert costs(lambda: person.opens("/account/history")) == ["Lookup", "RunQuery"], "who, and a page of it"

    callback = elsewhere.consents(elsewhere.starts(provider))
    assert costs(lambda: elsewhere.returns(callback)) == ["Lookup", "Lookup", "Commit"]
    assert costs(lambda: elsewhere.returns(callback)) == ["Lookup"]  # pressed "back", or reloaded

    elsewhere.opens("/account")
    assert costs(lambda: elsewhere.posts("/logout")) == ["Lookup", "Commit"]
    assert costs(lambda: elsewhere.opens("/")) == []


def test_what_a_proxy_asks_of_each_request_is_one_and_none_for_strangers(
    people: Callable[[], Person], costs: Costs
) -> None:
    person, ended = people(), people()
    for path in ("/auth", "/auth?redirect=1"):
        assert costs(lambda path=path: person.opens(path)) == []  # type: ignore[misc]
    person.keeps("portal_session", "no cookie of ours")
    assert costs(lambda: person.opens("/auth")) == []
    person.signs_in_with("google")
    for path in ("/auth", "/auth?redirect=1"):
        assert costs(lambda path=path: person.opens(path)) == ["Lookup"]  # type: ignore[misc]
    ended.copies(person)
    person.signs_out()
    assert costs(lambda: ended.opens("/auth")) == ["Lookup"], "and no second one: no cookie is taken back there"


def test_with_the_cookie_of_a_domain_only_what_we_signed_is_looked_up(
    environ: dict[str, str], datastore_url: str, tmp_path: Path, wire: Wire, costs: Costs
) -> None:
    keys = {
        "PORTAL_SECRET_KEY": "s3cret-of-32-characters-or-more-0123456789",
        "PORTAL_TOKEN_KEYS": "0123456789-" * 3 + "0" * 10,
    }
    there = {"PORTAL_BASE_URL": "https://login.example.com", "PORTAL_COOKIE_DOMAIN": "example.com"}
    mine = {name: value for name, value in environ.items() if not name.startswith("PORTAL_PROVIDERS__")}
    app = create_app(load_config(environ=mine | keys | there | {"PORTAL_STORE": datastore_url}, cwd=tmp_path))
    person, parts = Person(app, home="https://login.example.com"), app.extensions["portal"]
    signed_in = sign_in(parts.accounts)
    user_id, session_id = signed_in.user.id, signed_in.session.id
    good = DomainPass(["s3cret-of-32-characters-or-more-0123456789"], domain="example.com").make(user_id, session_id)
    for value, expected in ((f"{user_id}.{session_id}.{'A' * 43}", []), (good, ["Lookup"])):
        person.keeps("__Secure-portal_session", value)
        assert costs(lambda: person.opens("/auth")) == expected
    parts.store.close()


def test_ending_sessions_costs_the_same_however_many_there_are(people: Callable[[], Person], costs: Costs) -> None:
    person, phone = people(), people()
    for each in (person, phone):
        each.signs_in_with("google")
    person.opens("/account")
    assert costs(lambda: person.posts("/account/sessions/end")) == ["Lookup", "Lookup", "Commit"]
    assert costs(lambda: phone.opens("/account")) == ["Lookup", "Lookup"], "gone, and not replaced: taken back"
    assert costs(lambda: phone.opens("/account")) == []
    for _ in range(3):
        people().signs_in_with("google")
    person.opens("/account")
    assert costs(lambda: person.posts("/account/sessions/end-others")) == ["Lookup", "Lookup", "Commit"]
    person.opens("/account")
    assert costs(lambda: person.posts("/account/sessions/end-all")) == ["Lookup", "Lookup", "Commit"]


def test_no_key_is_asked_for_that_no_record_can_have(people: Callable[[], Person], wire: Wire) -> None:
    """A stand-in where there is no cookie or address would be one key for everybody: hot, and billed each time."""
    person = people()
    wire.forget()
    person.signs_in_with("google")
    person.signs_out()
    person.signs_in_with("google")
    person.adds("github")
    person.unlinks("GitHub")
    asked = [step.name for request in wire.requests for key in getattr(request, "keys", []) for step in key.path]
    assert asked
    assert "-" not in asked


def test_adding_and_removing_a_way_in(people: Callable[[], Person], costs: Costs) -> None:
    person = people()
    person.signs_in_with("github")
    person.opens("/account")
    assert costs(lambda: person.posts("/account/link/google")) == ["Lookup"]
    assert person.page
    callback = person.consents(person.page.location)
    assert costs(lambda: person.returns(callback)) == ["Lookup", "Commit"]
    assert costs(lambda: person.opens("/account/add")) == ["Lookup", "Lookup"]
    assert costs(lambda: person.posts("/account/add")) == ["Lookup", "Lookup", "Lookup", "Commit"]
    person.opens("/account")
    forms = [form for form in person.sees.forms if form.action == "/account/unlink"]
    removing = costs(lambda: person.sends("/account/unlink", data=forms[0].fields))
    withdrawing = ["Lookup", "Commit"]  # the access at the provider: nobody has linked it again, and it is done
    assert removing == ["Lookup"] + ["Lookup"] * 4 + ["Commit"] + withdrawing, "who asks, and then one transaction"


def test_a_picture_is_one_and_one_more_where_it_has_to_be_fetched(people: Callable[[], Person], costs: Costs) -> None:
    person = people()
    person.signs_in_with("github")
    person.opens("/account")
    (picture,) = [address for address in person.sees.addresses if address.startswith("/avatar/")]
    assert costs(lambda: person.opens(picture)) == ["Lookup", "Lookup"]
    assert costs(lambda: people().opens(picture)) == ["Lookup"]
    assert costs(lambda: people().opens(picture[:-16] + "A" * 16)) == [], "who makes addresses up costs nothing"
