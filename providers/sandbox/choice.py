"""What was chosen on the consent page, or in the header that stands for it: a person, and perhaps a trouble.

The header `X-Sandbox-Person` holds a JSON object with any of `subject`, `name`, `email`, `verified`, `hd`, `trouble`
and `at`; it spares a load test the page. A `trouble` is one of `troubles` or, where OpenID Connect is spoken, one of
`misbehaviour`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.sandbox.misbehaviour import MISBEHAVIOURS
from providers.sandbox.people import Person
from providers.sandbox.standin import StandIn
from providers.sandbox.troubles import Call, Trouble

HEADER = "X-Sandbox-Person"
KEYS = {"subject", "name", "email", "verified", "hd", "trouble", "at"}


@dataclass(frozen=True, slots=True)
class Choice:
    person: Person
    trouble: Trouble
    at: Call
    misbehaviour: str


class Unusable(ValueError):
    """The choice can't be used; the text says why, to the person who made it."""


def read_form(form: Mapping[str, str], standin: StandIn) -> Choice | None:
    """The fields of the consent page. None: the person said no.

    `person` is a key of the sample people, `own` (then `name`, `email`, `verified` = `yes` and `subject` say who) or
    `deny`; `trouble` and `at` are optional.
    """
    chosen = form.get("person", "")
    if chosen == "deny":
        return None
    person = standin.people.get(chosen)
    if person is None:
        if chosen != "own":
            raise Unusable("There is no such person here.")
        verified = form.get("verified") == "yes"
        person = _person(standin, form.get("subject"), form.get("name"), form.get("email"), verified=verified)
    return _choice(standin, person, form.get("trouble"), form.get("at"))


def read_header(text: str, standin: StandIn) -> Choice:
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Unusable(f"{HEADER} is not JSON.") from None
    if not isinstance(told, dict) or not told.keys() <= KEYS:
        raise Unusable(f"{HEADER} is a JSON object with {', '.join(sorted(KEYS))} and nothing else.")
    if not all(isinstance(value, str | None) for key, value in told.items() if key != "verified"):
        raise Unusable(f"In {HEADER} everything but verified is a text.")
    person = _person(
        standin,
        told.get("subject"),
        told.get("name"),
        told.get("email"),
        verified=told.get("verified") is True,
        hd=told.get("hd"),
    )
    return _choice(standin, person, told.get("trouble"), told.get("at"))


def _person(
    standin: StandIn, subject: str | None, name: str | None, email: str | None, *, verified: bool, hd: str | None = None
) -> Person:
    subject, name, email = subject or None, name or None, email or None
    if subject is None:
        if name is None and email is None:
            raise Unusable("Give a name, an address or an id, or choose one of the sample people.")
        subject = standin.new_subject(f"{name}\n{email}")  # so that who comes again is the same person
    elif standin.subject.fullmatch(subject) is None:
        raise Unusable(f"No id at {standin.title} looks like that.")
    return Person(subject, name, email, verified=verified, login=f"user-{subject}", hd=hd)


def _choice(standin: StandIn, person: Person, trouble: str | None, at: str | None) -> Choice:
    misbehaviour = "" if standin.openid is None else standin.openid.misbehaves
    if standin.openid is not None and trouble in MISBEHAVIOURS:
        misbehaviour, trouble = trouble or "", None
    try:
        choice = Choice(person, Trouble(trouble or Trouble.NONE), Call(at or Call.PROFILE), misbehaviour)
    except ValueError:
        raise Unusable("There is no such trouble here.") from None
    if choice.at not in standin.calls:
        raise Unusable(f"{standin.title} has no {choice.at} call.")
    return choice
