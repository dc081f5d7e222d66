"""Facebook: ids of one app, nested errors, a proof on every call, and addresses that nobody vouches for."""

import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

import providers
from providers.base import EmailTrust, Fault, Identity, ProviderError
from providers.facebook import GRAPH_VERSION

ME = f"https://graph.facebook.com/{GRAPH_VERSION}/me"
TOKEN = {"access_token": "EAABexample", "token_type": "bearer", "expires_in": 5183944}


@pytest.fixture
def facebook():
    return providers.load("facebook", {"client_id": "1234567890", "client_secret": "app-s3cret"})


@pytest.fixture
def graph(net, documented):
    """Graph with the documented person."""
    net.get(ME, json=documented("facebook-me"), content_type="text/javascript; charset=UTF-8")
    return net


def test_the_documented_person_is_identified(facebook, http, graph):
    identity = facebook.identify(http, TOKEN, nonce=None)
    assert identity.avatar.startswith(
        "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid=10216543210987654"
    )
    assert identity == Identity(
        issuer="https://www.facebook.com/1234567890",
        subject="10216543210987654",
        name="Fiona Example",
        login=None,
        email="fiona@gmail.com",
        email_trust=EmailTrust.NONE,
        avatar=identity.avatar,
    )


def test_the_call_proves_that_the_caller_holds_the_app_s_secret(facebook, http, graph):
    """T15."""
    facebook.identify(http, TOKEN, nonce=None)
    (call,) = graph.calls
    query = parse_qs(urlsplit(call.request.url).query)
    proof = hmac.new(b"app-s3cret", b"EAABexample", hashlib.sha256).hexdigest()
    assert query == {"fields": ["id,name,email,picture"], "appsecret_proof": [proof]}
    assert call.request.headers["Authorization"] == "Bearer EAABexample"
    assert "app-s3cret" not in call.request.url


def test_every_address_is_of_one_graph_version(facebook):
    assert facebook.authorization_url == f"https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth"
    assert facebook.token_url == f"https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token"
    assert facebook.scopes == ("public_profile", "email")
    assert (facebook.iss, facebook.sends_iss, facebook.uses_nonce) == ("https://www.facebook.com", False, False)


def test_another_app_is_another_issuer(facebook):
    other = providers.load("facebook", {"client_id": "99"})
    assert (facebook.issuer, other.issuer) == ("https://www.facebook.com/1234567890", "https://www.facebook.com/99")


@pytest.mark.parametrize(
    "wrong", [None, True, 10216543210987654, 1.0, "", "0", "01", "1 ", "+1", "1e3", "١", "1\n", "1" * 33, ["1"], "abc"]
)
def test_an_id_that_is_no_string_of_digits_is_no_subject(facebook, http, graph, documented, wrong):
    graph.replace(responses.GET, ME, json=documented("facebook-me", id=wrong))
    with pytest.raises(ProviderError) as caught:
        facebook.identify(http, TOKEN, nonce=None)
    assert caught.value.fault is Fault.SUBJECT


@pytest.mark.parametrize(
    "picture", [None, "x", [], {}, {"data": None}, {"data": {"url": 7}}, {"data": {"url": "http://x/y"}}]
)
def test_a_person_without_name_address_or_picture_is_somebody(facebook, http, graph, picture):
    graph.replace(responses.GET, ME, json={"id": "7", "picture": picture})
    nobody = Identity("https://www.facebook.com/1234567890", "7", None, None, None, EmailTrust.NONE, None)
    assert facebook.identify(http, TOKEN, nonce=None) == nobody


def test_a_silhouette_is_no_picture(facebook, http, graph):
    data = {"is_silhouette": True, "url": "https://scontent.xx.fbcdn.net/silhouette.png"}
    graph.replace(responses.GET, ME, json={"id": "7", "picture": {"data": data}})
    assert facebook.identify(http, TOKEN, nonce=None).avatar is None


def test_a_dead_token_is_a_fault_of_the_profile_call_and_shows_no_proof(facebook, http, graph):
    graph.replace(responses.GET, ME, json={"error": {"code": 190, "type": "OAuthException"}}, status=400)
    with pytest.raises(ProviderError) as caught:
        facebook.identify(http, TOKEN, nonce=None)
    assert (caught.value.fault, caught.value.call, caught.value.detail) == (Fault.STATUS, "profile", "400")


def test_the_documented_refusal_of_a_spent_code_is_understood(facebook, answer, documented):
    with pytest.raises(ProviderError) as caught:
        facebook.read_token(answer(documented("facebook-code-used"), status=400))
    assert caught.value.fault is Fault.CODE_REFUSED


@pytest.mark.parametrize(
    ("error", "fault", "shown"),
    [
        ({"code": 100}, Fault.CODE_REFUSED, "100"),
        ({"code": 100, "error_subcode": 36007}, Fault.CODE_REFUSED, "100"),
        ({"code": 100, "error_subcode": 36008}, Fault.CLIENT_REFUSED, "100/36008"),
        ({"code": 191}, Fault.CLIENT_REFUSED, "191"),
        ({"code": 1}, Fault.CLIENT_REFUSED, "1"),
        ({"code": 101}, Fault.CLIENT_REFUSED, "101"),
        ({"code": 4}, Fault.STATUS, "4"),
        ({"code": "100"}, Fault.STATUS, "no known error code"),
        ({"code": True}, Fault.STATUS, "no known error code"),
        ({"code": 10**40}, Fault.STATUS, "no known error code"),
        ({}, Fault.STATUS, "no known error code"),
        ("invalid_grant", Fault.STATUS, "no known error code"),
        (None, Fault.STATUS, "no known error code"),
    ],
)
def test_a_nested_error_says_who_must_act(facebook, answer, error, fault, shown):
    with pytest.raises(ProviderError) as caught:
        facebook.read_token(answer({"error": error}, status=400))
    assert (caught.value.fault, caught.value.detail) == (fault, f"400 {shown}")


def test_graph_s_own_trouble_is_not_taken_for_a_wrong_secret(facebook, answer):
    with pytest.raises(ProviderError) as caught:
        facebook.read_token(answer({"error": {"code": 1, "message": "An unknown error occurred"}}, status=500))
    assert caught.value.fault is Fault.STATUS


def test_a_token_is_read_and_its_scopes_are_those_asked_for(facebook, answer):
    token = facebook.read_token(answer(TOKEN, content_type="text/javascript; charset=UTF-8"))
    assert token == TOKEN
    assert facebook.granted_scopes(token) == ("public_profile", "email")
