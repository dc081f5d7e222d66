"""The one application registered with each stand-in, and the settings that point a portal at them.

The secrets are public on purpose: they open nothing but the sandbox.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """An application as its owner registered it. `redirect_uris` are compared as text, character by character."""

    client_id: str
    client_secret: str
    redirect_uris: frozenset[str] = frozenset()

    def has_secret(self, secret: str) -> bool:
        return hmac.compare_digest(self.client_secret.encode(), secret.encode())


GOOGLE = Client("100000000000-sandbox.apps.example.com", "GOCSPX-sandbox-google-secret")
GITHUB = Client("Ov23liSANDBOXgithub0", "sandbox-github-secret-0000000000000000000")
FACEBOOK = Client("100000000000001", "sandbox0facebook0secret000000000")


def settings(base: str) -> dict[str, dict[str, str]]:
    """The `[providers.*]` settings for a sandbox at `base`, such as `http://127.0.0.1:8001`."""
    return {
        "google": {
            "issuer": f"{base}/google",
            "client_id": GOOGLE.client_id,
            "client_secret": GOOGLE.client_secret,
        },
        "github": {
            "authorization_url": f"{base}/github/login/oauth/authorize",
            "token_url": f"{base}/github/login/oauth/access_token",
            "api_url": f"{base}/github/api",
            "client_id": GITHUB.client_id,
            "client_secret": GITHUB.client_secret,
        },
        "facebook": {
            "authorization_url": f"{base}/facebook/v25.0/dialog/oauth",
            "token_url": f"{base}/facebook/v25.0/oauth/access_token",
            "api_url": f"{base}/facebook/v25.0",
            "client_id": FACEBOOK.client_id,
            "client_secret": FACEBOOK.client_secret,
        },
    }


def of_issuer(name: str, redirect_uris: frozenset[str] = frozenset()) -> Client:
    """The application that is registered with the plain issuer of this name."""
    return Client(f"{name}-client", f"sandbox-{name}-secret-0000000000", redirect_uris)


def issuer_settings(base: str, name: str) -> dict[str, str]:
    """The settings of a `[providers.*]` entry for the plain issuer of this name, at a sandbox that has it."""
    client = of_issuer(name)
    return {"issuer": f"{base}/issuer/{name}", "client_id": client.client_id, "client_secret": client.client_secret}
