"""How each provider is asked to end an access, and what its answers mean (T81)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import responses

import providers
from providers._discovery import read_metadata
from providers.base import Fault, Provider, ProviderError, Withdrawn

KEPT = {"access_token": "at-1", "refresh_token": "rt-1"}
URLS = {
    "google": ("POST", "https://oauth2.googleapis.com/revoke"),
    "github": ("DELETE", "https://api.github.com/applications/client%201/grant"),
    "facebook": ("DELETE", "https://graph.facebook.com/v25.0/me/permissions"),
    "office": ("POST", "https://id.example.org/revoke"),
}
DOCUMENT = {
    "issuer": "https://id.example.org",
    "authorization_endpoint": "https://id.example.org/authorize",
    "token_endpoint": "https://id.example.org/token",
    "jwks_uri": "https://id.example.org/keys",
    "revocation_endpoint": URLS["office"][1],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}


def load(name: str, http: requests.Session, net: responses.RequestsMock, **document: Any) -> Provider:
    settings = {"client_id": "client 1", "client_secret": "s3cret"}
    if name != "office":
        return providers.load(name, settings)
    from providers._discovery import discovery

    discovery.forget()
    net.get("https://id.example.org/.well-known/openid-configuration", json=DOCUMENT | document)
    return providers.load(name, settings | {"issuer": "https://id.example.org"}).resolve(http)


def asked(net: responses.RequestsMock) -> requests.PreparedRequest:
    return net.calls[-1].request


def test_google_is_sent_the_refresh_token_and_no_secret(http: requests.Session, net: responses.RequestsMock) -> None:
    google = load("google", http, net)
    net.post(URLS["google"][1], json={})
    assert google.revoke(http, KEPT) is Withdrawn.REMOVED
    assert parse_qs(str(asked(net).body)) == {"token": ["rt-1"]}
    google.revoke(http, {"access_token": "at-1"})
    assert parse_qs(str(asked(net).body)) == {"token": ["at-1"]}
    assert "Authorization" not in asked(net).headers


def test_github_is_asked_in_the_app_s_name(http: requests.Session, net: responses.RequestsMock) -> None:
    net.delete(URLS["github"][1], status=204)
    assert load("github", http, net).revoke(http, KEPT) is Withdrawn.REMOVED
    request = asked(net)
    assert json.loads(request.body or b"") == {"access_token": "at-1"}
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"client 1:s3cret").decode()
    assert request.headers["X-GitHub-Api-Version"]


def test_facebook_is_asked_with_a_proof(http: requests.Session, net: responses.RequestsMock) -> None:
    net.delete(URLS["facebook"][1], json={"success": True})
    assert load("facebook", http, net).revoke(http, KEPT) is Withdrawn.REMOVED
    proof = hmac.new(b"s3cret", b"at-1", hashlib.sha256).hexdigest()
    assert parse_qs(urlsplit(asked(net).url or "").query) == {"appsecret_proof": [proof]}
    assert asked(net).headers["Authorization"] == "Bearer at-1"


@pytest.mark.parametrize("basic", [False, True])
def test_an_issuer_is_asked_as_rfc_7009_says(http: requests.Session, net: responses.RequestsMock, basic: bool) -> None:
    ways = ["client_secret_basic"] if basic else ["client_secret_post"]
    office = load("office", http, net, token_endpoint_auth_methods_supported=ways)
    net.post(URLS["office"][1], body=b"")
    assert office.revoke(http, KEPT) is Withdrawn.REMOVED
    fields = dict(parse_qsl(str(asked(net).body)))
    expected = {"token": "rt-1", "token_type_hint": "refresh_token"}
    assert fields == (expected if basic else expected | {"client_id": "client 1", "client_secret": "s3cret"})
    assert asked(net).headers.get("Authorization", "").startswith("Basic ") is basic


@pytest.mark.parametrize("document", [{"revocation_endpoint": None}, {"revocation_endpoint": "http://id.example.org/"}])
def test_an_issuer_without_a_safe_address_for_it_has_no_way_and_lets_people_in(
    http: requests.Session, net: responses.RequestsMock, document: dict[str, Any]
) -> None:
    office = load("office", http, net, **document)
    assert office.token_url == DOCUMENT["token_endpoint"]
    assert office.revoke(http, KEPT) is Withdrawn.NO_WAY
    assert read_metadata(DOCUMENT, "https://id.example.org").revocation_url == URLS["office"][1]


def test_a_provider_that_says_nothing_of_it_has_no_way(http: requests.Session) -> None:
    class Fourth(Provider):
        def identify(self, *args: object, **how: object) -> Any:
            raise NotImplementedError

    fourth = Fourth(title="", authorization_url="", token_url="", api_url="", scopes=())
    assert fourth.revoke(http, KEPT) is Withdrawn.NO_WAY


OVER = {
    "google": (400, {"error": "invalid_token"}),
    "github": (404, {"message": "Not Found"}),
    "facebook": (400, {"error": {"code": 190, "error_subcode": 458}}),
}


@pytest.mark.parametrize(("name", "answer"), OVER.items(), ids=OVER)
def test_a_token_that_is_dead_already_is_no_failure(
    http: requests.Session, net: responses.RequestsMock, name: str, answer: tuple[int, Any]
) -> None:
    provider = load(name, http, net)
    net.add(*URLS[name], status=answer[0], json=answer[1])
    assert provider.revoke(http, KEPT) is Withdrawn.OVER


def test_what_github_calls_invalid_is_over_too(http: requests.Session, net: responses.RequestsMock) -> None:
    net.delete(URLS["github"][1], status=422, json={"message": "Validation Failed"})
    assert load("github", http, net).revoke(http, KEPT) is Withdrawn.OVER


def test_an_issuer_that_revokes_no_such_tokens_has_no_way(http: requests.Session, net: responses.RequestsMock) -> None:
    office = load("office", http, net)
    net.post(URLS["office"][1], status=400, json={"error": "unsupported_token_type"})
    assert office.revoke(http, KEPT) is Withdrawn.NO_WAY


TROUBLES: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "json": {}},
    "503": {"status": 503, "body": b"<html>"},
    "a redirect": {"status": 302, "headers": {"Location": "https://evil.example/"}},
    "a page": {"status": 403, "body": b"<html>", "content_type": "text/html"},
    "another error": {"status": 403, "json": {"error": {"code": 4}}},
    "no network": {"body": requests.ConnectionError("at-1")},
    "no time": {"body": requests.ReadTimeout("at-1")},
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("name", URLS)
def test_whatever_else_comes_is_to_be_tried_again_and_quotes_nothing(
    http: requests.Session, net: responses.RequestsMock, name: str, trouble: dict[str, Any]
) -> None:
    provider = load(name, http, net)
    net.add(*URLS[name], **trouble)
    with pytest.raises(ProviderError) as failed:
        provider.revoke(http, KEPT)
    assert failed.value.call == "revocation"
    assert not any(secret in str(failed.value) for secret in ("at-1", "rt-1", "s3cret"))


@pytest.mark.parametrize(("name", "code"), [("github", None), ("office", "invalid_client")])
def test_wrong_credentials_are_the_admin_s_matter(
    http: requests.Session, net: responses.RequestsMock, name: str, code: str | None
) -> None:
    provider = load(name, http, net)
    net.add(*URLS[name], status=401, json={"error": code})
    with pytest.raises(ProviderError) as failed:
        provider.revoke(http, KEPT)
    assert failed.value.fault is Fault.CLIENT_REFUSED


@pytest.mark.parametrize("body", [{}, {"success": False}, {"success": "true"}, {"success": 1}])
def test_facebook_s_success_is_a_truth(http: requests.Session, net: responses.RequestsMock, body: Any) -> None:
    net.delete(URLS["facebook"][1], json=body)
    with pytest.raises(ProviderError):
        load("facebook", http, net).revoke(http, KEPT)


def test_a_call_of_facebook_s_has_one_proof_and_it_is_of_the_token_that_signs(http: requests.Session) -> None:
    facebook = providers.load("facebook", {"client_id": "1", "client_secret": "s3cret"})
    request = requests.Request("GET", "https://graph.facebook.com/v25.0/me", params={"fields": "id,name"}).prepare()
    request.prepare_url(request.url, {"appsecret_proof": "another's"})
    for token in ("at-1", "at-2"):
        facebook.sign(request, token)
        proof = hmac.new(b"s3cret", token.encode(), hashlib.sha256).hexdigest()
        assert parse_qsl(urlsplit(request.url or "").query) == [("fields", "id,name"), ("appsecret_proof", proof)]
