"""An issuer's addresses are its own and safe, and are asked for once for all threads."""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pytest
import requests
import responses

import providers
from providers import _discovery, _kept
from providers._discovery import Discovery, read_metadata
from providers.base import Fault, ProviderError

_numbers = itertools.count()


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[str]:
    """An issuer that no other test has asked for: the documents are kept for the process."""
    name = f"https://id{next(_numbers)}.example.test"
    yield name
    _discovery.discovery.forget(name)


def document(issuer, /, **changed):
    return {
        "issuer": issuer,
        "authorization_endpoint": "https://login.example.test/authorize",
        "token_endpoint": "https://api.example.test/token",
        "userinfo_endpoint": "https://api.example.test/v2/me",
        "jwks_uri": "https://api.example.test/keys",
        "authorization_response_iss_parameter_supported": True,
    } | changed


def address(issuer):
    return f"{issuer}/.well-known/openid-configuration"


def test_a_provider_is_completed_from_its_issuer(http, net, issuer):
    net.get(address(issuer), json=document(issuer))
    entry = providers.load("company", {"issuer": issuer, "client_id": "id", "client_secret": "secret"})
    found = entry.resolve(http)
    assert (found.authorization_url, found.token_url) == (
        "https://login.example.test/authorize",
        "https://api.example.test/token",
    )
    assert (found.issuer, found.iss, found.sends_iss) == (issuer, issuer, True)
    assert (found.name, found.client_id, found.client_secret) == ("company", "id", "secret")
    assert found.resolve(http) is found
    assert (found.userinfo_url, found.jwks_url) == ("https://api.example.test/v2/me", "https://api.example.test/keys")


def test_it_is_asked_once_for_all_entries_and_calls(http, net, issuer):
    net.get(address(issuer), json=document(issuer))
    for name in ("one", "two"):
        for _ in range(3):
            providers.load(name, {"issuer": issuer}).resolve(http)
    assert len(net.calls) == 1


def test_addresses_of_the_configuration_go_above_the_issuer_s(http, net, issuer):
    net.get(address(issuer), json=document(issuer))
    inside = {"token_url": "http://127.0.0.1:9/token", "api_url": "http://127.0.0.1:9/"}
    found = providers.load("company", {"issuer": issuer, "scopes": ["email"]} | inside).resolve(http)
    assert (found.authorization_url, found.token_url) == (
        "https://login.example.test/authorize",
        "http://127.0.0.1:9/token",
    )
    net.get("http://127.0.0.1:9/userinfo", json={"sub": "7"})
    assert found.identify(http, {"access_token": "t"}, nonce=None).subject == "7"


def test_an_issuer_that_ends_in_a_slash_has_one_slash_before_the_well_known_path(http, net, issuer):
    net.get(address(issuer), json=document(issuer + "/"))
    assert Discovery().load(http, issuer + "/").sends_iss


@pytest.mark.parametrize("other", ["{}/", "{}#", "http://x", "HTTPS://ID.example.test", "", None, 7, ["{}"]])
def test_a_document_of_another_issuer_is_refused(http, net, issuer, other):
    """T14."""
    named = other.format(issuer) if isinstance(other, str) else other
    net.get(address(issuer), json=document(issuer, issuer=named))
    with pytest.raises(ProviderError) as caught:
        Discovery().load(http, issuer)
    assert (caught.value.fault, caught.value.call) == (Fault.MALFORMED, "discovery")


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "url",
    [None, 7, "", "http://api.example.test/x", "https://169.254.169.254/x", "//x", "file:///x", "http://127.0.0.1:9/x"],
)
def test_an_address_that_is_missing_or_unsafe_is_refused(issuer, name, url):
    """T14."""
    with pytest.raises(ProviderError, match=f"{name} is missing or not https"):
        read_metadata(document(issuer, **{name: url}), issuer)


@pytest.mark.parametrize("announced", [None, False, "true", 1])
def test_iss_is_demanded_only_where_it_is_announced(issuer, announced):
    announcing = document(issuer, authorization_response_iss_parameter_supported=announced)
    assert not read_metadata(announcing, issuer).sends_iss


def test_an_issuer_on_this_machine_may_have_plain_addresses_on_it():
    here = "http://127.0.0.1:8001/google"
    plain = document(here, jwks_uri=f"{here}/keys")
    assert read_metadata(plain, here).jwks_url == f"{here}/keys"
    with pytest.raises(ProviderError, match="token_endpoint is missing or not https"):
        read_metadata(plain | {"token_endpoint": "http://192.0.2.7/token"}, here)


def test_the_log_says_how_an_issuer_names_itself(issuer):
    with pytest.raises(ProviderError, match=f"configured as {issuer}, and names itself '{issuer}/'"):
        read_metadata(document(issuer, issuer=f"{issuer}/"), issuer)


def test_an_issuer_without_userinfo_is_one_nevertheless(issuer):
    without = {name: value for name, value in document(issuer).items() if name != "userinfo_endpoint"}
    assert read_metadata(without, issuer).userinfo_url == ""


@pytest.mark.parametrize(
    ("announced", "taken"),
    [
        (["RS256"], ("RS256",)),
        (["none", "HS256", "PS256", "ES256", "RS256", "EdDSA"], ("RS256", "ES256", "PS256")),
        (["ES256"], ("ES256",)),
        ([], ("RS256",)),
        (None, ("RS256",)),
        ("ES256", ("RS256",)),
        ([7, None], ("RS256",)),
    ],
)
def test_of_the_announced_algorithms_the_safe_ones_are_taken(issuer, announced, taken):
    announcing = document(issuer, id_token_signing_alg_values_supported=announced)
    assert read_metadata(announcing, issuer).algorithms == taken


@pytest.mark.parametrize("announced", [["none"], ["HS256"], ["EdDSA", "RS1"]])
def test_an_issuer_that_signs_with_nothing_safe_is_refused(issuer, announced):
    with pytest.raises(ProviderError, match="none of RS256, ES256, PS256"):
        read_metadata(document(issuer, id_token_signing_alg_values_supported=announced), issuer)


@pytest.mark.parametrize(
    ("announced", "in_a_header"),
    [
        (None, True),
        ([], True),
        (["client_secret_basic"], True),
        (["private_key_jwt", "client_secret_basic"], True),
        (["client_secret_post"], False),
        (["client_secret_basic", "client_secret_post"], False),
        (["private_key_jwt"], False),
    ],
)
def test_the_secret_goes_where_the_issuer_takes_it(http, net, issuer, announced, in_a_header):
    net.get(address(issuer), json=document(issuer, token_endpoint_auth_methods_supported=announced))
    assert providers.load("company", {"issuer": issuer}).resolve(http).basic_auth is in_a_header


@pytest.mark.parametrize(
    ("announced", "proves", "asks"),
    [
        (["sub", "auth_time"], True, {"prompt": "login", "max_age": "0"}),
        (["sub"], False, {"prompt": "select_account"}),
        (None, False, {"prompt": "select_account"}),
        ("auth_time", False, {"prompt": "select_account"}),
        ([["auth_time"]], False, {"prompt": "select_account"}),
    ],
)
def test_a_time_is_demanded_only_of_an_issuer_that_tells_it(http, net, issuer, announced, proves, asks):
    net.get(address(issuer), json=document(issuer, claims_supported=announced))
    found = providers.load("company", {"issuer": issuer}).resolve(http)
    assert (found.proves_time, dict(found.reauthentication)) == (proves, asks)
    assert dict(found.another_account) == {"prompt": "select_account"}


def test_without_openid_there_is_no_token_that_could_prove_a_time(http, net, issuer):
    net.get(address(issuer), json=document(issuer, claims_supported=["auth_time"]))
    found = providers.load("company", {"issuer": issuer, "scopes": ["email"]}).resolve(http)
    assert (found.proves_time, dict(found.reauthentication)) == (False, {"prompt": "select_account"})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "public, max-age=3600"}, 3600),
        ({"Cache-Control": "MAX-AGE=3600"}, 3600),
        ({"Cache-Control": 'max-age="3600"'}, 3600),
        ({"Cache-Control": "s-maxage=10, max-age=3600"}, 3600),
        ({"Cache-Control": "max-age=3600", "Age": "600"}, 3000),
        ({"Cache-Control": "max-age=3600", "Age": "-600"}, 3600),
        ({"Cache-Control": "max-age=3600", "Age": "9000"}, 300),
        ({"Cache-Control": "max-age=3600", "Expires": "0"}, 3600),
        ({"Cache-Control": "max-age=0"}, 300),
        ({"Cache-Control": "no-store"}, 300),
        ({"Cache-Control": "no-cache, max-age=3600"}, 300),
        ({}, 300),
        ({"Cache-Control": "max-age=soon"}, 300),
        ({"Cache-Control": "s-maxage=3600"}, 300),
        ({"Cache-Control": "max-age=604800"}, 86400),
        ({"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Expires": "Sat, 21 Nov 2026 11:00:00 GMT"}, 3600),
        ({"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Expires": "0"}, 300),
        ({"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Expires": "Fri, 20 Nov 2026 10:00:00 GMT"}, 300),
        ({"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Expires": "Sat, 21 Nov 2026 11:00:00"}, 300),
    ],
)
def test_it_is_kept_as_long_as_it_allows_within_five_minutes_and_a_day(http, net, issuer, headers, seconds):
    net.get(address(issuer), json=document(issuer), headers=headers)
    discovery = Discovery(clock := Clock())
    discovery.load(http, issuer)
    clock.now += seconds - 1
    discovery.load(http, issuer)
    assert len(net.calls) == 1
    clock.now += 1
    discovery.load(http, issuer)
    assert len(net.calls) == 2


def test_a_failure_is_forgotten_within_seconds(http, net, issuer):
    net.get(address(issuer), status=503)
    discovery = Discovery(clock := Clock())
    for _ in range(3):
        with pytest.raises(ProviderError) as caught:
            discovery.load(http, issuer)
        assert (caught.value.fault, caught.value.status) == (Fault.STATUS, 503)
    assert len(net.calls) == 1
    net.replace(responses.GET, address(issuer), json=document(issuer))
    clock.now += 5
    assert discovery.load(http, issuer).sends_iss


def test_one_issuer_s_failure_is_not_another_s(http, net, issuer):
    net.get(address(issuer), json=document(issuer))
    discovery = Discovery()
    with pytest.raises(ProviderError):
        discovery.load(http, "https://gone.example.test")
    assert discovery.load(http, issuer).sends_iss


class Unguarded(Discovery):
    """The naive version: looks, and fetches where there is nothing."""

    def load(self, http, issuer):
        return self._kept._get(issuer) or self._kept._fetch(issuer, lambda: _discovery._fetch(http, issuer))


def calls_of_eight_threads(discovery, net, issuer):
    started = Event()

    def slow(_):
        started.wait(1)
        time.sleep(0.02)
        return 200, {}, responses.json_module.dumps(document(issuer))

    net.add_callback("GET", address(issuer), slow, content_type="application/json")

    def load():
        with requests.Session() as http:
            return discovery.load(http, issuer)

    with ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(load) for _ in range(8)]
        started.set()
        assert len({load.result() for load in loads}) == 1
    return len(net.calls)


def test_eight_threads_at_once_ask_once(net, issuer):
    assert calls_of_eight_threads(Discovery(), net, issuer) == 1


def test_without_the_lock_they_would_ask_more_than_once(net, issuer):
    assert calls_of_eight_threads(Unguarded(), net, issuer) > 1


def test_who_waits_too_long_for_another_s_call_gives_up(http, net, issuer, monkeypatch):
    monkeypatch.setattr(_kept, "PATIENCE", 0.05)
    called, release = Event(), Event()

    def hang(_):
        called.set()
        release.wait(5)
        return 200, {}, responses.json_module.dumps(document(issuer))

    net.add_callback("GET", address(issuer), hang, content_type="application/json")
    discovery = Discovery()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(discovery.load, http, issuer)
        assert called.wait(5)
        with pytest.raises(ProviderError) as caught:
            discovery.load(http, issuer)
        release.set()
        assert caught.value.fault is Fault.SLOW
        assert first.result().sends_iss
