"""GitHub: whether somebody is an active member of an organisation, asked of GitHub by the organisation's name."""

from threading import Barrier

import pytest
import responses

import providers
from providers.base import Fault, ProviderError

MEMBERSHIP = "https://api.github.com/user/memberships/orgs/{}"
CREDENTIALS = {"client_id": "id", "client_secret": "secret"}
TOKEN = {"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "scope": "read:org,read:user,user:email"}


@pytest.fixture
def github():
    return providers.load("github", {**CREDENTIALS, "organisations": ("acme",)})


@pytest.fixture
def api(net, documented):
    net.get("https://api.github.com/user", json=documented("github-user"))
    net.get("https://api.github.com/user/emails", json=documented("github-emails"))
    return net


def answers(net, state=None, *, status=200, name="acme", body=None):
    net.get(MEMBERSHIP.format(name), json=body if body is not None else {"state": state}, status=status)


def test_the_permission_is_asked_for_with_the_setting_only(github):
    assert github.scopes == ("read:user", "user:email", "read:org")
    assert providers.load("github", CREDENTIALS).scopes == ("read:user", "user:email")
    assert providers.load("github", {**CREDENTIALS, "organisations": ()}).scopes == ("read:user", "user:email")


@pytest.mark.parametrize("scope", ["read:org", "write:org", "admin:org"])
def test_scopes_that_include_it_already_are_left_as_they_are(scope):
    settings = {**CREDENTIALS, "organisations": ("acme",), "scopes": ("read:user", scope)}
    assert providers.load("github", settings).scopes == ("read:user", scope)


@pytest.mark.parametrize("name", ["", "../user", "a/b", "a?b", "-acme", "acme#1", "a" * 40, "acmé", 3, None, "a\n"])
def test_what_is_no_organisation_s_name_becomes_part_of_no_address(name):
    with pytest.raises(ValueError, match="organisations of provider 'github'"):
        providers.load("github", {**CREDENTIALS, "organisations": (name,)})


def test_an_active_member_is_identified(github, http, api):
    answers(api, "active")
    assert github.identify(http, TOKEN, nonce=None).subject == "583231"
    assert len(api.calls) == 3


def test_all_three_calls_run_side_by_side(github, http, net, documented):
    meet = Barrier(3, timeout=5)  # breaks if one waits for the other

    def met(document):
        def reply(_):
            meet.wait()
            return 200, {}, responses.json_module.dumps(document)

        return reply

    for url, document in (
        ("https://api.github.com/user", documented("github-user")),
        ("https://api.github.com/user/emails", documented("github-emails")),
        (MEMBERSHIP.format("acme"), {"state": "active"}),
    ):
        net.add_callback("GET", url, met(document), content_type="application/json")
    assert github.identify(http, TOKEN, nonce=None).subject == "583231"


REFUSED = {
    "invited, and has not accepted": ({"state": "pending"}, 200),
    "no state": ({}, 200),
    "a state of another type": ({"state": True}, 200),
    "in other letters": ({"state": "Active"}, 200),
    "no member": ({"message": "Not Found"}, 404),
    "an organisation that has not approved us": ({"message": "restricted"}, 403),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
def test_whoever_else_is_not_let_in(github, http, api, body, status):
    answers(api, body=body, status=status)
    with pytest.raises(ProviderError) as refused:
        github.identify(http, TOKEN, nonce=None)
    assert refused.value.fault is Fault.NOT_ALLOWED
    assert "acme" in refused.value.detail


@pytest.mark.parametrize(("status", "fault"), [(500, Fault.STATUS), (401, Fault.STATUS), (302, Fault.STATUS)])
def test_an_answer_that_is_none_lets_nobody_in(github, http, api, status, fault):
    answers(api, "active", status=status)
    with pytest.raises(ProviderError) as broken:
        github.identify(http, TOKEN, nonce=None)
    assert broken.value.fault is fault


@pytest.mark.parametrize("scope", ["read:user,user:email", "", "repo", "read:orgs"])
def test_without_the_permission_nothing_is_asked(github, http, api, scope):
    with pytest.raises(ProviderError) as refused:
        github.identify(http, TOKEN | {"scope": scope}, nonce=None)
    assert refused.value.fault is Fault.SCOPE_MISSING
    assert not [call for call in api.calls if "memberships" in call.request.url]


def test_the_first_that_says_yes_ends_the_asking(http, api):
    github = providers.load("github", {**CREDENTIALS, "organisations": ("one", "two", "three")})
    answers(api, name="one", status=404)
    answers(api, "active", name="two")
    assert github.identify(http, TOKEN, nonce=None).subject == "583231"
    assert [call.request.url.rpartition("/")[2] for call in api.calls if "memberships" in call.request.url] == [
        "one",
        "two",
    ]


def test_without_the_setting_nobody_is_asked(http, api):
    providers.load("github", CREDENTIALS).identify(http, TOKEN, nonce=None)
    assert len(api.calls) == 2
