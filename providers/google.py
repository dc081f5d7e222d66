"""Google, by OpenID Connect: pinned addresses, and for which e-mail addresses its word is the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.base import EmailTrust, claim
from providers.oidc import OpenIDProvider


class Google(OpenIDProvider):
    def email_trust(self, claims: Mapping[str, Any], email: str) -> EmailTrust:
        # A Google account can carry any address, once verified and perhaps given to another person since. Google runs
        # the mailbox only at gmail.com, and where `hd` says that the domain is a Workspace of the account's own.
        # Compared as bytes: their lower() folds ASCII only, the text's would take a Kelvin sign for a "k" (T38).
        trust = super().email_trust(claims, email)
        domain, workspace = email.rpartition("@")[2].encode().lower(), (claim(claims, "hd", str) or "").encode().lower()
        runs = domain in (b"gmail.com", workspace)
        return EmailTrust.AUTHORITATIVE if trust is EmailTrust.VERIFIED and runs else trust

    def granted_scopes(self, token: Mapping[str, Any]) -> tuple[str, ...]:
        # Asked for `email` and `profile`, Google grants them under their long names.
        prefix = "https://www.googleapis.com/auth/userinfo."
        return tuple(scope.removeprefix(prefix) for scope in super().granted_scopes(token))


# Pinned from https://accounts.google.com/.well-known/openid-configuration as read on 2026-11-20. `sends_iss` stays
# False: a pin can't follow what that document announces, so `iss` must be right where it is present and may be missing.
provider = Google(
    title="Google",
    issuer="https://accounts.google.com",
    authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address, not a secret
    api_url="https://openidconnect.googleapis.com/v1",
)
