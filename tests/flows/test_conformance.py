"""Every misbehaviour of an OpenID Provider, played by one of its own to a portal that knows it from configuration only.

Nothing but the front door, and real HTTP between the two; the provider's own journal says what was asked of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from portal import create_app
from portal.config import load_config
from portal.errors import Outcome
from portal.models import Email, OAuth
from portal.records import email_id
from providers import _kept
from providers._keys import key_sets
from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from providers.sandbox.misbehaviour import MISBEHAVIOURS
from tests.flows.conformance import (
    ACCEPTED,
    BY_NEWER_KEYS,
    BY_THE_HEADER,
    BY_THE_KEYS,
    NEVER_BEGUN,
    REFUSED,
    UNVERIFIED,
)
from tests.flows.conftest import _CompiledOnce, count_rows
from tests.flows.stops import assert_stops
from tests.person import HOME, Person

GOOD = ("plain", "curved", "basic", "silent", "rotating", "flooding", "resting", "other")
QUICK = {  # one of a kind; the others are run by `make verify`
    "kid-absent-single-jwks",
    "nonce-invalid",
    "invalid-sig-rs256",
    "idtoken-sig-none",
    "invalid-iss",
    "kid-absent-multiple-jwks",
    "userinfo-invalid-sub",
    "invalid-authorization-response-iss",
    "remove-authorization-response-iss",
    "expired",
    "unknown-kid",
    "key-in-header",
}


def of_all(names: object) -> list[object]:
    """The names as parameters, those that aren't quick marked as such."""
    return [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.full])
        for name in names  # type: ignore[attr-defined]
    ]


def entry(name: str) -> str:
    """The portal's name for the provider that misbehaves in this way."""
    return name.replace("-", "_")[:32].rstrip("_")


@pytest.fixture(scope="module")
def misbehaving() -> Iterator[RunningSandbox]:
    """An issuer for each misbehaviour, which never does otherwise, and some that are good, each in another way."""
    good = {name: Issuer(name=name) for name in GOOD} | {
        "curved": Issuer(name="curved", algorithm="ES256"),
        "basic": Issuer(name="basic", auth_methods=("client_secret_basic",)),
        "silent": Issuer(name="silent", sends_iss=False),
    }
    bad = [Issuer(name=name, entries=(entry(name),), misbehaves=name) for name in MISBEHAVIOURS]
    with running_sandbox(redirect_base=HOME, issuers=[*good.values(), *bad]) as running:
        yield running


@pytest.fixture(scope="module")
def app(misbehaving: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A portal with an entry for each of them: nothing was needed for that but configuration."""
    folder = tmp_path_factory.mktemp("portal")
    environ = {"PORTAL_BASE_URL": HOME, "PORTAL_STORE": f"sqlite:///{folder}/portal.db"}
    for name in [*GOOD, *MISBEHAVIOURS]:
        for key, value in misbehaving.issuer_settings(name).items():
            environ[f"PORTAL_PROVIDERS__{entry(name)}__{key}".upper()] = value
    for key, value in misbehaving.settings["google"].items():
        environ[f"PORTAL_PROVIDERS__GOOGLE__{key}".upper()] = value
    app = create_app(load_config(environ=environ, cwd=folder))
    app.jinja_env.bytecode_cache = _CompiledOnce()
    yield app
    app.extensions["portal"].store.close()


class Asked:
    """How often one issuer was asked by the portal's server, since the last look."""

    def __init__(self, sandbox: RunningSandbox, path: str, keys: str, userinfo: str) -> None:
        self._sandbox = sandbox
        self._paths = [f"POST {path}/token", f"GET {path}/{keys}", f"GET {path}/{userinfo}"]
        self._discovery = f"GET {path}/.well-known/openid-configuration"
        self._seen = self._now()

    def since(self) -> tuple[int, ...]:
        """Of token, keys and userinfo."""
        now = self._now()
        found = tuple(b - a for a, b in zip(self._seen, now, strict=True))
        self._seen = now
        return found

    @property
    def discovered(self) -> int:
        return self._sandbox.counts.get(self._discovery, 0)

    def _now(self) -> list[int]:
        return [self._sandbox.counts.get(path, 0) for path in self._paths]


@pytest.fixture
def asked(misbehaving: RunningSandbox) -> Callable[[str], Asked]:
    return lambda name: Asked(misbehaving, f"/issuer/{name}", "keys", "userinfo")


@pytest.fixture
def people(app: Flask) -> Callable[[], Person]:
    return lambda: Person(app)


def comes(person: Person, issuer: str, as_: str = "ada", **fields: str) -> None:
    """By the one button of `GET /login/<entry>`, to the portal's answer to the callback."""
    person.opens(f"/login/{entry(issuer)}")
    started = person.posts(f"/login/{entry(issuer)}")
    assert started.status_code == 303, started.text
    callback = person.consents(started.location, as_, **fields)
    path = callback.partition("?")[0]
    assert path == f"{HOME}/login/{entry(issuer)}/authorized"
    answer = person.returns(callback)
    if person.is_asked(answer):
        person.creates_an_account(answer)


def test_there_is_an_expectation_for_every_misbehaviour() -> None:
    assert {*ACCEPTED, *REFUSED, *UNVERIFIED, *NEVER_BEGUN} == {*MISBEHAVIOURS}
    assert len({entry(name) for name in MISBEHAVIOURS}) == len(MISBEHAVIOURS)
    assert {*MISBEHAVIOURS} > QUICK


@pytest.mark.parametrize("name", ["plain", "curved", "basic", pytest.param("silent", marks=pytest.mark.full)])
def test_a_good_issuer_signs_in_with_one_call_more_for_its_keys(
    people: Callable[[], Person], asked: Callable[[str], Asked], name: str
) -> None:
    person, calls = people(), asked(name)
    comes(person, name)
    assert person.user_id
    assert calls.since() == (1, 1, 0)
    assert calls.discovered == 1


@pytest.mark.parametrize("name", of_all(ACCEPTED))
def test_what_is_odd_but_right_signs_in(people: Callable[[], Person], asked: Callable[[str], Asked], name: str) -> None:
    person, calls = people(), asked(name)
    comes(person, name)
    assert person.user_id
    assert "Ada Lovelace" in (person.account or "")
    assert calls.since() == (1, 1, ACCEPTED[name])


@pytest.mark.parametrize("name", of_all(REFUSED))
def test_what_is_wrong_signs_nobody_in(
    app: Flask, people: Callable[[], Person], asked: Callable[[str], Asked], name: str
) -> None:
    outcome, expected = REFUSED[name]
    person, calls, before = people(), asked(name), count_rows(app.extensions["portal"].store)
    comes(person, name)
    assert_stops(person, outcome, entry(name))
    assert person.user_id is None
    assert count_rows(app.extensions["portal"].store) == before
    assert calls.since() == expected


NO_TOKEN = ("no-id-token", "id-token-no-jwt", "missing-sub", "sub-too-long", "sub-not-ascii", "sub-number")
BY_TOKEN = [
    pytest.param(name, marks=[] if name in {"nonce-invalid", "invalid-sig-rs256"} else [pytest.mark.full])
    for name, (_, calls) in REFUSED.items()
    if calls in (BY_THE_HEADER, BY_THE_KEYS, BY_NEWER_KEYS) and name not in NO_TOKEN
]


@pytest.mark.parametrize("name", BY_TOKEN)
def test_who_believed_any_id_token_would_be_caught(
    people: Callable[[], Person], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The control: nothing but the verification stands between each of those ID tokens and an account."""
    monkeypatch.setattr("providers.oidc.verify", lambda encoded, *_, **__: _claims(encoded))
    person = people()
    comes(person, name)
    assert person.user_id


@pytest.mark.parametrize("name", ["invalid-authorization-response-iss", "remove-authorization-response-iss"])
def test_who_did_not_look_at_iss_would_be_caught(
    people: Callable[[], Person], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The control: without the check of RFC 9207 §2.4 those answers sign in."""
    monkeypatch.setattr("portal.dance.DanceBlueprint._check_issuer", lambda *_: None)
    person = people()
    comes(person, name)
    assert person.user_id


@pytest.mark.full
@pytest.mark.parametrize("name", UNVERIFIED)
def test_an_address_is_verified_only_by_the_boolean_true(app: Flask, people: Callable[[], Person], name: str) -> None:
    address, person = f"{name}@example.com", people()
    comes(person, name, "own", name="Zoë", email=address, verified="yes")
    assert person.user_id
    assert not _is_proved(app, address)

    comes(people(), "plain", "own", name="Zoë", email=address, verified="yes")
    assert _is_proved(app, address), "the control: said rightly, it is"


def test_a_discovery_document_of_another_issuer_is_a_page_before_anything_starts(
    people: Callable[[], Person], asked: Callable[[str], Asked]
) -> None:
    (name,) = NEVER_BEGUN
    person, calls = people(), asked(name)
    person.opens(f"/login/{entry(name)}")
    person.posts(f"/login/{entry(name)}")
    assert_stops(person, NEVER_BEGUN[name], entry(name))
    assert not person.flows
    assert calls.since() == (0, 0, 0)


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in REFUSED if MISBEHAVIOURS[name].keys is None])
def test_google_s_stand_in_is_taken_at_its_word_no_more_than_others(
    app: Flask, people: Callable[[], Person], name: str
) -> None:
    """The same, of a provider that has a module of its own, and ordered on its consent page."""
    person, before = people(), count_rows(app.extensions["portal"].store)
    comes(person, "google", trouble=name)
    assert_stops(person, REFUSED[name][0], "google")
    assert person.user_id is None
    assert count_rows(app.extensions["portal"].store) == before


def test_a_google_sign_in_on_a_warm_process_is_one_call(
    people: Callable[[], Person], misbehaving: RunningSandbox
) -> None:
    comes(people(), "google", "own", name="Whoever was first")
    before = misbehaving.counts
    person = people()
    comes(person, "google")
    assert person.user_id
    assert _new(before, misbehaving.counts) == {"POST /google/token": 1}

    before = misbehaving.counts
    comes(people(), "google", trouble="scope-userinfo-claims")
    assert _new(before, misbehaving.counts) == {"POST /google/token": 1, "GET /google/v1/userinfo": 1}, "the control"


def test_a_new_key_is_fetched_once_and_the_sign_in_succeeds(
    people: Callable[[], Person], misbehaving: RunningSandbox, asked: Callable[[str], Asked]
) -> None:
    calls = asked("rotating")
    comes(people(), "rotating")
    assert calls.since() == (1, 1, 0)
    misbehaving.keys("rotating").rotate()
    person = people()
    comes(person, "rotating")
    assert person.user_id
    assert calls.since() == (1, 1, 0), "the new key"
    comes(people(), "rotating")
    assert calls.since() == (1, 0, 0), "which is known from now on"


@pytest.mark.full
def test_a_key_changed_just_before_signing_is_found_as_well(
    people: Callable[[], Person], asked: Callable[[str], Asked]
) -> None:
    """On a warm process: the key set was fetched for the first sign-in, and changes between code and ID token."""
    calls, name = asked("resting"), "resting"
    comes(people(), name)
    person = people()
    comes(person, name, trouble="signing-key-rotation")
    assert person.user_id
    assert calls.since() == (2, 2, 0)


def test_a_flood_of_unknown_keys_is_no_flood_of_calls(
    people: Callable[[], Person], asked: Callable[[str], Asked], monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    flood, calls = 20 if full else 2, asked("flooding")
    comes(people(), "flooding")
    assert calls.since() == (1, 1, 0)
    for _ in range(flood):
        person = people()
        comes(person, "flooding", trouble="unknown-kid")
        assert_stops(person, Outcome.PROVIDER_ODD, "flooding")
    assert calls.since() == (flood, 1, 0)
    person = people()
    comes(person, "flooding")
    assert person.user_id, "and who comes with the right key is let in meanwhile"
    assert calls.since() == (1, 0, 0)

    monkeypatch.setattr(_kept, "COOL_DOWN", 0)
    key_sets._kept._rests.clear()
    for _ in range(flood):
        comes(people(), "flooding", trouble="unknown-kid")
    assert calls.since() == (flood, flood, 0), "the control: without the cool-down each would be a call"


def test_two_issuers_that_call_somebody_the_same_mean_two_people(app: Flask, people: Callable[[], Person]) -> None:
    first, second = people(), people()
    comes(first, "plain", "own", subject="4711", name="Zoë")
    comes(second, "other", "own", subject="4711", name="Zoë")
    assert first.user_id
    assert second.user_id
    assert first.user_id != second.user_id
    oauths = [oauth for oauth in app.extensions["portal"].store.scan(OAuth, limit=1000) if oauth.subject == "4711"]
    assert len({oauth.issuer for oauth in oauths}) == 2


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def _is_proved(app: Flask, address: str) -> bool:
    proved = {email.id for email in app.extensions["portal"].store.scan(Email, limit=1000)}
    return email_id(address, verified=True) in proved


def _new(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """The calls of the portal's server; what the browser asked doesn't count."""
    in_browsers = ("/auth", "/authorize")
    return {
        path: count - before.get(path, 0)
        for path, count in after.items()
        if count > before.get(path, 0) and not path.endswith(in_browsers)
    }
