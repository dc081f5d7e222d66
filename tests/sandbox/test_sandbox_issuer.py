"""The plain OpenID issuers beside the three: discovery, keys, ID token, userinfo, and what each can be told to be."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from sandbox_application import Application, callback

from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from providers.sandbox.__main__ import main

PROVIDERS = ["acme"]
NOW = 1_800_000_000
ZOE = {"subject": "zoe", "name": "Zoë", "email": "zoe@example.com", "verified": True}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    issuers = [
        Issuer(name="acme", entries=("acme", "private")),
        Issuer(name="curved", algorithm="ES256"),
        Issuer(name="sparse", sparse=True),
        Issuer(name="old", says_auth_time=False, sends_iss=False, auth_methods=("client_secret_basic",)),
        Issuer(name="wrong", misbehaves="discovery-issuer-mismatch"),
    ]
    with running_sandbox(issuers=issuers, clock=lambda: float(NOW)) as running:
        yield running


def test_discovery_names_addresses_that_answer(application: Application) -> None:
    document = _discovers(application)
    assert document["issuer"] == application.settings["issuer"] == f"{application.sandbox.base}/issuer/acme"
    assert "auth_time" in document["claims_supported"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert application.http.get(document["jwks_uri"]).headers["Cache-Control"] == "public, max-age=3600"
    assert application.http.get(document["userinfo_endpoint"]).status_code == 401
    assert application.http.post(document["token_endpoint"]).status_code == 400
    assert application.http.get(document["authorization_endpoint"]).status_code == 400


def test_an_issuer_that_nobody_asked_for_is_not_there(application: Application) -> None:
    for path in (".well-known/openid-configuration", "keys", "authorize", "userinfo"):
        assert application.http.get(f"{application.sandbox.base}/issuer/nobody/{path}").status_code == 404


def test_the_id_token_says_who_for_whom_and_since_when(application: Application) -> None:
    answer = application.signs_in(ZOE, nonce="n-1")
    claims = _claims(answer["id_token"])
    assert claims["iss"] == application.settings["issuer"]
    assert claims["aud"] == claims["azp"] == "acme-client"
    assert (claims["sub"], claims["name"], claims["nonce"]) == ("zoe", "Zoë", "n-1")
    assert (claims["email"], claims["email_verified"]) == ("zoe@example.com", True)
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 3600)
    assert application.reads_profile(answer["access_token"]).json()["sub"] == "zoe"


@pytest.mark.parametrize("path", ["/login/acme/authorized", "/login/private/authorized"])
def test_two_entries_of_a_portal_may_use_one_issuer(application: Application, path: str) -> None:
    answer = application.asks(ZOE, redirect_uri=f"http://localhost:8000{path}")
    assert callback(answer)["iss"] == application.settings["issuer"]


@pytest.mark.parametrize(
    ("asked", "ago"),
    [
        ({}, 3600),
        ({"prompt": "select_account"}, 3600),
        ({"prompt": "login"}, 0),
        ({"max_age": "0"}, 0),
        ({"max_age": "300"}, 0),
        ({"max_age": "86400"}, 3600),
    ],
)
def test_who_is_asked_to_sign_in_anew_has_just_done_so(
    application: Application, asked: dict[str, str], ago: int
) -> None:
    assert _claims(application.signs_in(ZOE, **asked)["id_token"])["auth_time"] == NOW - ago


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
def test_what_cannot_be_asked_is_told_to_the_application(
    application: Application, asked: dict[str, str], error: str
) -> None:
    assert callback(application.asks(ZOE, **asked))["error"] == error


def test_google_knows_no_auth_time(sandbox: RunningSandbox, application: Application) -> None:
    application.name = "google"
    claims = _claims(application.signs_in(ZOE, prompt="login", max_age="0")["id_token"])
    assert "auth_time" not in claims
    found = application.http.get(f"{sandbox.base}/google/.well-known/openid-configuration").json()
    assert "auth_time" not in found["claims_supported"]


def test_es256_verifies_with_the_published_key(application: Application) -> None:
    application.name = "curved"
    assert _discovers(application)["id_token_signing_alg_values_supported"] == ["ES256"]
    header, claims, signature = application.signs_in(ZOE)["id_token"].split(".")
    (key,) = application.reads_keys()
    assert (json.loads(_decode(header))["alg"], json.loads(_decode(header))["kid"]) == ("ES256", key["kid"])
    x, y, r, s = (
        int.from_bytes(part)
        for part in (_decode(key["x"]), _decode(key["y"]), _decode(signature)[:32], _decode(signature)[32:])
    )
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), f"{header}.{claims}".encode(), ec.ECDSA(SHA256()))


def test_a_sparse_one_says_name_and_address_in_userinfo_only(application: Application) -> None:
    application.name = "sparse"
    answer = application.signs_in(ZOE)
    assert not _claims(answer["id_token"]).keys() & {"name", "email", "email_verified", "picture"}
    profile = application.reads_profile(answer["access_token"]).json()
    assert (profile["name"], profile["email"], profile["email_verified"]) == ("Zoë", "zoe@example.com", True)


def test_an_old_one_sends_no_iss_knows_no_auth_time_and_takes_no_secret_in_the_body(application: Application) -> None:
    application.name = "old"
    document = _discovers(application)
    assert document["authorization_response_iss_parameter_supported"] is False
    assert "auth_time" not in document["claims_supported"]
    assert document["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert "iss" not in callback(application.asks(ZOE))
    refused = application.redeems(application.gets_code(ZOE))
    assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
    secret = (application.settings["client_id"], application.settings["client_secret"])
    application.http.auth = requests.auth.HTTPBasicAuth(*secret)
    answer = application.redeems(application.gets_code(ZOE), client_id=None, client_secret=None)
    assert "auth_time" not in _claims(answer.json()["id_token"])


def test_one_that_always_misbehaves_does_so_from_the_first_document_on(application: Application) -> None:
    application.name = "wrong"
    assert _discovers(application)["issuer"] == "https://issuer.somebody-else.test"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"misbehaves": "kind"}, "no such misbehaviour: kind"),
        ({"name": "a/b"}, "a/b can't be an issuer's name"),
        ({"name": ""}, "can't be an issuer's name"),
        ({"algorithm": "none"}, "RS256 or ES256, not with none"),
    ],
)
def test_an_issuer_that_cannot_be_is_refused_at_once(told: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Issuer(**{"name": "acme", **told})


def test_the_command_line_refuses_it_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--issuer", "a/b"]) == 2
    assert capsys.readouterr().err == "a/b can't be an issuer's name: a-z, 0-9, - and _ make one.\n"


def test_codes_and_tokens_of_one_issuer_open_nothing_at_another(application: Application) -> None:
    code, token = application.gets_code(ZOE), application.signs_in(ZOE)["access_token"]
    application.name = "curved"
    assert application.redeems(code).json() == {"error": "invalid_grant"}
    assert application.reads_profile(token).status_code == 401


def test_a_person_can_use_its_page(application: Application) -> None:
    page = application.asks()
    assert "Who are you at the stand-in Issuer?" in page.text
    assert "ID token of another flow" in page.text
    assert "Discovery document" not in page.text, "what can't be chosen for one sign-in alone"
    code = callback(application.presses("ada", page=page))["code"]
    assert _claims(application.redeems(code).json()["id_token"])["name"] == "Ada Lovelace"


@pytest.mark.full
def test_the_command_line_serves_one_and_prints_its_settings() -> None:
    command = [sys.executable, "-m", "providers.sandbox", "--port", "0", "--issuer", "acme"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(6)]
        finally:
            process.terminate()
    assert lines[2].strip() == "[providers.acme]"
    assert lines[3].strip().startswith('issuer = "http://127.0.0.1:')
    assert lines[4].strip() == 'client_id = "acme-client"'


def _discovers(application: Application) -> dict[str, Any]:
    found: dict[str, Any] = application.http.get(
        f"{application.settings['issuer']}/.well-known/openid-configuration"
    ).json()
    return found


def _claims(token: str) -> dict[str, Any]:
    return dict(json.loads(_decode(token.split(".")[1])))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
