"""What a provider's answer to a dry run tells of the registration, as each of them words it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
import requests

import providers
from providers.base import ApiVersion, Fault, ProviderError
from providers.oidc import OpenIDProvider

URI = "https://login.example.com/login/x/authorized"
CLIENT, REDIRECT = ("client_id",), ("redirect_uri",)


def answered(status: int, body: str = "", location: str = "") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    if location:
        response.headers["Location"] = location
    return response


def google_error(name: str, *, safe: bool = False) -> str:
    message = bytes([10, len(name)]) + name.encode() + b"\x12\x1fThe OAuth client was not found. \x91\x03"
    encoded = urlsafe_b64encode(message).decode()
    return f"https://accounts.google.com/signin/oauth/error?authError={encoded.replace('=', '%3D')}&client_id=x"


AUTHORIZATION: list[tuple[str, requests.Response, tuple[str, ...], tuple[str, ...]]] = [
    # By the standards.
    ("oidc", answered(302, location=f"{URI}?error=login_required&state=s"), (), (*CLIENT, *REDIRECT, "scopes")),
    ("oidc", answered(303, location=f"{URI}?error=invalid_scope"), ("scopes",), (*CLIENT, *REDIRECT)),
    ("oidc", answered(303, location=f"{URI}?error=unauthorized_client"), CLIENT, REDIRECT),
    ("oidc", answered(303, location=f"{URI}?error=server_error"), (), (*CLIENT, *REDIRECT)),
    ("oidc", answered(302, location="https://id.example.com/login"), (), ()),
    ("oidc", answered(302, location=f"{URI}.evil.example/?error=login_required"), (), ()),
    ("oidc", answered(200, "<form>Sign in. redirect_uri client_id</form>"), (), ()),
    ("oidc", answered(400, "Invalid parameter: redirect_uri"), REDIRECT, CLIENT),
    ("oidc", answered(400, "Client not found."), CLIENT, ()),
    ("oidc", answered(400, "AADSTS50011: the reply address"), REDIRECT, CLIENT),
    ("oidc", answered(403, "Callback URL mismatch."), REDIRECT, CLIENT),
    ("oidc", answered(400, "Bad request"), (*CLIENT, *REDIRECT), ()),
    # Google, whose errors are in base64.
    ("google", answered(302, location=google_error("invalid_client")), CLIENT, ()),
    ("google", answered(302, location=google_error("deleted_client")), CLIENT, ()),
    ("google", answered(302, location=google_error("redirect_uri_mismatch")), REDIRECT, ()),
    ("google", answered(302, location=google_error("org_internal")), (), ()),
    ("google", answered(302, location="https://accounts.google.com/signin/oauth/error?authError=%00!"), (), ()),
    ("google", answered(302, location=f"{URI}?error=interaction_required"), (), (*CLIENT, *REDIRECT, "scopes")),
    # GitHub.
    ("github", answered(404, "Not Found"), CLIENT, ()),
    ("github", answered(302, location="https://github.com/login?client_id=x&return_to=%2Flogin%2Foauth"), (), CLIENT),
    ("github", answered(302, location="https://old.example/?error=redirect_uri_mismatch&state=s"), REDIRECT, ()),
    ("github", answered(200, "The redirect_uri is not associated with this application."), REDIRECT, CLIENT),
    # Facebook.
    ("facebook", answered(302, location="https://www.facebook.com/oauth/error/?error_code=PLATFORM__INVALID_APP_ID"),
     CLIENT, ()),
    ("facebook", answered(302, location="https://www.facebook.com/login.php?skip_api_login=1"), (), CLIENT),
    ("facebook", answered(200, "URL Blocked: This redirect failed"), REDIRECT, CLIENT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "response", "refuses", "accepts"), AUTHORIZATION)
def test_an_authorization_answer_tells_what_is_registered(
    name: str, response: requests.Response, refuses: tuple[str, ...], accepts: tuple[str, ...]
) -> None:
    answer = provider(name).read_dry_authorization(response, URI)
    assert (set(answer.refuses), set(answer.accepts)) == (set(refuses), set(accepts))


@pytest.mark.parametrize("name", ["oidc", "google", "github", "facebook"])
def test_an_outage_tells_nothing(name: str) -> None:
    with pytest.raises(ProviderError) as caught:
        provider(name).read_dry_authorization(answered(503, "client_id"), URI)
    assert caught.value.fault is Fault.STATUS


TOKENS: list[tuple[str, int, Any, tuple[str, ...], tuple[str, ...]]] = [
    ("oidc", 400, {"error": "invalid_grant"}, (), ("client_id", "client_secret")),
    ("oidc", 401, {"error": "invalid_client"}, ("client_id", "client_secret"), ()),
    ("google", 400, {"error": "redirect_uri_mismatch"}, REDIRECT, ()),
    ("github", 200, {"error": "bad_verification_code"}, (), ("client_id", "client_secret")),
    ("github", 200, {"error": "incorrect_client_credentials"}, ("client_secret",), ()),
    ("github", 404, {"error": "Not Found"}, CLIENT, ()),
    ("facebook", 400, {"error": {"code": 100, "message": "m"}}, (), ("client_id", "client_secret")),
    ("facebook", 400, {"error": {"code": 1, "message": "m"}}, ("client_secret",), ()),
    ("facebook", 400, {"error": {"code": 101, "message": "m"}}, CLIENT, ()),
    ("facebook", 400, {"error": {"code": 191, "message": "m"}}, REDIRECT, ()),
]


@pytest.mark.parametrize(("name", "status", "body", "refuses", "accepts"), TOKENS)
def test_a_token_answer_tells_whether_the_secret_is_right(
    name: str, status: int, body: Any, refuses: tuple[str, ...], accepts: tuple[str, ...], answer: Any
) -> None:
    told = provider(name).read_dry_token(answer(body, status=status))
    assert (told.refuses, told.accepts) == (refuses, accepts)


@pytest.mark.parametrize(("status", "body"), [(500, {}), (400, {"error": "odd"}), (200, {"access_token": "a"})])
def test_a_token_answer_that_proves_nothing_is_an_error(status: int, body: Any, answer: Any) -> None:
    """Whoever gives a token for a code that nobody issued is no provider."""
    with pytest.raises(ProviderError):
        provider("oidc").read_dry_token(answer(body, status=status))


@pytest.mark.parametrize(
    ("api_url", "version"),
    [
        ("https://graph.facebook.com/v25.0", "v25.0"),
        ("https://graph.facebook.com/v99.0", "v99.0"),
        ("https://graph.facebook.com", ""),
    ],
)
def test_the_version_of_the_graph_is_the_one_in_its_address(api_url: str, version: str) -> None:
    found = providers.load("facebook", {"api_url": api_url}).api_version
    assert isinstance(found, ApiVersion)
    assert (found.name, found.released is not None) == (version, version == "v25.0")


def test_a_console_is_only_named_where_the_provider_is_at_its_usual_address() -> None:
    assert providers.load("github", {}).console.url == "https://github.com/settings/developers"
    enterprise = {"authorization_url": "https://code.example.com/login/oauth/authorize"}
    assert providers.load("github", enterprise).console.url == ""


def provider(name: str) -> providers.Provider:
    return OpenIDProvider(title="Acme") if name == "oidc" else providers.load(name, {})
