"""What is expected of us where a provider misbehaves: the names of the OpenID Foundation's tests, and some of our own.

The names are those of `providers.sandbox.misbehaviour`; docs/conformance.md says which official test each stands for.
"""

from __future__ import annotations

from portal.errors import Outcome

# Signed in, with so many calls of userinfo.
ACCEPTED = {
    "kid-absent-single-jwks": 0,
    "scope-userinfo-claims": 1,
    "signing-key-rotation": 0,
    "ignores-unparseable-key-in-jwks": 0,
    "missing-athash": 0,
    "valid-aud-as-array": 0,
    "token-endpoint-response-without-expires_in": 0,
    "token-type-case-insensitivity": 0,
    "secondary-aud-azp": 0,
    "auth-time-missing": 0,  # nobody asked for it
    "auth-time-old": 0,
    "auth-time-text": 0,
}

# Nobody is signed in, and the page says this. So many calls were made of: token, key set, userinfo.
BEFORE_THE_CODE, BY_THE_HEADER, BY_THE_KEYS, BY_USERINFO = (0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)
BY_NEWER_KEYS = (1, 2, 0)  # fetched again once, in case there was a new one
REFUSED = {
    "invalid-iss": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "missing-sub": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-aud": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "missing-aud": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "missing-iat": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "kid-absent-multiple-jwks": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "idtoken-sig-none": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-sig-rs256": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "userinfo-invalid-sub": (Outcome.PROVIDER_ODD, BY_USERINFO),
    "nonce-invalid": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-sig-hs256": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-sig-es256": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-athash": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-secondary-aud": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-alternate-alg": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-expired-exp": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-missing-exp": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-missing-iss": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "invalid-missing-nonce": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "iat-is-week-in-past": (Outcome.CLOCKS_DIFFER, BY_THE_KEYS),
    "invalid-authorization-response-iss": (Outcome.WRONG_ISSUER, BEFORE_THE_CODE),
    "remove-authorization-response-iss": (Outcome.WRONG_ISSUER, BEFORE_THE_CODE),
    "invalid-state": (Outcome.FLOW_MISSING, BEFORE_THE_CODE),
    "invalid-missing-state": (Outcome.BAD_CALLBACK, BEFORE_THE_CODE),
    "no-id-token": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "id-token-no-jwt": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "unknown-kid": (Outcome.PROVIDER_ODD, BY_NEWER_KEYS),
    "key-in-header": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-sig-hs256-public-key": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "unknown-crit": (Outcome.PROVIDER_ODD, BY_THE_HEADER),
    "invalid-azp": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "expired": (Outcome.CLOCKS_DIFFER, BY_THE_KEYS),
    "nbf-in-future": (Outcome.CLOCKS_DIFFER, BY_THE_KEYS),
    "iat-in-future": (Outcome.CLOCKS_DIFFER, BY_THE_KEYS),
    "sub-too-long": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "sub-not-ascii": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
    "sub-number": (Outcome.PROVIDER_ODD, BY_THE_KEYS),
}

# Signed in, but the address is nobody's proof.
UNVERIFIED = ("email-verified-text", "email-verified-number", "email-verified-absent")

# It never comes to a sign-in.
NEVER_BEGUN = {"discovery-issuer-mismatch": Outcome.PROVIDER_ODD}
