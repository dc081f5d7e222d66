"""Google: pinned or discovered, one call a sign-in, and the last word on its own addresses only."""

import pytest
import responses

import providers
from providers._discovery import discovery, read_metadata
from providers._keys import key_sets
from providers.base import EmailTrust, Fault, Identity, ProviderError
from tests.providers.signing import ABSENT, ACCESS_TOKEN, CLIENT, NONCE, at_hash, claims, key_set, sign

USERINFO = "https://openidconnect.googleapis.com/v1/userinfo"
CERTS = "https://www.googleapis.com/oauth2/v3/certs"
ISSUER = "https://accounts.google.com"


@pytest.fixture
def google():
    return providers.load("google", {"client_id": CLIENT, "client_secret": "secret"})


@pytest.fixture
def keys(net):
    """Google with its keys, and nothing else that would answer."""
    key_sets.forget()
    net.get(CERTS, json=key_set())
    yield net
    key_sets.forget()


@pytest.fixture
def id_token(documented):
    """The documented person's ID token, with claims replaced."""

    def make(**changed):
        return sign(claims(**{"iss": ISSUER} | documented("google-userinfo") | changed))

    return make


def identified(google, http, encoded):
    return google.identify(http, {"access_token": ACCESS_TOKEN, "id_token": encoded}, nonce=NONCE)


def test_the_documented_person_is_identified(google, http, keys, documented, answer, id_token):
    given = documented("google-token")
    token = google.read_token(answer(given | {"id_token": id_token(at_hash=at_hash(given["access_token"]))}))
    assert google.identify(http, token, nonce=NONCE) == Identity(
        issuer=ISSUER,
        subject="110169484474386276334",
        name="Jane Doe",
        login=None,
        email="jane.doe@gmail.com",
        email_trust=EmailTrust.AUTHORITATIVE,
        avatar="https://lh3.googleusercontent.com/a/ACg8ocJqJ-example=s96-c",
    )
    assert google.granted_scopes(token) == google.scopes == ("openid", "email", "profile")
    assert [call.request.url for call in keys.calls] == [CERTS]
    google.identify(http, token, nonce=NONCE)
    assert len(keys.calls) == 1, "on a warm process the token call is the only one"


def test_its_pinned_addresses_are_those_of_its_documented_discovery_document(google, documented, http):
    found = read_metadata(documented("google-discovery"), ISSUER)
    assert google.resolve(http) is google
    assert (google.authorization_url, google.token_url) == (found.authorization_url, found.token_url)
    assert (f"{google.api_url}/userinfo", google.jwks_url) == (found.userinfo_url, found.jwks_url)
    assert (google.algorithms, google.sends_iss) == (found.algorithms, False)
    assert (google.issuer, google.iss, google.uses_nonce) == (ISSUER, ISSUER, True)
    assert (google.proves_time, dict(google.reauthentication)) == (
        "auth_time" in found.claims,
        {"prompt": "select_account"},
    )


def test_with_an_issuer_its_addresses_are_discovered(http, net, documented):
    issuer = "http://127.0.0.1:8001/google"
    document = documented(
        "google-discovery",
        issuer=issuer,
        authorization_endpoint=f"{issuer}/auth",
        token_endpoint=f"{issuer}/token",
        userinfo_endpoint=f"{issuer}/v1/userinfo",
        jwks_uri=f"{issuer}/certs",
        authorization_response_iss_parameter_supported=True,
    )
    net.get(f"{issuer}/.well-known/openid-configuration", json=document)
    net.get(f"{issuer}/certs", json=key_set())
    try:
        google = providers.load("google", {"issuer": issuer, "client_id": CLIENT}).resolve(http)
    finally:
        discovery.forget(issuer)
    assert (google.authorization_url, google.token_url) == (f"{issuer}/auth", f"{issuer}/token")
    assert (google.issuer, google.iss, google.sends_iss) == (issuer, issuer, True)
    encoded = sign(claims(**documented("google-userinfo"), iss=issuer))
    try:
        identity = identified(google, http, encoded)
    finally:
        key_sets.forget(f"{issuer}/certs")
    assert (identity.issuer, identity.email_trust) == (issuer, EmailTrust.AUTHORITATIVE)


def test_another_address_without_an_issuer_leaves_the_namespace_alone():
    assert providers.load("google", {"authorization_url": "https://proxy.example.test/auth"}).issuer == ISSUER


def test_both_spellings_of_its_issuer_are_one(google, http, keys, id_token):
    assert {identified(google, http, id_token(iss=iss)).issuer for iss in (ISSUER, "accounts.google.com")} == {ISSUER}
    for other in ("http://accounts.google.com", "accounts.google.com/", "google.com", "//accounts.google.com"):
        with pytest.raises(ProviderError):
            identified(google, http, id_token(iss=other))


@pytest.mark.parametrize(
    ("email", "hd", "trust"),
    [
        ("jane@gmail.com", ABSENT, EmailTrust.AUTHORITATIVE),
        ("jane@GMAIL.com", ABSENT, EmailTrust.AUTHORITATIVE),
        ("jane@example.com", "example.com", EmailTrust.AUTHORITATIVE),
        ("jane@Example.COM", "eXample.com", EmailTrust.AUTHORITATIVE),
        ("jane@m\u00fcnchen.test", "xn--mnchen-3ya.test", EmailTrust.AUTHORITATIVE),
        ("jane@example.com", None, EmailTrust.VERIFIED),
        ("jane@example.com", "other.example.com", EmailTrust.VERIFIED),
        ("jane@sub.example.com", "example.com", EmailTrust.VERIFIED),
        ("jane@googlemail.com.example.com", "gmail.com", EmailTrust.VERIFIED),
        ("jane@ban\u212a.test", "bank.test", EmailTrust.VERIFIED),  # a Kelvin sign
        ("jane@ban\u212a.test", "ban\u212a.test", EmailTrust.VERIFIED),
        ("jane@none", None, EmailTrust.VERIFIED),
        ("jane@true", True, EmailTrust.VERIFIED),
        ("jane@example.com", ["example.com"], EmailTrust.VERIFIED),
        ("jane@example.com", "", EmailTrust.VERIFIED),
    ],
)
def test_it_has_the_last_word_at_gmail_and_in_the_account_s_own_workspace(
    google, http, keys, id_token, email, hd, trust
):
    assert identified(google, http, id_token(email=email, hd=hd)).email_trust is trust


@pytest.mark.parametrize("verified", [False, "true", "false", None])
def test_it_has_none_where_the_address_is_not_verified(google, http, keys, id_token, verified):
    assert identified(google, http, id_token(email_verified=verified)).email_trust is EmailTrust.NONE


# Only some of its people.


@pytest.mark.parametrize("hd", ["example.com", "EXAMPLE.com", "m\u00fcnchen.test", "xn--mnchen-3ya.test"])
def test_an_account_of_a_hosted_domain_is_let_in(http, keys, id_token, hd):
    google = providers.load("google", {"client_id": CLIENT, "hosted_domains": ["Example.com", "m\u00fcnchen.test"]})
    assert identified(google, http, id_token(hd=hd, email="jane@elsewhere.test"))


@pytest.mark.parametrize(
    "hd", [ABSENT, None, "", "other.test", "sub.example.com", "example.com.evil.test", ["example.com"], True, "*"]
)
def test_any_other_is_not_whatever_its_address(http, keys, id_token, hd):
    google = providers.load("google", {"client_id": CLIENT, "hosted_domains": ["example.com"]})
    with pytest.raises(ProviderError) as caught:
        identified(google, http, id_token(hd=hd, email="jane@example.com", name=ABSENT))
    assert caught.value.fault is Fault.NOT_ALLOWED
    assert [call.request.url for call in keys.calls] == [CERTS], "and nothing more is asked about the person"


def test_without_the_setting_everybody_is(google, http, keys, id_token):
    assert google.hosted_domains == ()
    assert "hd" not in google.authorization_params
    assert identified(google, http, id_token(hd="other.test"))


def test_an_account_is_not_let_in_by_userinfo_either(http, net, documented):
    google = providers.load("google", {"hosted_domains": ["example.com"], "scopes": ["email"]})
    net.get(USERINFO, json=documented("google-userinfo", hd="other.test"))
    with pytest.raises(ProviderError) as caught:
        google.identify(http, {"access_token": "t"}, nonce=None)
    assert caught.value.fault is Fault.NOT_ALLOWED
    net.replace(responses.GET, USERINFO, json=documented("google-userinfo", hd="example.com"))
    assert google.identify(http, {"access_token": "t"}, nonce=None)


@pytest.mark.parametrize(
    ("domains", "hint"),
    [(["Example.com"], "example.com"), (["a.test", "b.test"], "*"), (["a.test", "A.test"], "a.test")],
)
def test_the_picker_gets_a_hint(domains, hint):
    google = providers.load("google", {"hosted_domains": domains})
    assert google.authorization_params == {"hd": hint}


@pytest.mark.parametrize("domain", ["*", "com", "@example.com", "", 7])
def test_what_is_no_domain_is_told_at_the_start(domain):
    with pytest.raises(ValueError, match="hosted_domains of provider 'google' takes domains such as"):
        providers.load("google", {"hosted_domains": [domain]})


def test_no_configuration_makes_it_authoritative_for_more():
    with pytest.raises(ValueError, match="'google' has no setting authoritative_for"):
        providers.load("google", {"authoritative_for": ["example.com"]})
