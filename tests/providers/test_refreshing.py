"""What a provider is sent to refresh a token, and what its answers mean (RFC 6749, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
import requests
import responses

from providers import facebook, github, google
from providers._secrets import Secret
from providers.base import Fault, Provider, ProviderError

THEN = datetime(2026, 11, 21, tzinfo=UTC)
KEPT = {"access_token": "at", "refresh_token": "rt"}
ALL = [each.provider.configure("x", {"client_id": "id", "client_secret": "s%"}) for each in (google, github, facebook)]


def refresh(provider: Provider, answer: Mapping[str, object], *, status: int = 200) -> tuple[dict[str, object], str]:
    """What came of it, and the body that was sent."""
    with responses.RequestsMock() as mock, requests.Session() as http:
        mock.post(provider.token_url, json=answer, status=status)
        token = provider.refresh(http, KEPT)
        sent = mock.calls[0].request
        assert sent.headers["Accept"] == "application/json"
        return token, str(sent.body)


def secret(provider: Provider) -> str:
    found = provider.client_secret
    return found.plain if isinstance(found, Secret) else found


@pytest.mark.parametrize("provider", ALL, ids=lambda each: each.title)
def test_a_token_is_asked_for_in_the_client_s_own_name(provider: Provider) -> None:
    token, body = refresh(provider, {"access_token": "new", "expires_in": "3600", "token_type": "bearer"})
    assert (token["access_token"], token["expires_in"]) == ("new", 3600)
    sent = parse_qs(body, strict_parsing=True)
    ours = {"client_id": [provider.client_id], "client_secret": [secret(provider)]}
    theirs = {"grant_type": ["refresh_token"], "refresh_token": ["rt"]}
    if provider.title == "Facebook":
        theirs = {"grant_type": ["fb_exchange_token"], "fb_exchange_token": ["at"]}
    assert sent == ours | theirs


def test_where_an_issuer_takes_no_secret_in_the_body_it_goes_into_the_header() -> None:
    provider = replace(ALL[0], basic_auth=True, client_id="a b", client_secret=type(ALL[0].client_secret)("c:d"))
    with responses.RequestsMock() as mock, requests.Session() as http:
        mock.post(provider.token_url, json={"access_token": "new"})
        provider.refresh(http, KEPT)
        sent = mock.calls[0].request
    assert sent.headers["Authorization"] == "Basic YStiOmMlM0Fk"  # a+b:c%3Ad
    assert "client" not in str(sent.body)


REFUSED = [
    (ALL[0], {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400),
    (ALL[1], {"error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect"}, 200),
    (ALL[2], {"error": {"message": "Session has expired", "code": 190, "error_subcode": 463}}, 400),
]


@pytest.mark.parametrize(("provider", "answer", "status"), REFUSED, ids=["Google", "GitHub", "Facebook"])
def test_a_grant_that_is_over_is_told_from_a_bad_day(
    provider: Provider, answer: Mapping[str, object], status: int
) -> None:
    with pytest.raises(ProviderError) as caught:
        refresh(provider, answer, status=status)
    assert caught.value.fault is Fault.CODE_REFUSED
    with pytest.raises(ProviderError) as caught:
        refresh(provider, {"message": "no"}, status=503)
    assert (caught.value.fault, caught.value.status) == (Fault.STATUS, 503)


@pytest.mark.parametrize("provider", ALL, ids=lambda each: each.title)
def test_a_redirect_is_not_followed_with_a_secret_in_the_hand(provider: Provider) -> None:
    with responses.RequestsMock() as mock, requests.Session() as http:
        mock.post(provider.token_url, status=307, headers={"Location": "https://evil.test/"})
        with pytest.raises(ProviderError):
            provider.refresh(http, KEPT)
        assert len(mock.calls) == 1


def test_when_a_token_is_due() -> None:
    assert ALL[0].due_at(THEN, THEN + timedelta(hours=1)) == THEN + timedelta(minutes=48)
    assert ALL[2].due_at(THEN, THEN + timedelta(days=60)) == THEN + timedelta(days=48)
    assert ALL[2].due_at(THEN, THEN + timedelta(hours=2)) == THEN, "a short-lived one is exchanged at its first use"


def test_facebook_s_calls_carry_the_proof_and_everybody_s_the_token() -> None:
    for provider in ALL:
        request = requests.Request("GET", f"{provider.api_url}/me", params={"fields": "id"}).prepare()
        provider.sign(request, "at")
        assert request.headers["Authorization"] == "Bearer at"
        assert ("appsecret_proof=" in (request.url or "")) == (provider.title == "Facebook")
        assert "fields=id" in (request.url or "")


@pytest.mark.parametrize(
    ("provider", "status", "headers", "body", "dead"),
    [
        (ALL[0], 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, "{}", True),
        (ALL[0], 401, {}, "", True),
        (ALL[0], 401, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, "{}", False),
        (ALL[0], 403, {}, "{}", False),
        (ALL[1], 401, {}, '{"message": "Bad credentials"}', True),
        (ALL[1], 401, {}, '{"message": "Requires authentication"}', False),
        (ALL[2], 400, {}, '{"error": {"code": 190}}', True),
        (ALL[2], 400, {}, '{"error": {"code": 100}}', False),
        (ALL[2], 400, {"Content-Type": "text/html"}, "<p>190", False),
        (ALL[2], 500, {}, '{"error": {"code": 190}}', False),
    ],
)
def test_an_answer_that_says_the_token_is_dead(
    provider: Provider, status: int, headers: dict[str, str], body: str, dead: bool
) -> None:
    with responses.RequestsMock() as mock, requests.Session() as http:
        kind = headers.pop("Content-Type", "application/json") if headers else "application/json"
        mock.get("https://api.test/", status=status, headers=headers, body=body, content_type=kind)
        assert provider.rejects(http.get("https://api.test/")) is dead
