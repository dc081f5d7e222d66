"""Reads secrets from Google Secret Manager over REST, all of a start over one session and within five seconds.

It is asked once: a new version of a secret is in force from the next start. google-auth is imported late, so that a
portal without such a secret never loads it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeAlias

import requests

PATIENCE = 5.0  # seconds, for finding credentials and reading every secret together
SCHEME = "sm://"

_REFERENCE = re.compile(
    r"sm://(?P<project>[a-z0-9][a-z0-9.:-]*)/(?P<name>[\w-]{1,255})(/(?P<version>[\w-]+))?", re.ASCII
)
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMAIL = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)

OpenSession: TypeAlias = Callable[[], requests.Session]


@dataclass(frozen=True, slots=True)
class Reference:
    """Which version of which secret is meant."""

    project: str
    name: str
    version: str  # a number, an alias, or "latest"

    @property
    def url(self) -> str:
        return (
            f"https://secretmanager.googleapis.com/v1/projects/{self.project}/secrets/{self.name}"
            f"/versions/{self.version}:access"
        )


@dataclass(frozen=True, slots=True)
class Unread:
    """A secret that was not read: what is `wrong`, and what to `write` instead. Neither holds any of it."""

    wrong: str
    write: str


def parse_reference(text: str) -> Reference | None:
    """What `sm://PROJECT/NAME` or `sm://PROJECT/NAME/VERSION` names; None for anything else."""
    match = _REFERENCE.fullmatch(text)
    return Reference(match["project"], match["name"], match["version"] or "latest") if match else None


def open_session() -> requests.Session:
    """A session that carries this machine's own Google credentials. Raises GoogleAuthError where it has none."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=[_SCOPE])
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


def read_secrets(references: Collection[Reference], open_session: OpenSession) -> dict[Reference, str | Unread]:
    """What each reference names, or why it was not read. Over within PATIENCE, whatever the network does."""
    answers: dict[Reference, str | Unread] = {}
    # The name look-ups below requests have no deadline of their own, nor has the search for credentials: only leaving
    # them behind is sure to end them.
    reading = Thread(target=_read_all, args=(tuple(references), open_session, answers), daemon=True)
    reading.start()
    reading.join(PATIENCE)
    found = dict(answers)
    return {reference: found.get(reference, _unreachable(reference)) for reference in references}


def _read_all(
    references: Collection[Reference], open_session: OpenSession, answers: dict[Reference, str | Unread]
) -> None:
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        with open_session() as session:
            for reference in references:
                answers[reference] = _read(session, reference)
    except (GoogleAuthError, requests.RequestException, ValueError) as error:  # ValueError: a key file that is none
        out_of_reach = isinstance(error, TransportError | requests.RequestException)
        for reference in references:
            answers.setdefault(reference, _unreachable(reference) if out_of_reach else _NO_CREDENTIALS)


def _read(session: requests.Session, reference: Reference) -> str | Unread:
    response = session.get(reference.url, timeout=PATIENCE, allow_redirects=False)
    project, name = f"--project={reference.project}", reference.name
    match response.status_code:
        case 200:
            return _payload(response) or _odd(reference, "without a secret in it")
        case 400:  # FAILED_PRECONDITION
            enable = f"gcloud secrets versions enable {reference.version} --secret={name} {project}"
            return Unread("names a version of a secret that is disabled or destroyed", _after(enable))
        case 401:
            return _NO_CREDENTIALS
        case 403 if "SERVICE_DISABLED" in response.text:
            wrong = f"needs Secret Manager, which is switched off in {reference.project}"
            return Unread(wrong, _after(f"gcloud services enable secretmanager.googleapis.com {project}"))
        case 403:
            granted = f"--member={_member(session)} --role=roles/secretmanager.secretAccessor"
            return Unread(
                "names a secret that the portal's account may not read",
                _after(f"gcloud secrets add-iam-policy-binding {name} {project} {granted}"),
            )
        case 404:
            make = f"gcloud secrets create {name} {project} --data-file=FILE"
            return Unread("names a secret, or a version of one, that is not there", _after(make))
        case status:
            return _odd(reference, f"with status {status}")


def _payload(response: requests.Response) -> str | None:
    """The secret in an answer. Nothing else of the answer is ever shown: it may hold the secret, too (T70)."""
    try:
        answer: Any = response.json()
        return base64.b64decode(answer["payload"]["data"], validate=True).decode()
    except (ValueError, KeyError, TypeError):  # JSON, base64 and UTF-8 errors are all ValueErrors
        return None


def _member(session: requests.Session) -> str:
    """Who is asking, as IAM writes it; google-auth knows a machine's own account once it has asked as that."""
    email = getattr(getattr(session, "credentials", None), "service_account_email", None)
    return f"serviceAccount:{email}" if isinstance(email, str) and _EMAIL.fullmatch(email) else "MEMBER"


def _after(command: str) -> str:
    return f"the same, once this was run: {command}"


def _unreachable(reference: Reference) -> Unread:
    return Unread(f"names a secret, but Secret Manager was out of reach for {PATIENCE:.0f} s", _try_by_hand(reference))


def _odd(reference: Reference, how: str) -> Unread:
    return Unread(f"names a secret, but Secret Manager answered {how}", _try_by_hand(reference))


def _try_by_hand(reference: Reference) -> str:
    version = f"{reference.version} --secret={reference.name} --project={reference.project}"
    return f"the same, once this works here: gcloud secrets versions access {version}"


_NO_CREDENTIALS = Unread(
    "names a secret, but this machine has no Google credentials that are good",
    _after("gcloud auth application-default login")
    + "; or, on a server, attach a service account to it or name its key file in GOOGLE_APPLICATION_CREDENTIALS",
)
