"""What goes wrong at a provider, as one exception that carries data. It has no words for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

MAX_DETAIL: Final = 200  # characters

Call: TypeAlias = Literal["token", "profile", "email", "membership", "discovery", "keys", "authorization", "revocation"]


class Fault(StrEnum):
    """What went wrong, by what somebody has to do about it."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    STATUS = "status"  # answered, but not with 200
    MALFORMED = "malformed"  # not what the protocol says: HTML, garbage, too large, of the wrong type
    CODE_REFUSED = "code_refused"  # spent, expired or unknown: the person starts again
    CLIENT_REFUSED = "client_refused"  # client id, secret or redirect URI: an admin must act
    SCOPE_MISSING = "scope_missing"  # the person granted less than sign-in needs
    SUBJECT = "subject"  # no usable subject
    CLOCK = "clock"  # an ID token of the future or the past: the clocks of two machines disagree (T92)
    NOT_RECENT = "not_recent"  # when the person was last asked for a proof is too long ago, or not told (T47)
    NOT_ALLOWED = "not_allowed"  # an account of no domain or organisation that is let in


class UnknownProvider(LookupError):
    """A name that is no provider module and comes without an issuer."""


class ProviderError(Exception):
    """A provider could not be asked, or did not answer as it must.

    `detail` is for the operator's log: one line, at most 200 characters, and nothing that opens anything. `status` is
    the answer's where there was one. `provider` is filled in by whoever knows which entry was being called.
    """

    def __init__(
        self, fault: Fault, call: Call, detail: str = "", *, status: int | None = None, provider: str = ""
    ) -> None:
        # Escaped and cut here, so that no provider can forge a line of the log (T17, T78).
        escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in detail)[:MAX_DETAIL]
        super().__init__(fault, call, escaped)
        self.fault = fault
        self.call: Call = call
        self.detail = escaped
        self.status = status
        self.provider = provider

    def __str__(self) -> str:
        return " ".join(filter(None, (self.provider, f"{self.call} call:", f"{self.fault}:", self.detail)))
