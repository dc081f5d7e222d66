"""GitHub: a numeric id, an address from a call of its own, and errors that come with status 200."""

from threading import Barrier

import pytest
import responses

import providers
from providers.base import EmailTrust, Fault, Identity, ProviderError

USER = "https://api.github.com/user"
EMAILS = "https://api.github.com/user/emails"
TOKEN = {"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "scope": "read:user,user:email"}


@pytest.fixture
def github():
    return providers.load("github", {"client_id": "id", "client_secret": "secret"})


@pytest.fixture
def api(net, documented):
    """GitHub with the documented person."""
    net.get(USER, json=documented("github-user"))
    net.get(EMAILS, json=documented("github-emails"))
    return net


def test_the_documented_person_is_identified(github, http, api):
    assert github.identify(http, TOKEN, nonce=None) == Identity(
        issuer="https://github.com/login/oauth",
        subject="583231",
        name="The Octocat",
        login="octocat",
        email="octocat@example.com",
        email_trust=EmailTrust.VERIFIED,
        avatar="https://avatars.githubusercontent.com/u/583231?v=4",
    )


def test_every_call_carries_token_version_and_a_name(github, http, api):
    github.identify(http, TOKEN, nonce=None)
    assert sorted(call.request.url for call in api.calls) == [USER, EMAILS + "?per_page=100"]
    for call in api.calls:
        assert call.request.headers["Authorization"] == f"Bearer {TOKEN['access_token']}"
        assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert "python-requests" not in call.request.headers["User-Agent"]


def test_its_two_calls_run_side_by_side(github, http, net, documented):
    meet = Barrier(2, timeout=5)  # breaks if one waits for the other

    def met(name):
        def reply(_):
            meet.wait()
            return 200, {}, responses.json_module.dumps(documented(name))

        return reply

    net.add_callback("GET", USER, met("github-user"), content_type="application/json")
    net.add_callback("GET", EMAILS, met("github-emails"), content_type="application/json")
    assert github.identify(http, TOKEN, nonce=None).email == "octocat@example.com"


def test_it_is_asked_for_profile_and_addresses_and_says_who_it_is(github):
    assert github.scopes == ("read:user", "user:email")
    assert (github.issuer, github.iss) == ("https://github.com/login/oauth", "https://github.com/login/oauth")
    assert (github.sends_iss, github.uses_nonce) == (False, False)


def test_an_enterprise_server_is_another_issuer():
    server = {"authorization_url": "https://ghe.example.test/login/oauth/authorize"}
    assert providers.load("github", server).issuer == "https://ghe.example.test/login/oauth"


@pytest.mark.parametrize(
    "wrong", [None, True, False, 0, -1, 1.0, 583231.5, "583231", "0583231", "", [583231], {"id": 1}, 2**63]
)
def test_an_id_that_is_no_positive_integer_is_no_subject(github, http, api, documented, wrong):
    api.replace(responses.GET, USER, json=documented("github-user", id=wrong))
    with pytest.raises(ProviderError) as caught:
        github.identify(http, TOKEN, nonce=None)
    assert caught.value.fault is Fault.SUBJECT


def test_an_id_beyond_a_double_is_exact(github, http, api):
    api.replace(responses.GET, USER, body=b'{"id": 9007199254740993}', content_type="application/json")
    assert github.identify(http, TOKEN, nonce=None).subject == "9007199254740993"


def test_a_person_with_an_id_and_nothing_else_is_somebody(github, http, api):
    api.replace(
        responses.GET, USER, json={"id": 1, "name": None, "login": 7, "avatar_url": {}, "email": "x@example.com"}
    )
    api.replace(responses.GET, EMAILS, json=[])
    nobody = Identity("https://github.com/login/oauth", "1", None, None, None, EmailTrust.NONE, None)
    assert github.identify(http, TOKEN, nonce=None) == nobody


@pytest.mark.parametrize(
    "emails",
    [
        [{"email": "a@example.com", "primary": True, "verified": False}],
        [{"email": "a@example.com", "primary": False, "verified": True}],
        [{"email": "a@example.com", "primary": True, "verified": "false"}],
        [{"email": "a@example.com", "primary": "false", "verified": True}],
        [{"email": "a@b@example.com", "primary": True, "verified": True}],
        [{"email": None, "primary": True, "verified": True}],
        ["a@example.com", None, 7, []],
    ],
)
def test_only_an_address_that_is_primary_and_verified_is_taken(github, http, api, emails):
    api.replace(responses.GET, EMAILS, json=emails)
    identity = github.identify(http, TOKEN, nonce=None)
    assert (identity.email, identity.email_trust) == (None, EmailTrust.NONE)


@pytest.mark.parametrize("status", [403, 404])
def test_a_permission_withheld_means_no_address_and_no_failure(github, http, api, status):
    api.replace(responses.GET, EMAILS, json={"message": "Not Found"}, status=status)
    identity = github.identify(http, TOKEN | {"scope": ""}, nonce=None)
    assert (identity.subject, identity.email) == ("583231", None)
    assert github.granted_scopes({"scope": ""}) == ()


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_trouble_at_the_addresses_is_a_failure(github, http, api, status):
    api.replace(responses.GET, EMAILS, status=status)
    with pytest.raises(ProviderError) as caught:
        github.identify(http, TOKEN, nonce=None)
    assert (caught.value.fault, caught.value.call) == (Fault.STATUS, "email")


def test_an_object_where_the_list_of_addresses_belongs_is_malformed(github, http, api):
    api.replace(responses.GET, EMAILS, json={"email": "a@example.com", "primary": True, "verified": True})
    with pytest.raises(ProviderError) as caught:
        github.identify(http, TOKEN, nonce=None)
    assert (caught.value.fault, caught.value.call) == (Fault.MALFORMED, "email")


@pytest.mark.parametrize("status", [403, 404])
def test_no_profile_is_no_sign_in(github, http, api, status):
    api.replace(responses.GET, USER, json={"message": "Not Found"}, status=status)
    with pytest.raises(ProviderError) as caught:
        github.identify(http, TOKEN, nonce=None)
    assert (caught.value.fault, caught.value.call) == (Fault.STATUS, "profile")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("bad_verification_code", Fault.CODE_REFUSED),
        ("incorrect_client_credentials", Fault.CLIENT_REFUSED),
        ("redirect_uri_mismatch", Fault.CLIENT_REFUSED),
        ("unverified_user_email", Fault.MALFORMED),
    ],
)
def test_an_error_with_status_200_is_an_error(github, answer, error, fault):
    with pytest.raises(ProviderError) as caught:
        github.read_token(answer({"error": error, "error_description": "The code passed is incorrect or expired."}))
    assert (caught.value.fault, caught.value.detail) == (fault, f"200 {error}")


@pytest.mark.parametrize("expiry", [{}, {"expires_in": 28800, "refresh_token": "ghr_x"}])
def test_a_token_with_or_without_expiry_is_one_path(github, answer, expiry):
    token = github.read_token(answer(TOKEN | {"token_type": "bearer"} | expiry))
    assert token.get("expires_in") == expiry.get("expires_in")
    assert github.granted_scopes(token) == ("read:user", "user:email")
