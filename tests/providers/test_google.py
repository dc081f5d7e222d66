"""Google: pinned or discovered, one namespace of subjects, and the last word on its own addresses only."""

import json
from base64 import urlsafe_b64encode

import pytest
import responses

import providers
from providers import _discovery
from providers.base import EmailTrust, Identity

USERINFO = "https://openidconnect.googleapis.com/v1/userinfo"
ISSUER = "https://accounts.google.com"


@pytest.fixture
def google():
    return providers.load("google", {"client_id": "id", "client_secret": "secret"})


@pytest.fixture
def userinfo(net, documented):
    """Google with the documented person."""
    net.get(USERINFO, json=documented("google-userinfo"))
    return net


def test_the_documented_person_is_identified(google, http, userinfo, documented, answer):
    claims = {"iss": ISSUER, "sub": "110169484474386276334", "nonce": "n-1"}
    id_token = f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"
    token = google.read_token(answer(documented("google-token", id_token=id_token)))
    assert google.identify(http, token, nonce="n-1") == Identity(
        issuer=ISSUER,
        subject="110169484474386276334",
        name="Jane Doe",
        login=None,
        email="jane.doe@gmail.com",
        email_trust=EmailTrust.AUTHORITATIVE,
        avatar="https://lh3.googleusercontent.com/a/ACg8ocJqJ-example=s96-c",
    )
    assert google.granted_scopes(token) == google.scopes == ("openid", "email", "profile")


def test_its_pinned_addresses_are_those_of_its_documented_discovery_document(google, documented, http):
    found = _discovery.read_metadata(documented("google-discovery"), ISSUER)
    assert google.resolve(http) is google
    assert (google.authorization_url, google.token_url) == (found.authorization_url, found.token_url)
    assert (found.userinfo_url, google.sends_iss) == (USERINFO, False)
    assert (google.issuer, google.iss, google.uses_nonce) == (ISSUER, ISSUER, True)


def test_with_an_issuer_its_addresses_are_discovered(http, net, documented):
    issuer = "http://127.0.0.1:8001/google"
    document = documented(
        "google-discovery",
        issuer=issuer,
        authorization_endpoint=f"{issuer}/auth",
        token_endpoint=f"{issuer}/token",
        userinfo_endpoint=f"{issuer}/v1/userinfo",
        authorization_response_iss_parameter_supported=True,
    )
    net.get(f"{issuer}/.well-known/openid-configuration", json=document)
    net.get(f"{issuer}/v1/userinfo", json=documented("google-userinfo"))
    try:
        google = providers.load("google", {"issuer": issuer}).resolve(http)
    finally:
        _discovery.discovery._kept.pop(issuer, None)
    assert (google.authorization_url, google.token_url) == (f"{issuer}/auth", f"{issuer}/token")
    assert (google.issuer, google.iss, google.sends_iss) == (issuer, issuer, True)
    identity = google.identify(http, {"access_token": "t"}, nonce=None)
    assert (identity.issuer, identity.email_trust) == (issuer, EmailTrust.AUTHORITATIVE)


def test_another_address_without_an_issuer_leaves_the_namespace_alone():
    assert providers.load("google", {"authorization_url": "https://proxy.example.test/auth"}).issuer == ISSUER


@pytest.mark.parametrize(
    ("email", "hd", "trust"),
    [
        ("jane@gmail.com", None, EmailTrust.AUTHORITATIVE),
        ("jane@GMAIL.com", None, EmailTrust.AUTHORITATIVE),
        ("jane@example.com", "example.com", EmailTrust.AUTHORITATIVE),
        ("jane@Example.COM", "eXample.com", EmailTrust.AUTHORITATIVE),
        ("jane@example.com", None, EmailTrust.VERIFIED),
        ("jane@example.com", "other.example.com", EmailTrust.VERIFIED),
        ("jane@sub.example.com", "example.com", EmailTrust.VERIFIED),
        ("jane@googlemail.com.example.com", "gmail.com", EmailTrust.VERIFIED),
        ("jane@ban\u212a.test", "bank.test", EmailTrust.VERIFIED),  # a Kelvin sign
        ("jane@none", None, EmailTrust.VERIFIED),
        ("jane@true", True, EmailTrust.VERIFIED),
        ("jane@example.com", ["example.com"], EmailTrust.VERIFIED),
        ("jane@example.com", "", EmailTrust.VERIFIED),
    ],
)
def test_it_has_the_last_word_at_gmail_and_in_the_account_s_own_workspace(
    google, http, userinfo, documented, email, hd, trust
):
    userinfo.replace(responses.GET, USERINFO, json=documented("google-userinfo", email=email, hd=hd))
    assert google.identify(http, {"access_token": "t"}, nonce=None).email_trust is trust


@pytest.mark.parametrize("verified", [False, "true", "false", None])
def test_it_has_none_where_the_address_is_not_verified(google, http, userinfo, documented, verified):
    userinfo.replace(responses.GET, USERINFO, json=documented("google-userinfo", email_verified=verified))
    assert google.identify(http, {"access_token": "t"}, nonce=None).email_trust is EmailTrust.NONE
