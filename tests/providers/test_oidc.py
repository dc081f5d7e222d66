"""Any OpenID Connect provider: found by its issuer, and believed only about the subject of its own ID token."""

import json
from base64 import urlsafe_b64encode

import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.base import EmailTrust, Fault, Identity, ProviderError
from providers.oidc import OpenIDProvider

ISSUER = "https://id.example.test/realms/staff"
USERINFO = f"{ISSUER}/userinfo"
NONCE = "n-0S6_WzA2Mj"
CLAIMS = {
    "sub": "auth0|5f7c8ec7",
    "name": "Ada Lovelace",
    "preferred_username": "ada",
    "email": "ada@example.test",
    "email_verified": True,
    "picture": "https://id.example.test/ada.png",
}

company = OpenIDProvider(name="company", title="Company", issuer=ISSUER, api_url=ISSUER)


def jwt(claims):
    def part(value):
        return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2lnbmF0dXJl"


def token(**claims):
    return {"access_token": "at", "id_token": jwt({"sub": CLAIMS["sub"], "nonce": NONCE} | claims)}


def fault_of(http, token, *, nonce=NONCE):
    with pytest.raises(ProviderError) as caught:
        company.identify(http, token, nonce=nonce)
    return caught.value


@pytest.fixture
def userinfo(net):
    net.get(USERINFO, json=CLAIMS)
    return net


def test_a_person_is_who_userinfo_says(http, userinfo):
    assert company.identify(http, token(), nonce=NONCE) == Identity(
        issuer=ISSUER,
        subject="auth0|5f7c8ec7",
        name="Ada Lovelace",
        login="ada",
        email="ada@example.test",
        email_trust=EmailTrust.VERIFIED,
        avatar="https://id.example.test/ada.png",
    )


def test_a_nonce_is_used_whenever_openid_is_asked_for():
    assert company.uses_nonce
    assert not company.configure("company", {"scopes": ["profile"]}).uses_nonce


@pytest.mark.parametrize("nonce", ["", "other", NONCE + "x", NONCE[:-1], None, 7, [NONCE], "ü", "\ud800"])
def test_an_id_token_with_another_nonce_is_refused_before_anything_is_asked(http, userinfo, nonce):
    assert fault_of(http, token(nonce=nonce)).fault is Fault.MALFORMED
    assert not userinfo.calls


def test_an_id_token_without_nonce_is_refused(http, userinfo):
    assert fault_of(http, {"access_token": "at", "id_token": jwt({"sub": CLAIMS["sub"]})}).fault is Fault.MALFORMED


def test_a_missing_id_token_is_refused_where_a_nonce_was_sent(http, userinfo):
    assert fault_of(http, {"access_token": "at"}).fault is Fault.MALFORMED
    assert fault_of(http, {"access_token": "at", "scope": "openid email"}).fault is Fault.MALFORMED


def test_a_person_who_did_not_grant_openid_is_told_so(http, userinfo):
    assert fault_of(http, {"access_token": "at", "scope": "email"}).fault is Fault.SCOPE_MISSING


def test_without_openid_no_id_token_is_needed(http, userinfo):
    assert company.identify(http, {"access_token": "at"}, nonce=None).subject == CLAIMS["sub"]


@pytest.mark.parametrize("sub", ["AUTH0|5f7c8ec7", "auth0|5f7c8ec7 ", "", None, 7, ["auth0|5f7c8ec7"]])
@pytest.mark.parametrize("nonce", [NONCE, None])
def test_userinfo_of_another_subject_than_the_id_token_is_refused(http, userinfo, sub, nonce):
    assert fault_of(http, token(sub=sub), nonce=nonce).fault is Fault.MALFORMED


@pytest.mark.parametrize("encoded", ["", "a", "a.b", "a.b.c.d", "a.!.c", "ü.ü.ü", ".W10.", ".bnVsbA.", 7, [], {}, True])
def test_an_id_token_that_can_not_be_read_is_refused(http, userinfo, encoded):
    assert fault_of(http, {"access_token": "at", "id_token": encoded}).fault is Fault.MALFORMED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.binary().map(lambda body: f"e30.{urlsafe_b64encode(body).decode().rstrip('=')}.x"))
def test_no_id_token_raises_anything_but_a_provider_error(http, encoded):
    with pytest.raises(ProviderError):
        company.identify(http, {"access_token": "at", "id_token": encoded}, nonce=NONCE)


@pytest.mark.parametrize("sub", [None, 7, 1.5, True, "", " ", "a b", "ä", "a\n", "a\x00", "x" * 256, ["a"], {"a": 1}])
def test_a_subject_that_is_no_short_ascii_text_is_refused(http, userinfo, sub):
    userinfo.replace(responses.GET, USERINFO, json=CLAIMS | {"sub": sub})
    assert fault_of(http, token(sub=sub)).fault is Fault.SUBJECT


@pytest.mark.parametrize("sub", ["x" * 255, "0123", "123", "AbC", "abc", "https://id.example.test/~ada"])
def test_a_subject_is_kept_to_the_letter(http, userinfo, sub):
    userinfo.replace(responses.GET, USERINFO, json=CLAIMS | {"sub": sub})
    assert company.identify(http, token(sub=sub), nonce=NONCE).subject == sub


@pytest.mark.parametrize("verified", [False, "true", "false", 1, None, [], {}])
def test_only_a_true_that_is_a_boolean_verifies_an_address(http, userinfo, verified):
    userinfo.replace(responses.GET, USERINFO, json=CLAIMS | {"email_verified": verified})
    identity = company.identify(http, token(), nonce=NONCE)
    assert (identity.email, identity.email_trust) == ("ada@example.test", EmailTrust.NONE)


def test_nobody_is_authoritative_for_gmail_but_google(http, userinfo):
    userinfo.replace(responses.GET, USERINFO, json=CLAIMS | {"email": "ada@gmail.com", "hd": "gmail.com"})
    assert company.identify(http, token(), nonce=NONCE).email_trust is EmailTrust.VERIFIED


def test_no_address_has_no_trust(http, userinfo):
    userinfo.replace(responses.GET, USERINFO, json={"sub": CLAIMS["sub"], "email_verified": True})
    nobody = Identity(ISSUER, CLAIMS["sub"], None, None, None, EmailTrust.NONE, None)
    assert company.identify(http, token(), nonce=NONCE) == nobody


def test_an_issuer_must_be_https(http):
    with pytest.raises(ValueError, match="issuer of provider 'x' must be an https: address"):
        company.configure("x", {"issuer": "http://id.example.test"})
