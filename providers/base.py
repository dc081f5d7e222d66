"""What a provider is and what it asserts about a person: all that a provider module needs. Knows no user, no portal."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Final, Self
from urllib.parse import quote_plus, urlsplit

import requests

from providers._answers import Answer, ApiVersion, Console, Registered, page_text, read_authorization
from providers._calls import as_provider_error, fetch, get_json, in_parallel, read_json, send, send_form
from providers._documents import claim, claim_address, claim_url, is_safe_url
from providers._faults import Call, Fault, ProviderError, UnknownProvider
from providers._secrets import Secret
from providers._withdrawal import Removal, Withdrawn

__all__ = [
    "Answer",
    "ApiVersion",
    "Call",
    "Console",
    "EmailTrust",
    "Fault",
    "Identity",
    "Provider",
    "ProviderError",
    "Registered",
    "Removal",
    "Secret",
    "UnknownProvider",
    "Withdrawn",
    "as_provider_error",
    "claim",
    "claim_address",
    "claim_url",
    "fetch",
    "get_json",
    "in_parallel",
    "is_safe_url",
    "numeric_subject",
    "origin",
    "page_text",
    "read_json",
    "send",
    "send_form",
    "text_subject",
]

REFRESH_AT: Final = 0.8  # of a token's life
MAX_LIFE: Final = 10**9  # seconds, 31 years; beyond lie the "never expires" of some, which no date can hold
_WHERE: Final = ("authorization_url", "issuer")  # what says whose server it is


class EmailTrust(Enum):
    """Who vouches for an identity's address."""

    NONE = "none"  # nobody
    VERIFIED = "verified"  # the provider says that it verified the address
    AUTHORITATIVE = "authoritative"  # the provider runs the address's domain


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider asserts about the person who just signed in. Only issuer and subject identify (T31)."""

    issuer: str
    subject: str
    name: str | None
    login: str | None
    email: str | None
    email_trust: EmailTrust
    avatar: str | None


@dataclass(frozen=True, kw_only=True)
class Provider(ABC):
    """A way to sign in: its addresses, its credentials, and how its answers are understood. Shared between threads.

    A module says what its provider is like; `configure` adds what an installation says about it.
    """

    SETTINGS: ClassVar = frozenset(
        {"client_id", "client_secret", "title", "scopes", "keep_tokens", "authorization_url", "token_url", "api_url"}
    )
    # The token endpoint's error codes that somebody can do something about (RFC 6749, section 5.2).
    TOKEN_FAULTS: ClassVar[Mapping[str, Fault]] = {
        "invalid_grant": Fault.CODE_REFUSED,
        "invalid_client": Fault.CLIENT_REFUSED,
        "invalid_scope": Fault.CLIENT_REFUSED,
        "unauthorized_client": Fault.CLIENT_REFUSED,
        "redirect_uri_mismatch": Fault.CLIENT_REFUSED,  # not the RFC's, but Google's and GitHub's
    }
    # Of those that refuse the client, what each refuses; the others don't tell, and it is the id or the secret.
    TOKEN_REFUSALS: ClassVar[Mapping[str, Registered]] = {
        "invalid_scope": "scopes",
        "unauthorized_client": "client_id",
        "redirect_uri_mismatch": "redirect_uri",
    }

    name: str = ""  # of the entry in the configuration
    title: str  # what people call it
    authorization_url: str
    token_url: str
    api_url: str
    scopes: tuple[str, ...]
    client_id: str = ""
    client_secret: Secret[str] = field(default=Secret(""))
    keep_tokens: bool = True
    authorization_params: Mapping[str, str] = field(default_factory=dict, hash=False)
    another_account: Mapping[str, str] = field(default_factory=dict, hash=False)  # asks for another account (T65)
    reauthentication: Mapping[str, str] = field(default_factory=dict, hash=False)  # asks for a proof anew (T47)
    proves_time: bool = False  # whether `identify` takes `since`, and can tell that the person was asked after it
    consent_anew: Mapping[str, str] = field(default_factory=dict, hash=False)  # asks for a refresh token once more
    refresh_is_single_use: bool = False  # whether a refresh token works once, and a second use ends the grant (T80)
    revokes_alive_only: bool = False  # whether an access token must be alive for the access to be withdrawn with it
    tells_of_removal: bool = False  # whether it sends us signed requests when somebody removes the application there
    renews_expired: bool = True  # whether an access token that has expired can still be renewed
    vouches: bool = True  # whether it ever verifies an address; where it never does, nothing tells who came back
    avatar_hosts: tuple[str, ...] = ()  # where its people's pictures are, by https; each with all below it (T91)
    leaves_fragment: bool = False  # whether it redirects back with a fragment, which browsers carry on to our pages
    basic_auth: bool = False  # whether the token endpoint wants id and secret in a header (RFC 6749, section 2.3.1)
    sends_iss: bool = False  # whether a callback without `iss` must be refused (RFC 9207, T13)
    console: Console = field(default=Console())  # where an application is registered
    dry_params: Mapping[str, str] = field(default_factory=dict, hash=False)  # has it answer without asking anybody

    @property
    def issuer(self) -> str:
        """The namespace of the subjects: two entries of one issuer know the same people by the same subjects."""
        return origin(self.authorization_url)

    @property
    def lets_in(self) -> tuple[str, ...]:
        """The domains or organisations whose accounts alone are let in, as people know them; empty for all."""
        return ()

    @property
    def iss(self) -> str | None:
        """What a callback's `iss` must equal where there is one; None where this provider never sends it."""
        return None

    @property
    def uses_nonce(self) -> bool:
        """Whether an ID token is asked for, and so a nonce must go with the request (T11)."""
        return False

    def configure(self, name: str, settings: Mapping[str, Any]) -> Self:
        """This provider as an entry of the configuration wants it. None and "" count as absent.

        Raises ValueError for a setting this provider hasn't got, and for an address that is neither https nor loopback.
        """
        given = {key: value for key, value in settings.items() if value is not None and value != ""}
        if unknown := sorted(given.keys() - self.SETTINGS):
            raise ValueError(f"provider {name!r} has no setting {', '.join(unknown)}")
        for key in given.keys() & {"authorization_url", "token_url", "api_url", "issuer"}:
            if not is_safe_url(given[key]):
                raise ValueError(f"{key} of provider {name!r} must be an https: address (http: on loopback only)")
        if "api_url" in given:
            given["api_url"] = given["api_url"].rstrip("/")
        if "scopes" in given:
            given["scopes"] = tuple(given["scopes"])
        if isinstance(given.get("client_secret"), str):
            given["client_secret"] = Secret(given["client_secret"])
        elsewhere = any(given.get(key, getattr(self, key, None)) != getattr(self, key, None) for key in _WHERE)
        console = replace(self.console, url="") if elsewhere else self.console  # an Enterprise server has its own
        return replace(self, name=name, console=console, **given)

    def resolve(self, http: requests.Session) -> Provider:  # noqa: ARG002 - what a provider to be discovered needs
        """This provider with its addresses known, discovered first where they have to be. Raises ProviderError."""
        return self

    @abstractmethod
    def identify(
        self, http: requests.Session, token: Mapping[str, Any], *, nonce: str | None, since: float | None = None
    ) -> Identity:
        """Whose token this is. `token` is what `read_token` gave. Raises ProviderError.

        `since`, in epoch seconds, is given only where `proves_time` and for a person who is asked whether it is still
        them: who has not proved it after that is refused. Other providers needn't know the parameter.
        """

    def granted_scopes(self, token: Mapping[str, Any]) -> tuple[str, ...]:
        """The scopes a token has; those asked for where the answer doesn't say (RFC 6749, section 5.1)."""
        scope = token.get("scope")
        if isinstance(scope, list):  # as oauthlib leaves it, cut at spaces only
            scope = " ".join(map(str, scope))
        if not isinstance(scope, str):
            return self.scopes
        return tuple(re.findall(r"[^ ,]+", scope))  # GitHub sends commas, and "" where nothing was granted (T90)

    def can_refresh(self, token: Mapping[str, Any]) -> bool:
        """Whether there is anything to renew a kept token with."""
        return bool(token.get("refresh_token"))

    def refresh(self, http: requests.Session, token: Mapping[str, Any]) -> dict[str, Any]:
        """A new token for a kept one that `can_refresh`, as `read_token` reads it (RFC 6749, section 6).

        Raises ProviderError; its fault is CODE_REFUSED where the provider takes the old token for nothing any more.
        """
        return self.ask_token(http, {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]})

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:  # noqa: ARG002 - for who can
        """Withdraw what the person granted, all of it, with a kept token. Raises ProviderError where that can't be said
        to have happened: then it is tried again."""
        return Withdrawn.NO_WAY

    def read_removal(self, signed: str, *, now: float) -> Removal:  # noqa: ARG002 - for who `tells_of_removal`
        """Whom a signed request of this provider is about. `now` in epoch seconds. Raises ValueError for what it did
        not sign, or not just now."""
        raise ValueError("this provider signs no such requests")

    def ask_token(self, http: requests.Session, fields: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint answers to a form that is sent in this client's name. Raises ProviderError."""
        credentials = None
        if self.basic_auth:  # encoded before the header's own encoding (RFC 6749, section 2.3.1)
            credentials = requests.auth.HTTPBasicAuth(*map(quote_plus, (self.client_id, self.client_secret.plain)))
        else:
            fields = {**fields, "client_id": self.client_id, "client_secret": self.client_secret.plain}
        return self.read_token(send_form(http, self.token_url, fields, call="token", credentials=credentials))

    def due_at(self, renewed: datetime, expires: datetime) -> datetime:
        """When a token that came then, and ends then, is to be renewed."""
        return renewed + REFRESH_AT * (expires - renewed)

    def owns(self, url: str) -> bool:
        """Whether an address is of this provider's API: to no other does a person's token ever go."""
        return bool(self.api_url) and origin(url) == origin(self.api_url)

    def sign(self, request: requests.PreparedRequest, access_token: str) -> None:
        """Put a person's token into a call of the API (RFC 6750, section 2.1)."""
        request.headers["Authorization"] = f"Bearer {access_token}"

    def rejects(self, response: requests.Response) -> bool:
        """Whether an answer of the API says that the access token is dead, and not something else that a 401 may mean
        (RFC 6750, section 3.1)."""
        said = response.headers.get("WWW-Authenticate", "")
        return response.status_code == 401 and ("invalid_token" in said or "error=" not in said)

    def is_at(self, url: str) -> bool:
        """Whether a URL has the scheme, host and port of one of this provider's own addresses."""
        own = (self.authorization_url, self.token_url, self.api_url, self.issuer)
        return is_safe_url(url) and _place(url) in {_place(each) for each in own if each}

    def has_picture_at(self, url: str) -> bool:
        """Whether somebody's picture may be fetched from a URL: from where `avatar_hosts` says, or the provider's own
        addresses, as the configuration names them. Any other host would be one that a profile chose (T91)."""
        if not is_safe_url(url):
            return False
        scheme, host, port = _place(url)
        listed = any(host == each or host.endswith(f".{each}") for each in self.avatar_hosts)
        return (listed and (scheme, port) == ("https", 443)) or self.is_at(url)

    def error_code(self, document: Mapping[str, Any]) -> str | None:
        """The error that a token answer reports, in the words of TOKEN_FAULTS; None for no error."""
        return claim(document, "error", str)

    def read_token(self, response: requests.Response) -> dict[str, Any]:
        """The token endpoint's answer: `access_token` a text that a header can carry, `expires_in` an integer of
        seconds or absent, the rest as it came. Raises ProviderError."""
        status = response.status_code
        answered = ProviderError(Fault.STATUS, "token", str(status), status=status)
        if status != 200 and not 400 <= status < 500:
            raise answered
        try:
            document: dict[str, Any] = read_json(response, call="token")
        except ProviderError as error:
            raise error if status == 200 else answered from None
        code = self.error_code(document)
        if code is None and status == 200:
            return _checked_token(document)
        # GitHub reports its errors with status 200. Only words and short numbers are shown: an answer that echoes our
        # code or secret must not bring it into the log.
        fault = self.TOKEN_FAULTS.get(code or "", Fault.MALFORMED if status == 200 else Fault.STATUS)
        shown = code if code and re.fullmatch(r"[a-z_]{1,40}|[0-9/]{1,12}", code) else "no known error code"
        raise ProviderError(fault, "token", f"{status} {shown}", status=status)

    def read_dry_authorization(self, response: requests.Response, redirect_uri: str) -> Answer:
        """What the answer to an authorization request that nobody follows tells of the registration. Raises
        ProviderError."""
        return read_authorization(response, redirect_uri)

    def read_dry_token(self, response: requests.Response) -> Answer:
        """What the answer to a token request with a code that nobody issued tells of it. Raises ProviderError."""
        try:
            self.read_token(response)
        except ProviderError as error:
            code = error.detail.partition(" ")[2]
            if error.fault is Fault.CODE_REFUSED:  # looked at only once the client is believed
                return Answer(accepts=("client_id", "client_secret"))
            if error.fault is Fault.CLIENT_REFUSED:
                refused = self.TOKEN_REFUSALS.get(code)
                return Answer(refuses=(refused,) if refused else ("client_id", "client_secret"), said=code)
            raise
        raise ProviderError(Fault.MALFORMED, "token", "gave a token for a code that it never issued")

    def count_keys(self, http: requests.Session) -> int | None:  # noqa: ARG002 - what a provider with keys needs
        """How many published keys its ID tokens may be signed with; None where it signs none. Raises ProviderError."""
        return None

    @property
    def api_version(self) -> ApiVersion | None:
        """The version of its API that is in use; None for a provider whose addresses name none."""
        return None


def _checked_token(document: dict[str, Any]) -> dict[str, Any]:
    access_token = document.get("access_token")
    if not isinstance(access_token, str) or not re.fullmatch(r"[\x21-\x7e]+", access_token):
        raise ProviderError(Fault.MALFORMED, "token", "access_token is missing or no text that a header can carry")
    token_type = document.get("token_type")
    if token_type is not None and (not isinstance(token_type, str) or token_type.lower() != "bearer"):
        raise ProviderError(Fault.MALFORMED, "token", "token_type is not bearer")
    expires_in = document.get("expires_in")
    if isinstance(expires_in, str) and re.fullmatch(r"[0-9]{1,20}", expires_in):
        expires_in = int(expires_in)
    if expires_in is None:
        return {key: value for key, value in document.items() if key != "expires_in"}
    if type(expires_in) is not int or expires_in < 0:
        raise ProviderError(Fault.MALFORMED, "token", "expires_in is no number of seconds")
    return {**document, "expires_in": min(expires_in, MAX_LIFE)}


def numeric_subject(value: object) -> str:
    """A positive JSON integer as text. `true`, `"1"`, `1.0` and null are no integers (T32). Raises ProviderError."""
    if type(value) is not int or not 1 <= value < 2**63:
        raise ProviderError(Fault.SUBJECT, "profile", "the subject is no positive integer")
    return str(value)


def text_subject(value: object, pattern: str) -> str:
    """A text that matches all of a pattern, as it is: nothing trimmed or folded (T32). Raises ProviderError."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ProviderError(Fault.SUBJECT, "profile", "the subject is no text of the agreed form")
    return value


def _place(url: str) -> tuple[str, str, int | None]:
    """What tells one server from another, the default ports written out."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def origin(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
