"""The stand-in Facebook: the proof, the fields, nested errors, people without an address."""

from __future__ import annotations

import pytest
from sandbox_application import VERIFIER, Application, callback

PROVIDERS = ["facebook"]
ZOE = {"subject": "4711", "name": "Zoë", "email": "zoe@example.com"}


def test_the_token_lives_for_sixty_days_and_cannot_be_refreshed(application: Application) -> None:
    answer = application.signs_in()
    assert answer["expires_in"] == 5183944
    assert answer.keys() == {"access_token", "token_type", "expires_in"}


def test_the_token_call_may_be_a_get(application: Application) -> None:
    params = {
        "client_id": application.settings["client_id"],
        "client_secret": application.settings["client_secret"],
        "redirect_uri": application.redirect_uri,
        "code": application.gets_code(),
        "code_verifier": VERIFIER,
    }
    assert "access_token" in application.http.get(application.settings["token_url"], params=params).json()


@pytest.mark.parametrize("version", ["v25.0", "v19.0", "v130.12"])
def test_any_version_is_answered(application: Application, version: str) -> None:
    path = f"/facebook/{version}/me"
    assert application.calls(path, application.signs_in(ZOE)["access_token"]).json()["id"] == "4711"


@pytest.mark.parametrize("path", ["/facebook/me", "/facebook/25.0/me", "/facebook/v25/me"])
def test_an_address_without_a_version_does_not_exist(application: Application, path: str) -> None:
    assert application.calls(path, application.signs_in()["access_token"]).status_code == 404


@pytest.mark.parametrize("proof", [None, "", "0" * 64, "ä"])
def test_a_call_without_the_right_proof_is_refused(application: Application, proof: str | None) -> None:
    answer = application.reads_profile(application.signs_in()["access_token"], appsecret_proof=proof)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 100


def test_only_the_fields_that_were_asked_for_are_told(application: Application) -> None:
    token = application.signs_in(ZOE)["access_token"]
    assert application.reads_profile(token, fields=None).json() == {"id": "4711", "name": "Zoë"}
    assert application.reads_profile(token, fields="email").json() == {"id": "4711", "email": "zoe@example.com"}
    assert "url" in application.reads_profile(token, fields="picture").json()["picture"]["data"]
    assert application.reads_profile(token, fields="shoe_size").json()["error"]["code"] == 100


def test_a_person_without_an_address_has_no_such_field(application: Application) -> None:
    token = application.redeems(callback(application.presses("alan"))["code"]).json()["access_token"]
    assert "email" not in application.reads_profile(token).json()


def test_an_address_needs_its_scope(application: Application) -> None:
    assert "email" not in application.knows(ZOE, scope="public_profile")


def test_whether_an_address_is_verified_is_never_said(application: Application) -> None:
    assert application.knows(ZOE | {"verified": True}).keys() == {"id", "name", "email", "picture"}
    assert "verified" not in application.asks().text


def test_errors_are_nested_with_code_subcode_and_trace(application: Application) -> None:
    code = application.gets_code()
    application.redeems(code)
    used = application.redeems(code)
    assert used.status_code == 400
    error = used.json()["error"]
    assert (error["type"], error["code"], error["error_subcode"]) == ("OAuthException", 100, 36009)
    assert error["message"]
    assert error["fbtrace_id"]


def test_a_dead_token_is_code_190(application: Application) -> None:
    assert application.reads_profile("EAAdead").json()["error"]["code"] == 190


def test_deny_carries_facebooks_own_reasons(application: Application) -> None:
    answer = callback(application.presses("deny"))
    assert answer["error_reason"] == "user_denied"
    assert answer["error_code"] == "200"
