"""GitHub: OAuth 2 without OpenID Connect, so the person and the e-mail address are two calls to its API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import requests

from providers.base import (
    EmailTrust,
    Fault,
    Identity,
    Provider,
    ProviderError,
    claim,
    claim_address,
    claim_url,
    get_json,
    in_parallel,
    numeric_subject,
)

API_VERSION = "2022-11-28"  # Enterprise Servers know it, too; on github.com it lives until March 2028 at least
HEADERS = {"X-GitHub-Api-Version": API_VERSION, "User-Agent": "portal-sign-in"}  # without the second it answers 403


class GitHub(Provider):
    # docs.github.com, "Troubleshooting OAuth app access token request errors"; all of them come with status 200.
    TOKEN_FAULTS: ClassVar[Mapping[str, Fault]] = {
        **Provider.TOKEN_FAULTS,
        "bad_verification_code": Fault.CODE_REFUSED,
        "incorrect_client_credentials": Fault.CLIENT_REFUSED,
    }

    @property
    def issuer(self) -> str:
        return self.authorization_url.removesuffix("/authorize")

    @property
    def iss(self) -> str:
        return self.issuer

    def identify(
        self,
        http: requests.Session,
        token: Mapping[str, Any],
        *,
        nonce: str | None,  # noqa: ARG002 - there is no ID token
        since: float | None = None,  # noqa: ARG002 - nor a time in one
    ) -> Identity:
        get = partial(get_json, http, access_token=token["access_token"], headers=HEADERS)
        user, email = in_parallel(partial(get, f"{self.api_url}/user", call="profile"), partial(self._get_email, get))
        return Identity(
            issuer=self.issuer,
            subject=numeric_subject(user.get("id")),  # a login can be given up and taken by another person (T31)
            name=claim(user, "name", str),
            login=claim(user, "login", str),
            email=email,
            email_trust=EmailTrust.VERIFIED if email else EmailTrust.NONE,
            avatar=claim_url(user, "avatar_url"),
        )

    def _get_email(self, get: Callable[..., Any]) -> str | None:
        """The address that is both primary and verified. The profile's own says neither."""
        try:
            emails = get(f"{self.api_url}/user/emails", call="email", params={"per_page": "100"}, expect=list)
        except ProviderError as error:
            if error.status in (403, 404):  # the person, or the app's settings, withheld the permission (T90)
                return None
            raise
        mine = (e for e in emails if isinstance(e, dict) and e.get("primary") is True and e.get("verified") is True)
        return claim_address(next(mine, {}), "email")


# `sends_iss` stays False: `iss` came in April 2026, was withdrawn, and came back in August; it isn't documented, and
# older Enterprise Servers send none. So it must be right where it is present, and may be missing.
provider = GitHub(
    title="GitHub",
    authorization_url="https://github.com/login/oauth/authorize",
    token_url="https://github.com/login/oauth/access_token",  # noqa: S106 - an address, not a secret
    api_url="https://api.github.com",
    scopes=("read:user", "user:email"),
    avatar_hosts=("avatars.githubusercontent.com",),
    another_account={"prompt": "select_account"},
    reauthentication={"prompt": "select_account"},
)
