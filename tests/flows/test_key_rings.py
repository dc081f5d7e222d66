"""Keys that change while people are here: a new one signs and seals, the old one does the rest until it is gone."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from flask import Flask

from portal.config.values import token_key
from portal.crypto import TokenCipher, key_id
from portal.errors import Outcome
from portal.models import Token
from portal.rotation import claim
from portal.storage import Store
from providers.sandbox import RunningSandbox
from tests.flows.conftest import MakeApp
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person

OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
BEFORE, DURING, AFTER = OLD, f"{NEW},{OLD}", NEW


def deploys(person: Person, app: Flask) -> Person:
    """The same browser, with its cookies and its open page, before the portal as it is deployed now."""
    there = Person(app, page=person.page, at_provider=person.at_provider)
    there.copies(person)
    return there


@pytest.fixture
def signing_with(make_app: MakeApp) -> Callable[[str], Flask]:
    """Portals on one store that differ in `secret_key`."""
    return lambda ring: make_app(PORTAL_SECRET_KEY=ring)


@pytest.fixture
def sealing_with(make_app: MakeApp) -> Callable[[str], Flask]:
    """Portals on one store that differ in `token_keys`."""
    return lambda ring: make_app(PORTAL_TOKEN_KEYS=ring)


def token_key_id(key: str) -> str:
    return TokenCipher([token_key(key)]).key_ids[0]


# secret_key: a new one signs, the old one verifies.


def test_with_the_new_key_first_nobody_notices(signing_with: Callable[[str], Flask]) -> None:
    """The flow under way, the form that is open, the session and the mark of the provider used last (T63)."""
    before = Person(signing_with(BEFORE))
    before.signs_in_with("github")
    callback = before.consents(before.sets_out_to_link("google"))
    before.opens("/account")

    after = deploys(before, signing_with(DURING))
    assert after.returns(callback).location == "/account/add"
    after = deploys(before, after.app)
    assert "Ada" in (after.account or "")
    assert after.posts("/account/name", name="Countess").status_code == 303, "a form of before"
    assert after.signs_out().status_code == 303
    (marked,) = [each for each in after.opens("/login").text.split("</li>") if "Last used" in each]
    assert "GitHub" in marked


def test_what_is_begun_then_outlives_the_old_key(signing_with: Callable[[str], Flask]) -> None:
    """The new key signs. With the old one first, the negative control, it is lost when that goes (CVE-2025-47278)."""
    for ring, outlives in ((DURING, True), (f"{OLD},{NEW}", False)):
        during = Person(signing_with(ring))
        callback = during.consents(during.starts("github"))
        during.opens("/login")
        after = deploys(during, signing_with(AFTER))
        assert (after.posts("/login/google").status_code == 303) is outlives
        assert (deploys(during, after.app).returns(callback).status_code == 303) is outlives


def test_when_the_old_key_goes_too_early_each_thing_ends_on_its_page(signing_with: Callable[[str], Flask]) -> None:
    before = Person(signing_with(BEFORE))
    before.signs_in_with("github")
    under_way = Person(before.app)
    callback = under_way.consents(under_way.starts("google"))
    before.opens("/account")

    late = deploys(under_way, signing_with(AFTER))
    late.returns(callback)
    assert_stops(late, Outcome.FLOW_MISSING)
    assert late.signs_in_with("google").status_code == 303

    after = deploys(before, late.app)
    assert "Ada" in (after.account or ""), "a session is a row: no key signs it"
    after.posts("/account/name", name="Countess")
    assert_stops(after, Outcome.FORM_EXPIRED)
    after.renames("Countess")
    assert "Countess" in (after.account or "")


# token_keys: a new one seals, the old one opens.


def test_a_sign_in_seals_anew_with_the_newest_key(sealing_with: Callable[[str], Flask]) -> None:
    person = Person(sealing_with(BEFORE))
    person.signs_in_with("github")
    during = sealing_with(DURING)
    store: Store = during.extensions["portal"].store
    assert key_id(store.scan(Token)[0].sealed or b"") == token_key_id(OLD)
    assert Person(during).signs_in_with("github").status_code == 303
    (token,) = store.scan(Token)
    assert key_id(token.sealed or b"") == token_key_id(NEW)


def readiness_of(app: Flask) -> int:
    return app.test_client().get("/readyz").status_code


def test_one_key_lost_everybody_signs_in_as_ever(
    sealing_with: Callable[[str], Flask], sandbox: RunningSandbox, lines: Callable[[], list[str]]
) -> None:
    """T76: no sign-in needs an old token. The process says that it isn't fit to be let loose, until the loss is said
    to be for good."""
    before = sealing_with(BEFORE)
    people = {provider: Person(before) for provider in PROVIDERS}
    for provider, person in people.items():
        person.signs_in_with(provider)
    ids = {provider: person.user_id for provider, person in people.items()}
    assert readiness_of(before) == 200

    after = sealing_with(AFTER)
    for provider, person in people.items():
        there = deploys(person, after)
        assert "Ada" in (there.account or ""), "who is signed in stays so, and sees their account"
        again = Person(after)
        assert again.signs_in_with(provider).status_code == 303
        assert again.user_id == ids[provider], "and who comes back is who they were"
    alarms = [line for line in lines() if "token_keys are not the keys of this store" in line]
    assert len(alarms) == 1
    assert readiness_of(after) == 503
    assert not [line for line in lines() if OLD in line or NEW in line]

    cipher = TokenCipher([token_key(NEW)])
    assert claim(after.extensions["portal"].store, cipher, lost=True)
    after.extensions["portal"].readiness._checked = None  # a second later
    assert readiness_of(after) == 200
    assert {key_id(token.sealed or b"") for token in after.extensions["portal"].store.scan(Token)} == {
        token_key_id(NEW)
    }


def test_a_wrong_ring_of_several_is_no_better_and_the_right_one_anywhere_will_do(
    sealing_with: Callable[[str], Flask],
) -> None:
    assert readiness_of(sealing_with(BEFORE)) == 200
    other = secrets.token_urlsafe(32)
    assert readiness_of(sealing_with(f"{NEW},{other}")) == 503
    assert readiness_of(sealing_with(f"{NEW},{other},{OLD}")) == 200
