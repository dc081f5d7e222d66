"""Any OpenID Connect provider: its verified ID token says who it is, and userinfo is asked for what is missing only."""

import pytest
import requests
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import providers
from providers._discovery import discovery
from providers._keys import key_sets
from providers.base import EmailTrust, Fault, Identity, ProviderError
from providers.oidc import OpenIDProvider
from tests.providers.signing import (
    ABSENT,
    ACCESS_TOKEN,
    CLIENT,
    ISSUER,
    JWKS,
    NONCE,
    claims,
    encode,
    header,
    jwk,
    key_set,
    rsa_key,
    sign,
)

USERINFO = f"{ISSUER}/userinfo"
PROFILE = {
    "sub": "auth0|5f7c8ec7",
    "name": "Ada Lovelace",
    "preferred_username": "ada",
    "email": "ada@example.test",
    "email_verified": True,
    "picture": "https://id.example.test/ada.png",
}
ADA = Identity(
    issuer=ISSUER,
    subject="auth0|5f7c8ec7",
    name="Ada Lovelace",
    login="ada",
    email="ada@example.test",
    email_trust=EmailTrust.VERIFIED,
    avatar="https://id.example.test/ada.png",
)

company = OpenIDProvider(
    name="company", title="Company", issuer=ISSUER, client_id=CLIENT, api_url=ISSUER, jwks_url=JWKS
)


@pytest.fixture(autouse=True)
def nothing_is_kept():
    key_sets.forget()
    yield
    key_sets.forget()
    discovery.forget(ISSUER)


def token(**changed):
    """What the token endpoint answered; by itself with all that can be told in the ID token."""
    return {"access_token": ACCESS_TOKEN, "id_token": sign(claims(**PROFILE | changed))}


def thin(**changed):
    """As of an issuer whose ID token tells no more than it must."""
    return {"access_token": ACCESS_TOKEN, "id_token": sign(claims(**changed))}


def fault_of(http, token, *, provider=company, nonce=NONCE, since=None):
    with pytest.raises(ProviderError) as caught:
        provider.identify(http, token, nonce=nonce, since=since)
    return caught.value


def called(net):
    return [call.request.url for call in net.calls]


@pytest.fixture
def issuer(net):
    """The issuer with its keys and its userinfo."""
    net.get(JWKS, json=key_set())
    net.get(USERINFO, json=PROFILE)
    return net


def test_a_person_is_who_the_id_token_says(http, issuer):
    assert company.identify(http, token(), nonce=NONCE) == ADA
    assert called(issuer) == [JWKS]


def test_a_second_person_costs_no_call_at_all(http, issuer):
    company.identify(http, token(), nonce=NONCE)
    issuer.calls.reset()
    assert company.identify(http, token(), nonce=NONCE) == ADA
    assert called(issuer) == []


def test_a_nonce_is_used_whenever_openid_is_asked_for():
    assert company.uses_nonce
    assert not company.configure("company", {"scopes": ["profile"]}).uses_nonce


@pytest.mark.parametrize("changed", [{"nonce": "other"}, {"aud": "other"}, {"iss": "https://x"}, {"exp": 1, "iat": 0}])
def test_a_wrong_id_token_stops_before_userinfo_is_asked(http, issuer, changed):
    fault = fault_of(http, thin(**changed))
    assert (fault.fault, fault.call) == (Fault.CLOCK if "exp" in changed else Fault.MALFORMED, "token")
    assert called(issuer) == [JWKS]


def test_another_access_token_than_the_one_it_was_made_with_is_refused(http, issuer):
    assert fault_of(http, token() | {"access_token": "somebody-else-s"}).fault is Fault.MALFORMED
    assert called(issuer) == [JWKS]


def test_a_missing_id_token_is_refused_where_a_nonce_was_sent(http, issuer):
    assert fault_of(http, {"access_token": ACCESS_TOKEN}).fault is Fault.MALFORMED
    assert fault_of(http, {"access_token": ACCESS_TOKEN, "scope": "openid email"}).fault is Fault.MALFORMED
    assert called(issuer) == []


def test_a_person_who_did_not_grant_openid_is_told_so(http, issuer):
    assert fault_of(http, {"access_token": ACCESS_TOKEN, "scope": "email"}).fault is Fault.SCOPE_MISSING


def test_without_openid_no_id_token_is_needed(http, issuer):
    assert company.identify(http, {"access_token": ACCESS_TOKEN}, nonce=None) == ADA
    assert called(issuer) == [USERINFO]


def test_without_openid_and_without_userinfo_nobody_says_who_it_is(http, issuer):
    silent = OpenIDProvider(name="x", title="X", issuer=ISSUER)
    assert fault_of(http, {"access_token": ACCESS_TOKEN}, provider=silent, nonce=None).call == "profile"


@pytest.mark.parametrize("sub", [None, 7, 1.5, True, "", "a b", "x" * 256, ["a"]])
def test_a_subject_that_is_no_short_ascii_text_is_refused_from_userinfo_too(http, issuer, sub):
    issuer.replace(responses.GET, USERINFO, json=PROFILE | {"sub": sub})
    assert fault_of(http, {"access_token": ACCESS_TOKEN}, nonce=None).fault is Fault.SUBJECT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text() | st.binary().map(lambda body: f"e30.{encode(body)}.x") | st.none() | st.integers())
def test_no_id_token_raises_anything_but_a_provider_error(http, encoded):
    with pytest.raises(ProviderError):
        company.identify(http, {"access_token": ACCESS_TOKEN, "id_token": encoded}, nonce=NONCE)


# Its keys.


def test_a_changed_key_is_looked_up_again(http, issuer):
    company.identify(http, token(), nonce=NONCE)
    new = rsa_key("the issuer's next")
    issuer.replace(responses.GET, JWKS, json=key_set(jwk(rsa_key()), jwk(new, "k2")))
    rotated = {"access_token": ACCESS_TOKEN, "id_token": sign(claims(**PROFILE), header(kid="k2"), new)}
    assert company.identify(http, rotated, nonce=NONCE) == ADA
    assert company.identify(http, token(), nonce=NONCE) == ADA
    assert called(issuer) == [JWKS, JWKS]


def test_keys_that_can_not_be_fetched_are_named_as_the_trouble(http, issuer):
    issuer.replace(responses.GET, JWKS, body=requests.ConnectionError("no route"))
    fault = fault_of(http, token())
    assert (fault.fault, fault.call) == (Fault.UNREACHABLE, "keys")
    assert called(issuer) == [JWKS]


# What userinfo adds.


def test_what_the_id_token_lacks_comes_from_userinfo(http, issuer):
    assert company.identify(http, thin(), nonce=NONCE) == ADA
    assert called(issuer) == [JWKS, USERINFO]


@pytest.mark.parametrize(
    ("scopes", "left_out", "asked"),
    [
        (["openid"], ["email", "name", "email_verified"], False),
        (["openid", "email"], ["name"], False),
        (["openid", "email"], ["email"], True),
        (["openid", "profile"], ["email", "email_verified"], False),
        (["openid", "profile"], ["name"], True),
        (["openid", "email", "profile"], ["picture", "preferred_username"], False),
        (["openid", "email", "profile"], ["email_verified"], False),
    ],
)
def test_it_is_asked_only_for_what_was_asked_for(http, issuer, scopes, left_out, asked):
    asking = company.configure("company", {"scopes": scopes})
    asking.identify(http, token(**dict.fromkeys(left_out, ABSENT)), nonce=NONCE)
    assert (USERINFO in called(issuer)) is asked


@pytest.mark.parametrize("name", ["email", "name"])
def test_a_claim_that_is_null_is_missing(http, issuer, name):
    assert company.identify(http, token(**{name: None}), nonce=NONCE) == ADA


def test_whether_the_address_is_verified_is_asked_where_the_issuer_says_that_it_tells(http, issuer):
    telling = OpenIDProvider(**vars(company) | {"claims": frozenset({"email", "email_verified"})})
    assert telling.identify(http, token(email_verified=ABSENT), nonce=NONCE) == ADA
    assert called(issuer) == [JWKS, USERINFO]


def test_an_address_and_the_word_about_it_come_from_one_document(http, issuer):
    """Userinfo's "verified" is said of userinfo's address, and vouches for no other (T33)."""
    other = token(email="admin@example.test", email_verified=ABSENT, name=ABSENT)
    identity = company.identify(http, other, nonce=NONCE)
    assert (identity.email, identity.email_trust) == ("ada@example.test", EmailTrust.VERIFIED)
    issuer.replace(responses.GET, USERINFO, json={"sub": PROFILE["sub"], "email_verified": True})
    identity = company.identify(http, other, nonce=NONCE)
    assert (identity.email, identity.email_trust) == ("admin@example.test", EmailTrust.NONE)
    issuer.replace(responses.GET, USERINFO, json={"sub": PROFILE["sub"], "email": "x@y.test"})
    verified = thin(email_verified=True)
    assert company.identify(http, verified, nonce=NONCE).email_trust is EmailTrust.NONE


def test_the_id_token_s_own_word_goes_first(http, issuer):
    identity = company.identify(http, thin(name="Ada L.", email="a@b.test", email_verified=False), nonce=NONCE)
    assert (identity.name, identity.email, identity.email_trust) == ("Ada L.", "a@b.test", EmailTrust.NONE)


def test_an_issuer_without_userinfo_is_not_asked(http, issuer):
    silent = OpenIDProvider(**vars(company) | {"api_url": ""})
    assert silent.identify(http, thin(), nonce=NONCE).email is None
    assert called(issuer) == [JWKS]


@pytest.mark.parametrize("sub", [ABSENT, "AUTH0|5f7c8ec7", "auth0|5f7c8ec7 ", "", None, 7, ["auth0|5f7c8ec7"]])
def test_userinfo_of_another_subject_is_refused(http, issuer, sub):
    """T16."""
    other = {name: value for name, value in (PROFILE | {"sub": sub}).items() if value is not ABSENT}
    issuer.replace(responses.GET, USERINFO, json=other)
    fault = fault_of(http, thin())
    assert (fault.fault, fault.call) == (Fault.MALFORMED, "profile")


def test_userinfo_that_is_needed_and_can_not_be_had_stops(http, issuer):
    issuer.replace(responses.GET, USERINFO, status=500)
    assert fault_of(http, thin()).call == "profile"


# What its word is worth.


@pytest.mark.parametrize("verified", [False, "true", "false", 1, None, [], {}])
def test_only_a_true_that_is_a_boolean_verifies_an_address(http, issuer, verified):
    identity = company.identify(http, token(email_verified=verified), nonce=NONCE)
    assert (identity.email, identity.email_trust) == ("ada@example.test", EmailTrust.NONE)
    issuer.replace(responses.GET, USERINFO, json=PROFILE | {"email_verified": verified})
    assert company.identify(http, thin(), nonce=NONCE).email_trust is EmailTrust.NONE


@pytest.mark.parametrize(
    ("email", "trust"),
    [
        ("ada@example.test", EmailTrust.AUTHORITATIVE),
        ("ada@EXAMPLE.Test", EmailTrust.AUTHORITATIVE),
        ("ada@m\u00fcnchen.test", EmailTrust.AUTHORITATIVE),
        ("ada@xn--mnchen-3ya.test", EmailTrust.AUTHORITATIVE),
        ("ada@XN--mnchen-3ya.test", EmailTrust.AUTHORITATIVE),
        ("ada@ban\u212a.test", EmailTrust.VERIFIED),  # a Kelvin sign
        ("ada@sub.example.test", EmailTrust.VERIFIED),
        ("ada@example.test.", EmailTrust.VERIFIED),
        ("ada@notexample.test", EmailTrust.VERIFIED),
        ("ada@gmail.com", EmailTrust.VERIFIED),
    ],
)
def test_it_has_the_last_word_in_the_domains_that_the_configuration_names(http, issuer, email, trust):
    domains = ["Example.Test", "m\u00fcnchen.test", "bank.test"]
    named = company.configure("company", {"authoritative_for": domains})
    assert named.identify(http, token(email=email), nonce=NONCE).email_trust is trust
    assert named.identify(http, token(email=email, email_verified=False), nonce=NONCE).email_trust is EmailTrust.NONE


@pytest.mark.parametrize(
    "domain", ["", "a b.test", "@example.test", "*.example.test", "test", "ex\u212a.test", 7, None]
)
def test_what_is_no_domain_is_told_at_the_start(domain):
    with pytest.raises(ValueError, match="authoritative_for of provider 'x' takes domains such as"):
        company.configure("x", {"authoritative_for": [domain]})


def test_nobody_is_authoritative_for_gmail_but_google(http, issuer):
    assert company.identify(http, token(email="ada@gmail.com", hd="gmail.com"), nonce=NONCE).email_trust is (
        EmailTrust.VERIFIED
    )


def test_hosted_domains_are_google_s():
    with pytest.raises(ValueError, match="'x' has no setting hosted_domains"):
        company.configure("x", {"hosted_domains": ["example.test"]})


def test_no_address_has_no_trust(http, issuer):
    issuer.replace(responses.GET, USERINFO, json={"sub": PROFILE["sub"], "email_verified": True})
    nobody = Identity(ISSUER, PROFILE["sub"], None, None, None, EmailTrust.NONE, None)
    assert company.identify(http, thin(), nonce=NONCE) == nobody


def test_an_issuer_must_be_https(http):
    with pytest.raises(ValueError, match="issuer of provider 'x' must be an https: address"):
        company.configure("x", {"issuer": "http://id.example.test"})


# Still you?


def test_a_proof_before_it_was_asked_for_is_refused(http, issuer):
    body = claims()
    began = body["iat"]
    assert company.identify(http, token(auth_time=began + 1), nonce=NONCE, since=began) == ADA
    for told in ({}, {"auth_time": began - 61}, {"auth_time": began - 90 * 86400}):
        fault = fault_of(http, thin(**told), since=began)
        assert (fault.fault, fault.call) == (Fault.NOT_RECENT, "token")
    assert called(issuer) == [JWKS], "and nothing more is asked"


def test_without_an_id_token_nothing_is_proved(http, issuer):
    assert fault_of(http, {"access_token": ACCESS_TOKEN}, nonce=None, since=0.0).fault is Fault.NOT_RECENT
    assert called(issuer) == []


def test_in_a_sign_in_nobody_asks_when(http, issuer):
    assert company.identify(http, token(auth_time="long ago"), nonce=NONCE) == ADA


# Two entries of one issuer.


def test_two_entries_of_one_issuer_share_what_it_says_and_nothing_else(http, issuer):
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/auth",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": JWKS,
    }
    issuer.get(f"{ISSUER}/.well-known/openid-configuration", json=document)
    entries = {
        name: providers.load(name, {"issuer": ISSUER, "client_id": name}).resolve(http) for name in ("work", "private")
    }
    for name, entry in entries.items():
        body = claims(aud=name, azp=name, name="Ada", email="ada@example.test")
        own = {"access_token": ACCESS_TOKEN, "id_token": sign(body)}
        assert entry.identify(http, own, nonce=NONCE).subject == PROFILE["sub"]
        (other,) = [each for each in entries.values() if each is not entry]
        assert fault_of(http, own, provider=other).fault is Fault.MALFORMED, "a token for one is none for the other"
    assert len(called(issuer)) == 2, "one document, one key set"


def test_an_issuer_that_is_down_disturbs_no_other(http, issuer):
    gone = providers.load("gone", {"issuer": "https://gone.example.test", "client_id": "x"})
    with pytest.raises(ProviderError) as caught:
        gone.resolve(http)
    assert caught.value.call == "discovery"
    assert company.identify(http, token(), nonce=NONCE) == ADA
