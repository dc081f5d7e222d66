"""One sentence on each setting, for editors, by its table's shape and its name. It knows no value's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DESCRIPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("", "secret_key"): "32 characters or more; seals cookies. A list: the first signs, all verify.",
    ("", "token_keys"): "32 bytes each, base64url; seal the providers' tokens. A list: the first seals, all open.",
    ("", "store"): "Where accounts are kept: sqlite:///PATH, or datastore://PROJECT/DATABASE?namespace=N.",
    ("", "base_url"): "The address that people use, scheme and host. Left out: this machine alone.",
    ("", "client_address"): "Where the address of whoever asks is read.",
    ("", "log"): "How the log is written: json for Cloud Logging, text for a terminal.",
    ("", "title"): "The name at the top of each page.",
    ("", "home_url"): "Where a signed-in person goes from /; a path, or a web address.",
    ("", "contact"): "Whom people are to ask: an e-mail address, a web address, or a few words.",
    ("", "sign_up"): "Who may make an account: everybody, who was invited, or nobody.",
    ("", "admins"): "Identities such as github:583231, never addresses.",
    ("", "cookie_domain"): "The domain below which applications ask /auth, such as example.com. https only.",
    ("", "forward_auth"): "Applications elsewhere that a proxy protects.",
    ("", "linking"): "What a new identity leads to.",
    ("", "sessions"): "How long people stay signed in.",
    ("", "events"): "What is kept of what happened.",
    ("", "providers"): "The ways to sign in, one table each.",
    ("LinkingSettings", "same_email"): "What a new identity leads to whose address is known here.",
    ("ForwardAuthSettings", "hosts"): "Hosts whose pages a proxy protects with /auth; a sign-in may end there.",
    ("SessionSettings", "idle"): "How long a session lives that nobody uses, such as 14d.",
    ("SessionSettings", "absolute"): "How long a session lives at all, such as 90d.",
    ("SessionSettings", "shared_idle"): "The same as idle, on a shared computer.",
    ("SessionSettings", "shared_absolute"): "The same as absolute, on a shared computer.",
    ("SessionSettings", "fresh"): "For how long a sign-in counts as recent, such as 10m; a day at most.",
    ("EventSettings", "keep"): "How long a person's history is kept, such as 400d.",
    ("ProviderSettings", "enabled"): "false switches it off.",
    ("ProviderSettings", "state"): "on; off; link_only: nobody signs up with it; hidden: no button.",
    ("ProviderSettings", "order"): "Its place among the buttons; those without one come last.",
    ("ProviderSettings", "client_id"): "From the provider's console.",
    ("ProviderSettings", "client_secret"): "From the provider's console. A secret.",
    ("ProviderSettings", "title"): "What the button says: Continue with …",
    ("ProviderSettings", "scopes"): "Instead of the provider's own.",
    ("ProviderSettings", "keep_tokens"): "false forgets the provider's tokens once the person is known.",
    ("ProviderSettings", "authorization_url"): "Another address to sign in at: an Enterprise server's, a test's.",
    ("ProviderSettings", "token_url"): "Another token endpoint.",
    ("ProviderSettings", "api_url"): "Another address of its API.",
    ("ProviderSettings", "issuer"): "Any OpenID Connect issuer, to the letter as its discovery document writes it.",
    ("ProviderSettings", "authoritative_for"): "Domains whose addresses are this issuer's to give.",
    ("ProviderSettings", "hosted_domains"): "Google only: the Workspace domains whose accounts alone are let in.",
    ("ProviderSettings", "organisations"): "GitHub only: the organisations whose members alone are let in.",
    ("ProviderSettings", "allow"): "The identities, such as github:583231, that alone are let in.",
    (
        "ProviderSettings",
        "require_verified_email",
    ): "true lets nobody in without an address that it verified.",
}
