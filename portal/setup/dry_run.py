"""Asks a provider two things that sign nobody in: to begin a sign-in, and to redeem a code that nobody issued.

What the answers mean is the provider's to say.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import quote_plus, urlencode

import requests
from requests.auth import HTTPBasicAuth

from providers.base import Answer, Provider, as_provider_error

AGENT = "portal-check"


def ask_to_sign_in(provider: Provider, redirect_uri: str, http: requests.Session) -> Answer:
    """The request that a browser would bring, down to the challenge. Nobody follows where it leads.
    Raises ProviderError."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).rstrip(b"=").decode()
    params = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": secrets.token_urlsafe(24),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"nonce": secrets.token_urlsafe(24)} if provider.uses_nonce else {}),
        **provider.authorization_params,
        **provider.dry_params,
    }
    joint = "&" if "?" in provider.authorization_url else "?"
    url = f"{provider.authorization_url}{joint}{urlencode(params)}"
    try:
        response = http.get(url, headers={"Accept": "text/html", "User-Agent": AGENT}, allow_redirects=False)
    except OSError as error:  # requests' exceptions are among them
        raise as_provider_error(error, call="authorization") from None
    return provider.read_dry_authorization(response, redirect_uri)


def redeem_no_code(provider: Provider, redirect_uri: str, http: requests.Session) -> Answer:
    """A code that nobody issued: a server looks at it once it believes the client, and then says no.
    Raises ProviderError."""
    form = {
        "grant_type": "authorization_code",
        "code": f"check-{secrets.token_urlsafe(24)}",
        "redirect_uri": redirect_uri,
        "code_verifier": secrets.token_urlsafe(48),
    }
    secret, auth = provider.client_secret.plain, None
    if provider.basic_auth:
        auth = HTTPBasicAuth(quote_plus(provider.client_id), quote_plus(secret))
    else:
        form |= {"client_id": provider.client_id, "client_secret": secret}
    headers = {"Accept": "application/json", "User-Agent": AGENT}
    try:
        response = http.post(provider.token_url, data=form, auth=auth, headers=headers, allow_redirects=False)
    except OSError as error:
        raise as_provider_error(error, call="token") from None
    return provider.read_dry_token(response)
