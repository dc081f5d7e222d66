"""GitHub: OAuth 2 without OpenID Connect, so the person and the e-mail address are two calls to its API.

Where only members of some organisations are let in, a third asks for the membership.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self
from urllib.parse import quote, urlsplit

import requests

from providers.base import (
    Answer,
    Console,
    EmailTrust,
    Fault,
    Identity,
    Provider,
    ProviderError,
    Registered,
    Withdrawn,
    claim,
    claim_address,
    claim_url,
    get_json,
    in_parallel,
    numeric_subject,
    page_text,
    send,
)

API_VERSION = "2022-11-28"  # Enterprise Servers know it, too; on github.com it lives until March 2028 at least
HEADERS = {"X-GitHub-Api-Version": API_VERSION, "User-Agent": "portal-sign-in"}  # without the second it answers 403

ORGANISATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
SEES_MEMBERSHIPS: Final = frozenset({"read:org", "write:org", "admin:org"})  # each of them includes the one before


@dataclass(frozen=True, kw_only=True)
class GitHub(Provider):
    SETTINGS: ClassVar = Provider.SETTINGS | {"organisations"}
    # docs.github.com, "Troubleshooting OAuth app access token request errors"; all of them come with status 200.
    TOKEN_FAULTS: ClassVar[Mapping[str, Fault]] = {
        **Provider.TOKEN_FAULTS,
        "bad_verification_code": Fault.CODE_REFUSED,
        "bad_refresh_token": Fault.CODE_REFUSED,
        "incorrect_client_credentials": Fault.CLIENT_REFUSED,
    }
    TOKEN_REFUSALS: ClassVar[Mapping[str, Registered]] = {
        **Provider.TOKEN_REFUSALS,
        "incorrect_client_credentials": "client_secret",  # of an unknown client it says "Not Found", with status 404
    }

    organisations: tuple[str, ...] = ()  # whose members alone are let in; empty for everybody

    @property
    def lets_in(self) -> tuple[str, ...]:
        return self.organisations

    @property
    def issuer(self) -> str:
        return self.authorization_url.removesuffix("/authorize")

    @property
    def iss(self) -> str:
        return self.issuer

    def configure(self, name: str, settings: Mapping[str, Any]) -> Self:
        organisations = tuple(settings.get("organisations") or ())
        for each in organisations:
            if not isinstance(each, str) or not ORGANISATION.fullmatch(each):  # it becomes part of an address
                raise ValueError(
                    f"organisations of provider {name!r} takes names such as 'acme', as in github.com/acme"
                )
        given = {**settings, "organisations": organisations}
        scopes = tuple(settings.get("scopes") or self.scopes)
        if organisations and not SEES_MEMBERSHIPS & {*scopes}:
            given["scopes"] = (*scopes, "read:org")
        return super().configure(name, given)

    def identify(
        self,
        http: requests.Session,
        token: Mapping[str, Any],
        *,
        nonce: str | None,  # noqa: ARG002 - there is no ID token
        since: float | None = None,  # noqa: ARG002 - nor a time in one
    ) -> Identity:
        get = partial(get_json, http, access_token=token["access_token"], headers=HEADERS)
        get_email = partial(self._get_email, get)
        get_user = partial(get, f"{self.api_url}/user", call="profile")
        if self.organisations:
            # The two that tell who it is beside the one that tells whether they are let in: one round trip for all.
            (user, email), _ = in_parallel(
                partial(in_parallel, get_user, get_email), partial(self._check_membership, get, token)
            )
        else:
            user, email = in_parallel(get_user, get_email)
        return Identity(
            issuer=self.issuer,
            subject=numeric_subject(user.get("id")),  # a login can be given up and taken by another person (T31)
            name=claim(user, "name", str),
            login=claim(user, "login", str),
            email=email,
            email_trust=EmailTrust.VERIFIED if email else EmailTrust.NONE,
            avatar=claim_url(user, "avatar_url"),
        )

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:
        """docs.github.com, "Delete an app authorization": every token of this person and app ends, new ones too."""
        response = send(
            http,
            "DELETE",
            f"{self.api_url}/applications/{quote(self.client_id, safe='')}/grant",
            call="revocation",
            credentials=requests.auth.HTTPBasicAuth(self.client_id, self.client_secret.plain),
            json={"access_token": token["access_token"]},
            headers=HEADERS,
        )
        status = response.status_code
        if status == 204:
            return Withdrawn.REMOVED
        if status in (404, 422):  # a token that it doesn't know (any more)
            return Withdrawn.OVER
        fault = Fault.CLIENT_REFUSED if status == 401 else Fault.STATUS
        raise ProviderError(fault, "revocation", str(status), status=status)

    def rejects(self, response: requests.Response) -> bool:
        # Its API answers 401 to a good token, too, where it wants an app's own; only these words are about the token.
        return response.status_code == 401 and b"Bad credentials" in response.content

    def read_dry_authorization(self, response: requests.Response, redirect_uri: str) -> Answer:
        location = response.headers.get("Location", "")
        if response.status_code == 404:
            return Answer(refuses=("client_id",))
        if "redirect_uri is not associated" in page_text(response):
            return Answer(refuses=("redirect_uri",), accepts=("client_id",))
        if response.is_redirect and urlsplit(location).path == "/login":
            return Answer(accepts=("client_id",))  # the callback URL is looked at once somebody has signed in
        return super().read_dry_authorization(response, redirect_uri)

    def read_dry_token(self, response: requests.Response) -> Answer:
        return Answer(refuses=("client_id",)) if response.status_code == 404 else super().read_dry_token(response)

    def _check_membership(self, get: Callable[..., Any], token: Mapping[str, Any]) -> None:
        """Raises ProviderError for who is an active member of none of the organisations.

        Each is asked about by its name: a list of all would be of any length, and tell what is none of our business.
        """
        if not SEES_MEMBERSHIPS & {*self.granted_scopes(token)}:
            raise ProviderError(Fault.SCOPE_MISSING, "membership", "read:org was not granted")
        said = []
        for name in self.organisations:
            try:
                found = get(f"{self.api_url}/user/memberships/orgs/{name}", call="membership")
            except ProviderError as error:
                # 404: no member. 403: the organisation has not approved this application, or wants its own sign-on.
                if error.fault is not Fault.STATUS or error.status not in (403, 404):
                    raise
                said.append(f"{name} {error.status}")
                continue
            state = claim(found, "state", str)
            if state == "active":
                return
            said.append(f"{name} {state if state == 'pending' else 'no state'}")  # invited, and hasn't accepted
        raise ProviderError(Fault.NOT_ALLOWED, "membership", f"no active member of {', '.join(said)}")

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
    revokes_alive_only=True,
    refresh_is_single_use=True,  # where tokens expire at all: it is a setting of the app
    console=Console(
        url="https://github.com/settings/developers",
        path="OAuth Apps, New OAuth App",
        redirect_uri="Authorization callback URL",
        hint="If the application has a wildcard switch for its callback URL, turn it off.",
    ),
)
