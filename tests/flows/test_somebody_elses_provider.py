"""The flows in front of an OpenID Provider that somebody else wrote, known to the portal by three settings."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.errors import Outcome
from portal.models import Email, OAuth
from portal.storage import Store
from providers._discovery import discovery
from providers._keys import key_sets
from tests.flows.conftest import MakeApp, Rows, Wait
from tests.flows.stops import assert_stops
from tests.person import HOME
from tests.somebody_elses import THEIR_WARNING, SomebodyElses, Tamper, Visitor, running

pytestmark = pytest.mark.filterwarnings(THEIR_WARNING)
Visitors = Callable[[], Visitor]
ODD = Outcome.PROVIDER_ODD


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Each test begins as a new process does: no discovery document, no key set."""
    discovery.forget()
    key_sets.forget()


@pytest.fixture(scope="module")
def shared() -> Iterator[SomebodyElses]:
    with running() as provider:
        provider.knows("ada", name="Ada Lovelace", email="ada@example.com", email_verified=True)
        provider.knows("grace", name="Grace Hopper", email="grace@example.com", email_verified=True)
        yield provider


@pytest.fixture
def company(shared: SomebodyElses) -> Iterator[SomebodyElses]:
    """Somebody else's provider, honest again after each test."""
    shared.asked.clear()
    shared.answers.clear()
    yield shared
    shared.tampers = None


def entry(name: str, settings: dict[str, str]) -> dict[str, str]:
    return {f"PORTAL_PROVIDERS__{name}__{key}".upper(): value for key, value in settings.items()}


def known_by_three_settings(provider: SomebodyElses) -> dict[str, str]:
    return entry("company", {"issuer": provider.base, "client_id": "portal", "client_secret": "a-client-secret"})


@pytest.fixture
def app(make_app: MakeApp, company: SomebodyElses) -> Flask:
    """A portal with the sandbox's three and the company's own."""
    return make_app(**known_by_three_settings(company))


@pytest.fixture
def people(app: Flask) -> Visitors:
    return lambda: Visitor(app)


@pytest.fixture
def ada(app: Flask) -> Visitor:
    return Visitor(app)


def identities(store: Store) -> list[tuple[str, str, str]]:
    return [(oauth.entry, oauth.issuer, oauth.subject) for oauth in store.scan(OAuth)]


# Three settings, and nothing else.


def test_three_settings_make_a_button_and_an_account(ada: Visitor, store: Store, company: SomebodyElses) -> None:
    assert "Continue with Company" in ada.opens("/login").text
    ada.signs_in_with("company")
    assert "Ada Lovelace" in (ada.account or "")
    assert identities(store) == [("company", company.base, "ada")]
    (email,) = store.scan(Email)
    assert email.oauth_id == store.scan(OAuth)[0].id


def test_the_request_carries_state_nonce_and_pkce_though_nobody_there_looks(ada: Visitor) -> None:
    started = urlsplit(ada.starts("company"))
    asked = parse_qs(started.query)
    assert started.path == "/oauth2/authorize"
    assert asked["redirect_uri"] == [f"{HOME}/login/company/authorized"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email profile"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()


def test_who_returns_is_the_same_person_in_another_browser_too(ada: Visitor, people: Visitors, rows: Rows) -> None:
    ada.signs_in_with("company")
    ada.signs_out()
    ada.signs_in_with("company", next="/account")
    assert ada.page is not None
    assert ada.page.location == "/account"
    elsewhere = people()
    elsewhere.signs_in_with("company")
    assert elsewhere.user_id == ada.user_id
    assert rows()["User"] == rows()["OAuth"] == 1


def test_discovery_and_key_set_are_fetched_once_and_then_a_sign_in_is_one_call(
    people: Visitors, company: SomebodyElses
) -> None:
    """And the ID token says it all: nobody asks userinfo."""
    people().signs_in_with("company")
    assert sorted(company.asked) == ["/.well-known/openid-configuration", "/jwks", "/oauth2/token"]
    company.asked.clear()
    for who in ("ada", "ada", "grace"):
        people().comes_with("company", who)
    assert company.asked == ["/oauth2/token"] * 3


@pytest.mark.full
def test_userinfo_is_asked_for_what_the_id_token_leaves_out(people: Visitors, company: SomebodyElses) -> None:
    """Somebody it doesn't know has an address there and no name."""
    person = people()
    person.signs_in_with("company", "stranger@example.com")
    assert person.account
    assert company.asked.count("/userinfo") == 1


@pytest.mark.full
def test_somebody_without_a_name_or_with_an_unverified_address_is_taken_in(
    people: Visitors, company: SomebodyElses, store: Store
) -> None:
    """And asked, where nobody vouches for the address, whether they are new here."""
    company.knows("nameless", email="shared@example.com", email_verified="true")
    nameless = people()
    nameless.signs_in_with("company", "nameless")
    assert nameless.account is not None
    assert identities(store) == [("company", company.base, "nameless")]


@pytest.mark.full
def test_only_a_registered_secret_opens_the_token_endpoint(make_app: MakeApp) -> None:
    with running(require_client_registration=True) as strict:
        client = strict.registers(f"{HOME}/login/company/authorized")
        right = Visitor(make_app(**entry("company", client)))
        right.signs_in_with("company")
        assert right.account
        wrong = Visitor(make_app(**entry("company", client | {"client_secret": "another-secret"})))
        wrong.comes_with("company")
        assert_stops(wrong, Outcome.PROVIDER_REFUSED, "company")


@pytest.mark.full
def test_an_issuer_that_does_not_say_how_clients_authenticate_gets_the_standards_default(make_app: MakeApp) -> None:
    """Discovery, section 3: `client_secret_basic`; and here the registration holds a client to its way."""
    with running(require_client_registration=True) as strict:
        redirect_uri = f"{HOME}/login/company/authorized"
        person = Visitor(make_app(**entry("company", strict.registers(redirect_uri, "client_secret_basic"))))
        person.signs_in_with("company")
        assert person.account
        other = Visitor(make_app(**entry("company", strict.registers(redirect_uri, "client_secret_post"))))
        other.comes_with("company")
        assert_stops(other, Outcome.PROVIDER_REFUSED, "company")


# Denied, and down.


def test_who_denies_there_reads_a_page_and_may_try_again(ada: Visitor, rows: Rows) -> None:
    """It sends the error without the state (RFC 6749, 4.1.2.1 demands it), so nobody can tell whose it was."""
    callback = ada.consents(ada.starts("company"), "deny")
    assert "state=" not in callback
    ada.returns(callback)
    assert_stops(ada, Outcome.BAD_CALLBACK, "company")
    assert sum(rows().values()) == 0
    ada.signs_in_with("company")
    assert ada.account


def test_with_the_state_that_was_missing_it_is_a_page_about_denying(ada: Visitor, rows: Rows) -> None:
    started = ada.starts("company")
    (state,) = parse_qs(urlsplit(started).query)["state"]
    ada.returns(f"{ada.consents(started, 'deny')}&state={state}")
    assert_stops(ada, Outcome.DENIED, "company")
    assert sum(rows().values()) == 0


@pytest.mark.full
def test_an_issuer_that_is_not_there_stops_nobody_else_and_may_come_up_later(make_app: MakeApp) -> None:
    with running() as gone:
        port = gone.port
    app = make_app(**known_by_three_settings(gone))
    person = Visitor(app)
    person.presses("company")
    assert_stops(person, Outcome.PROVIDER_DOWN, "company")
    other = Visitor(app)
    other.signs_in_with("github")
    assert other.account
    discovery.forget()  # a failure is kept for a second
    with running(port):
        person.signs_in_with("company")
        assert person.account


# One account, several ways in.


def test_it_is_added_to_an_account_opens_it_and_is_removed_again(
    ada: Visitor, people: Visitors, store: Store, company: SomebodyElses
) -> None:
    ada.signs_in_with("github")
    ada.links("company")
    ada.confirms()
    assert "Company was added." in ada.opens("/account").text
    elsewhere = people()
    elsewhere.signs_in_with("company")
    assert elsewhere.user_id == ada.user_id
    ada.unlinks("Company")
    assert [name for name, *_ in identities(store)] == ["github"]
    assert elsewhere.account is None, "what came by it ends with it"


@pytest.mark.full
def test_a_fresh_callback_proves_who_it_is_where_the_issuer_announces_no_auth_time(
    ada: Visitor, wait: Wait, company: SomebodyElses
) -> None:
    """To demand `auth_time` of it would lock everybody out; it does put one into its tokens, but never said so."""
    ada.signs_in_with("company")
    wait(timedelta(minutes=11))
    ada.opens("/account")
    ada.posts("/account/link/github")
    assert ada.page is not None
    ada.opens(ada.page.location)
    location = ada.sets_out_to_prove("company")
    asked = parse_qs(urlsplit(location).query)
    assert asked["prompt"] == ["select_account"]
    assert "max_age" not in asked
    assert ada.returns(ada.consents(location)).status_code == 303


# Verified addresses only.


@pytest.mark.full
@pytest.mark.parametrize(
    "claims",
    [{"email": "eve@example.com"}, {"email": "eve@example.com", "email_verified": "true"}, {"email_verified": True}],
    ids=["not verified", "a text that says so", "no address"],
)
def test_where_a_verified_address_is_required_nobody_comes_in_without(
    make_app: MakeApp, company: SomebodyElses, claims: dict[str, object]
) -> None:
    company.knows("eve", **claims)
    settings = known_by_three_settings(company) | {"PORTAL_PROVIDERS__COMPANY__REQUIRE_VERIFIED_EMAIL": "true"}
    app = make_app(**settings)
    eve = Visitor(app)
    eve.comes_with("company", "eve")
    assert_stops(eve, Outcome.ADDRESS_UNVERIFIED, "company")
    assert app.extensions["portal"].store.scan(OAuth) == []
    verified = Visitor(app)
    verified.signs_in_with("company", "ada")
    assert verified.account


# ID tokens that are not this sign-in's, or nobody's.


def pieces(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, claims, signature = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "===")) for part in (head, claims)]
    return decoded[0], decoded[1], signature


def encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def at_full_size(tampers: Tamper) -> Any:
    return pytest.param(tampers, marks=pytest.mark.full)


def another_subject(answer: dict[str, Any]) -> dict[str, Any]:
    head, claims, signature = pieces(answer["id_token"])
    return answer | {"id_token": ".".join([encoded(head), encoded(claims | {"sub": "grace"}), signature])}


def unsigned(answer: dict[str, Any]) -> dict[str, Any]:
    _, claims, _ = pieces(answer["id_token"])
    return answer | {"id_token": f"{encoded({'alg': 'none'})}.{encoded(claims)}."}


def without_signature(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"id_token": answer["id_token"].rpartition(".")[0] + "."}


def another_access_token(answer: dict[str, Any]) -> dict[str, Any]:
    """Which its `at_hash` gives away."""
    return answer | {"access_token": "a-token-of-another-sign-in"}


def none_at_all(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "id_token"}


TAMPERS = [another_subject, *map(at_full_size, [unsigned, without_signature, another_access_token, none_at_all])]


def assert_nothing_came_of_it(person: Visitor, rows: Rows, company: SomebodyElses) -> None:
    assert person.user_id is None
    assert sum(rows().values()) == 0
    assert "/userinfo" not in company.asked, "the first thing wrong stops everything"


@pytest.mark.parametrize("tampers", TAMPERS, ids=lambda tampers: tampers.__name__)
def test_a_token_answer_that_was_tampered_with_makes_no_account(
    ada: Visitor, rows: Rows, company: SomebodyElses, tampers: Tamper
) -> None:
    company.tampers = tampers
    ada.comes_with("company")
    assert_stops(ada, ODD, "company")
    assert_nothing_came_of_it(ada, rows, company)
    company.tampers = dict  # the control: the same way round, with nothing changed
    ada.signs_in_with("company")
    assert ada.account


@pytest.mark.full
def test_a_true_id_token_of_an_earlier_sign_in_is_not_this_ones(
    ada: Visitor, rows: Rows, company: SomebodyElses
) -> None:
    """The nonce, T11: signed, in date, of this client, and replayed together with its access token."""
    ada.consents(ada.starts("company"))
    earlier = Visitor(ada.app)
    earlier.comes_with("company", "grace")
    (stolen,) = company.answers
    before = rows()
    company.tampers = lambda _: stolen
    ada.comes_with("company")
    assert_stops(ada, ODD, "company")
    assert ada.user_id is None
    assert rows() == before


@pytest.mark.full
def test_a_true_id_token_for_another_application_of_the_same_issuer_is_refused(
    make_app: MakeApp, company: SomebodyElses
) -> None:
    """The audience, T11. Both entries ask with the same nonce here, so that nothing else is wrong."""
    settings = known_by_three_settings(company)
    app = make_app(**settings)
    other = make_app(**settings | {"PORTAL_PROVIDERS__COMPANY__CLIENT_ID": "another-application"})
    mallory, victim = Visitor(other), Visitor(app)
    location = victim.starts("company")
    nonce = parse_qs(urlsplit(location).query)["nonce"][0]
    theirs = mallory.starts("company")
    mallory.returns(mallory.consents(theirs.replace(parse_qs(urlsplit(theirs).query)["nonce"][0], nonce)))
    (stolen,) = company.answers
    assert pieces(stolen["id_token"])[1]["nonce"] == nonce
    company.tampers = lambda _: stolen
    victim.returns(victim.consents(location))
    assert_stops(victim, ODD, "company")
    assert victim.user_id is None


@pytest.mark.full
@pytest.mark.parametrize("hours", [2, -2])
def test_an_id_token_that_has_expired_or_is_of_the_future_is_a_page_about_clocks(
    ada: Visitor, rows: Rows, company: SomebodyElses, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """T92: it is good for an hour, and the portal's clock is wrong by two."""
    monkeypatch.setattr("providers.oidc.time", SimpleNamespace(time=lambda: time.time() + hours * 3600))
    ada.comes_with("company")
    assert_stops(ada, Outcome.CLOCKS_DIFFER, "company")
    assert_nothing_came_of_it(ada, rows, company)


@pytest.mark.full
def test_a_token_signed_by_nobodys_key_is_refused_and_the_issuer_asked_again_once(
    ada: Visitor, rows: Rows, company: SomebodyElses
) -> None:
    """Its tokens name no key, so a new one is seen by a signature alone; many forgeries are not many calls."""
    forger = RSAKey.generate_key(2048)

    def forged(answer: dict[str, Any]) -> dict[str, Any]:
        head, claims, _ = pieces(answer["id_token"])
        return answer | {"id_token": jwt.encode(head, claims, forger)}

    company.tampers = forged
    for _ in range(3):
        ada.comes_with("company")
        assert_stops(ada, ODD, "company")
    assert_nothing_came_of_it(ada, rows, company)
    assert company.asked.count("/jwks") == 2


@pytest.mark.full
def test_an_issuer_that_has_changed_its_key_is_believed_at_the_first_sign_in(make_app: MakeApp) -> None:
    with running() as first:
        app = make_app(**known_by_three_settings(first))
        person = Visitor(app)
        person.signs_in_with("company")
        user_id = person.user_id
    with running(first.port) as changed:
        again = Visitor(app)
        again.comes_with("company")
        assert again.user_id == user_id
        assert changed.asked.count("/jwks") == 1


@pytest.mark.full
@pytest.mark.parametrize(("subject", "fits"), [("s" * 255, True), ("s" * 256, False), ("adä", False), ("a b", False)])
def test_a_subject_is_255_ascii_characters_at_most_and_kept_as_it_is(
    ada: Visitor, store: Store, company: SomebodyElses, subject: str, fits: bool
) -> None:
    ada.comes_with("company", subject)
    assert ada.page is not None
    if fits:
        ada.creates_an_account(ada.page) if ada.is_asked(ada.page) else None
        assert identities(store) == [("company", company.base, subject)]
    else:
        assert_stops(ada, ODD, "company")
        assert identities(store) == []


# Two entries of one issuer.


@pytest.fixture
def two_entries(make_app: MakeApp) -> Iterator[Flask]:
    """`work` and `private`, each a client of its own with one redirect URI, at an issuer that takes no others."""
    with running(require_client_registration=True) as strict:
        strict.knows("ada", name="Ada Lovelace", email="ada@example.com", email_verified=True)
        settings: dict[str, str] = {}
        for name in ("work", "private"):
            settings |= entry(name, strict.registers(f"{HOME}/login/{name}/authorized"))
        yield make_app(**settings)


def test_two_entries_of_one_issuer_have_two_buttons_and_know_one_person(two_entries: Flask) -> None:
    ada = Visitor(two_entries)
    page = ada.opens("/login").text
    assert "Continue with Work" in page
    assert "Continue with Private" in page
    ada.signs_in_with("work")
    user_id = ada.user_id
    asked = {}
    for name in ("work", "private"):
        elsewhere = Visitor(two_entries)
        location = elsewhere.starts(name)
        asked[name] = {key: parse_qs(urlsplit(location).query)[key] for key in ("client_id", "redirect_uri")}
        elsewhere.returns(elsewhere.consents(location))
        assert elsewhere.user_id == user_id
        assert elsewhere.account
    assert asked["work"]["client_id"] != asked["private"]["client_id"]
    assert asked["private"]["redirect_uri"] == [f"{HOME}/login/private/authorized"]
    store = two_entries.extensions["portal"].store
    assert len(store.scan(OAuth)) == 1


@pytest.mark.full
def test_an_answer_for_one_entry_is_not_taken_at_the_others_callback(two_entries: Flask) -> None:
    """T08: one issuer, so `iss` could not tell; the flow knows whose it is."""
    person = Visitor(two_entries)
    callback = person.consents(person.starts("work"))
    person.returns(callback.replace("/login/work/", "/login/private/"))
    assert_stops(person, Outcome.WRONG_ISSUER, "private")
    assert two_entries.extensions["portal"].store.scan(OAuth) == []


@pytest.mark.full
def test_the_second_entry_can_not_be_added_to_an_account_that_has_the_first(two_entries: Flask) -> None:
    """It is the same identity: there is nothing to add, and removing it later would remove both."""
    person = Visitor(two_entries)
    person.signs_in_with("work")
    person.links("private")
    assert_stops(person, Outcome.ALREADY_YOURS, "private")
