"""What can go wrong inside the portal, as exceptions that carry data; the sentences for people are in the templates.

A *refusal* (a rule says no) is a value and lives in `portal.linking`; only what broke, or a request that can't be
served, is an exception.
"""

from __future__ import annotations

from enum import Enum


class PortalError(Exception):
    """Whatever the portal raises on purpose."""


class StoreError(PortalError):
    """The store could not be asked. It says nothing about what is in it: an error is never an absence (T93)."""


class CommitUnknown(StoreError):
    """A commit was sent and its answer lost: it may have been applied. Settle it by reading one key (T94)."""


class Contended(StoreError):
    """A read-write transaction lost to others at every try; nothing of it was written."""


class AlreadyExists(PortalError):
    """A commit inserted a key that is taken (the store doesn't say which); nothing of the commit was written."""


class NotFound(PortalError):
    """A commit updated a key that is not there; nothing of the commit was written."""


class SealError(PortalError):
    """A sealed value does not open: moved, altered, of an unknown version, or its key is not in the ring.

    `reason` is one word for the log: `version`, `key`, `altered` or `short`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenError(PortalError):
    """A person's token can't be used. `provider` is the configured name or "", `reason` one word for the log."""

    def __init__(self, reason: str, provider: str) -> None:
        super().__init__(reason, provider)
        self.reason = reason
        self.provider = provider


class TryAgain(TokenError):
    """For the moment: the provider or the store is out of reach, or somebody else is still refreshing the token.

    `retry_after` is in seconds; before that another try would only add to the trouble.
    """

    def __init__(self, reason: str, provider: str, *, retry_after: float) -> None:
        super().__init__(reason, provider)
        self.retry_after = retry_after


class Reconnect(TokenError):
    """No later try can succeed until somebody has done something: mostly the person, by going to the provider again.

    `reason` is `refused` (the provider won't have it any more), `expired` (and nothing to renew it with), `lost` (a
    refresh token that works only once was sent off, and the answer never came), `deauthorized` (they removed the
    application there), `sealed` (it does not open), `not-linked` (they have no such identity); or, where it is the
    admin's turn, `not-kept` (the setting `keep_tokens`), `provider-off` or `suspended` (the user).
    """


class Outcome(Enum):
    """Every way a request can end on the error page: a code for the templates and the log, and the HTTP status.

    The list is closed. For each, `templates/portal/_outcomes.html` has what the person reads and their next step, and
    `portal.advice` what an admin does about it; docs/errors.md is made of the three.
    """

    BAD_CALLBACK = ("bad-callback", 400)  # not exactly one state and one of code and error (T07)
    FLOW_MISSING = ("flow-missing", 400)  # no flow of this browser carries the state (T01)
    FLOW_EXPIRED = ("flow-expired", 400)
    FLOW_USED = ("flow-used", 400)  # a second arrival, and this browser isn't signed in by the first (T06)
    WRONG_ISSUER = ("wrong-issuer", 400)  # another provider answered than was asked (T08, T13)
    DENIED = ("denied", 403)
    PROVIDER_BUSY = ("provider-busy", 503)  # the provider itself said: not now
    PROVIDER_REFUSED = ("provider-refused", 502)  # set-up: client id, secret, redirect URI or scope
    PROVIDER_DOWN = ("provider-down", 502)
    PROVIDER_SLOW = ("provider-slow", 503)
    PROVIDER_ODD = ("provider-odd", 502)  # answered, but not what the protocol says
    SCOPE_MISSING = ("scope-missing", 403)
    CLOCKS_DIFFER = ("clocks-differ", 502)  # an ID token of the future or the past (T92)
    NOT_LET_IN = ("not-let-in", 403)  # outside of `hosted_domains`, `organisations` or `allow`
    ADDRESS_UNVERIFIED = ("address-unverified", 400)  # where `require_verified_email` asks for one
    NOT_RECENT = ("not-recent", 403)  # asked whether it is still them, and the provider last asked too long ago (T47)
    SIGNED_IN_AS_ANOTHER = ("signed-in-as-another", 409)
    NOT_THE_SAME = ("not-the-same", 409)  # who began it is not who is here now, or has changed since
    ALREADY_YOURS = ("already-yours", 409)
    ANOTHERS = ("anothers", 409)  # the identity opens another account (T41)
    NOT_YOURS = ("not-yours", 409)  # proved with an identity that is not this account's
    LAST_WAY_IN = ("last-way-in", 409)
    WAITED_TOO_LONG = ("waited-too-long", 400)  # nothing waits for this browser's answer (any more)
    LINK_SPENT = ("link-spent", 404)  # a recovery link or an invitation that is unknown, used or too old
    PROVIDER_OFF = ("provider-off", 409)
    NO_SIGN_UP = ("no-sign-up", 403)  # accounts are made by invitation alone, or not at all
    LINK_ONLY = ("link-only", 403)  # no account is made with this provider
    NOBODY_NEW = ("nobody-new", 403)  # this provider is hidden, and opens only what it opened already
    SUSPENDED = ("suspended", 403)
    SIGN_IN_FIRST = ("sign-in-first", 403)  # a form was sent to a page that only who is signed in may use
    FORM_EXPIRED = ("form-expired", 400)  # CSRF token missing, old or another browser's
    CROSS_SITE = ("cross-site", 403)
    BAD_REQUEST = ("bad-request", 400)
    NOT_FOUND = ("not-found", 404)
    WRONG_METHOD = ("wrong-method", 405)
    TOO_LARGE = ("too-large", 413)
    STORE_DOWN = ("store-down", 503)
    NO_PROVIDER = ("no-provider", 503)
    BROKEN = ("broken", 500)  # a bug; nothing else ends here

    def __init__(self, code: str, status: int) -> None:
        self.code = code
        self.status = status


class Stop(PortalError):
    """This request ends on the error page. `detail` is for the operator's log only and must hold no secret.

    `provider` is the configured name, `next` an already rebuilt target to keep for the next try. `for_account`: who
    sees the page is signed in and stays so; their next step is their account, not a sign-in. `purpose` is the flow's,
    "" where none is under way: what is tried again is the same thing.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        provider: str | None = None,
        next: str = "/",
        detail: str = "",
        for_account: bool = False,
        purpose: str = "",
    ) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome
        self.provider = provider
        self.next = next
        self.detail = detail
        self.for_account = for_account
        self.shared = False  # whether the person said that this is a shared computer
        self.back = ""  # the page of the form that was sent, where only that page can start it again
        self.purpose = purpose
