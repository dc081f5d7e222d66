"""The stand-in GitHub: forms, errors with status 200, an integer id, and the address call."""

from __future__ import annotations

from urllib.parse import parse_qs

from sandbox_application import Application, callback

PROVIDERS = ["github"]
ZOE = {"subject": "4711", "name": "Zoë", "email": "zoe@example.com", "verified": True}


def test_the_token_answer_is_json_only_where_asked_for(application: Application) -> None:
    assert application.signs_in()["token_type"] == "bearer"
    form = {
        "client_id": application.settings["client_id"],
        "client_secret": application.settings["client_secret"],
        "redirect_uri": application.redirect_uri,
        "code": application.gets_code(),
        "code_verifier": "v" * 43,
    }
    answer = application.http.post(application.settings["token_url"], data=form)
    assert answer.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert parse_qs(answer.text)["scope"] == ["read:user,user:email"]


def test_scopes_come_back_with_commas_and_the_token_without_an_expiry(application: Application) -> None:
    answer = application.signs_in()
    assert answer["scope"] == "read:user,user:email"
    assert answer["access_token"].startswith("gho_")
    assert "expires_in" not in answer


def test_errors_come_with_status_200(application: Application) -> None:
    code = application.gets_code()
    wrong_secret = application.redeems(code, client_secret="wrong")
    assert (wrong_secret.status_code, wrong_secret.json()["error"]) == (200, "incorrect_client_credentials")
    elsewhere = application.redeems(code, redirect_uri="http://localhost:8000/")
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (200, "redirect_uri_mismatch")
    used = application.redeems(code)
    assert (used.status_code, used.json()["error"]) == (200, "bad_verification_code")


def test_the_id_is_an_integer_and_the_address_is_not_on_the_profile(application: Application) -> None:
    profile = application.knows(ZOE)
    assert profile["id"] == 4711
    assert isinstance(profile["id"], int)
    assert profile["email"] is None
    assert profile["login"]


def test_a_public_address_is_on_the_profile(application: Application) -> None:
    token = application.redeems(callback(application.presses("barbara"))["code"]).json()["access_token"]
    assert application.reads_profile(token).json()["email"] == "barbara@code.test"


def test_a_person_may_have_no_name(application: Application) -> None:
    token = application.redeems(callback(application.presses("nameless"))["code"]).json()["access_token"]
    profile = application.reads_profile(token).json()
    assert profile["name"] is None
    assert profile["login"] == "octo"


def test_the_first_of_the_addresses_is_not_the_primary_one(application: Application) -> None:
    listed = application.calls("/github/api/user/emails", application.signs_in(ZOE)["access_token"]).json()
    assert not listed[0]["primary"]
    assert [entry["email"] for entry in listed if entry["primary"] and entry["verified"]] == ["zoe@example.com"]


def test_an_address_that_is_not_verified_says_so(application: Application) -> None:
    token = application.signs_in(ZOE | {"verified": False})["access_token"]
    listed = application.calls("/github/api/user/emails", token).json()
    assert [entry["verified"] for entry in listed if entry["primary"]] == [False]


def test_a_person_without_an_address_has_an_empty_list(application: Application) -> None:
    token = application.signs_in({"subject": "1"})["access_token"]
    assert application.calls("/github/api/user/emails", token).json() == []


def test_addresses_need_their_scope(application: Application) -> None:
    token = application.signs_in(ZOE, scope="read:user")["access_token"]
    assert application.calls("/github/api/user/emails", token).status_code == 404
    assert application.calls("/github/api/user", token).status_code == 200


def test_the_api_refuses_whoever_does_not_say_what_it_is(application: Application) -> None:
    token = application.signs_in()["access_token"]
    application.http.headers["User-Agent"] = ""
    assert application.reads_profile(token).status_code == 403
