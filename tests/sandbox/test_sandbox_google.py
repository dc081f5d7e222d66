"""The stand-in Google: discovery, ID token, key set, userinfo, refresh and revocation."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from sandbox_application import Application, callback

from providers.sandbox import create_sandbox, signing

PROVIDERS = ["google"]


def test_discovery_names_addresses_that_answer(application: Application) -> None:
    base = application.sandbox.base
    document = application.http.get(f"{application.settings['issuer']}/.well-known/openid-configuration").json()
    assert document["issuer"] == f"{base}/google"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["authorization_endpoint"] == f"{base}/google/o/oauth2/v2/auth"
    assert application.http.get(document["jwks_uri"]).status_code == 200
    assert application.http.get(document["userinfo_endpoint"]).status_code == 401
    assert application.http.post(document["token_endpoint"]).status_code == 400
    assert application.http.post(document["revocation_endpoint"]).status_code == 400


def test_the_token_answer_is_shaped_as_googles(application: Application) -> None:
    answer = application.signs_in()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3599
    assert answer["scope"].split() == [
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
        "openid",
    ]
    assert "refresh_token" not in answer


def test_the_id_token_is_signed_and_says_who_for_whom_and_how_long(application: Application) -> None:
    answer = application.signs_in({"name": "Zoë", "email": "zoe@example.com", "verified": True}, nonce="n-1")
    claims = _verified(application, answer["id_token"])
    digest = Hash(SHA256())
    digest.update(answer["access_token"].encode())
    assert claims["iss"] == application.settings["issuer"]
    assert claims["aud"] == claims["azp"] == application.settings["client_id"]
    assert claims["nonce"] == "n-1"
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest.finalize()[:16]).rstrip(b"=").decode()
    assert claims["exp"] == claims["iat"] + 3600
    assert (claims["name"], claims["email"], claims["email_verified"]) == ("Zoë", "zoe@example.com", True)
    assert claims["sub"].isdigit()
    assert len(claims["sub"]) == 21
    assert "hd" not in claims


def test_an_altered_id_token_does_not_verify(application: Application) -> None:
    header, _, signature = application.signs_in()["id_token"].split(".")
    forged = base64.urlsafe_b64encode(b'{"sub": "1"}').rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        _verified(application, f"{header}.{forged}.{signature}")


def test_without_openid_there_is_no_id_token(application: Application) -> None:
    assert "id_token" not in application.signs_in(scope="email profile")


def test_without_a_nonce_there_is_none_in_the_id_token(application: Application) -> None:
    assert "nonce" not in _verified(application, application.signs_in()["id_token"])


def test_a_workspace_account_has_its_domain_in_both_places(application: Application) -> None:
    answer = application.redeems(callback(application.presses("katherine"))["code"]).json()
    assert _verified(application, answer["id_token"])["hd"] == "workspace.test"
    assert application.reads_profile(answer["access_token"]).json()["hd"] == "workspace.test"


def test_userinfo_says_false_as_a_text_where_the_id_token_says_it_as_a_boolean(application: Application) -> None:
    answer = application.signs_in({"email": "zoe@example.com", "verified": False})
    assert application.reads_profile(answer["access_token"]).json()["email_verified"] == "false"
    assert _verified(application, answer["id_token"])["email_verified"] is False


def test_a_person_without_name_and_address_has_neither_claim(application: Application) -> None:
    profile = application.knows({"subject": "42"})
    assert profile["sub"] == "42"
    assert not profile.keys() & {"name", "email", "email_verified"}


def test_only_what_was_asked_for_is_told(application: Application) -> None:
    person = {"name": "Zoë", "email": "zoe@example.com"}
    assert application.knows(person, scope="openid").keys() == {"sub"}
    assert "name" not in application.knows(person, scope="openid email")
    assert "email" not in application.knows(person, scope="openid profile")


def test_offline_access_brings_a_refresh_token_that_can_be_used_and_revoked(application: Application) -> None:
    answer = application.signs_in({"subject": "42"}, access_type="offline")
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    renewed = application.redeems("", **refresh).json()
    assert renewed["access_token"] != answer["access_token"]
    assert application.reads_profile(renewed["access_token"]).json()["sub"] == "42"
    assert application.redeems("", **refresh, client_secret="wrong").status_code == 401

    revoke = f"{application.sandbox.base}/google/revoke"
    assert application.http.post(revoke, data={"token": answer["refresh_token"]}).status_code == 200
    assert application.http.post(revoke, data={"token": answer["refresh_token"]}).status_code == 400
    assert application.redeems("", **refresh).json()["error"] == "invalid_grant"


def test_a_revoked_access_token_reads_nothing(application: Application) -> None:
    token = application.signs_in()["access_token"]
    application.http.post(f"{application.sandbox.base}/google/revoke", data={"token": token})
    assert application.reads_profile(token).status_code == 401


def test_errors_are_googles(application: Application) -> None:
    code = application.gets_code()
    assert application.redeems(code, client_secret="wrong").status_code == 401
    assert application.redeems(code, client_secret="wrong").json()["error"] == "invalid_client"
    application.redeems(code)
    used = application.redeems(code)
    assert (used.status_code, used.json()["error"]) == (400, "invalid_grant")
    assert application.redeems(code, grant_type=None).json()["error"] == "unsupported_grant_type"
    assert application.redeems(application.gets_code(), redirect_uri="x").json()["error"] == "redirect_uri_mismatch"


def test_an_access_token_lives_for_an_hour() -> None:
    now = 1_000_000.0
    app = create_sandbox(clock=lambda: now)
    grants = app.extensions["sandbox"].standins[0].grants
    token = grants.tokens.put(object())
    now += 3598
    assert grants.tokens.get(token) is not None
    now += 1
    assert grants.tokens.get(token) is None


def test_first_callers_at_once_get_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_generate(**_: object) -> object:
        both_are_in.wait(timeout=0.5)
        return object()

    def keys_made() -> int:
        monkeypatch.setattr(signing, "_rsa_keys", {})
        found: list[object] = []
        threads = [threading.Thread(target=lambda: found.append(signing._rsa_key(0))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len({id(key) for key in found})

    class Meeting:
        """Waits until two are in, or gives up: then the lock has kept the other out."""

        def __init__(self) -> None:
            self.barrier = threading.Barrier(2)

        def wait(self, timeout: float) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                self.barrier.wait(timeout)

    monkeypatch.setattr(signing.rsa, "generate_private_key", slow_generate)
    both_are_in = Meeting()
    assert keys_made() == 1
    both_are_in = Meeting()
    monkeypatch.setattr(signing, "_lock", contextlib.nullcontext())
    assert keys_made() == 2


def _verified(application: Application, token: str) -> dict[str, Any]:
    header, claims, signature = token.split(".")
    kid = json.loads(_decode(header))["kid"]
    keys = application.http.get(f"{application.sandbox.base}/google/oauth2/v3/certs").json()["keys"]
    key = next(key for key in keys if key["kid"] == kid)
    n, e = (int.from_bytes(_decode(key[part])) for part in ("n", "e"))
    signed = f"{header}.{claims}".encode()
    rsa.RSAPublicNumbers(e, n).public_key().verify(_decode(signature), signed, padding.PKCS1v15(), SHA256())
    return dict(json.loads(_decode(claims)))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
