"""Opens the portal for a command: configuration, providers and store, as the portal itself would. It serves nothing."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask

from portal.app import Portal
from portal.config import ConfigError, load_config
from portal.errors import StoreError
from portal.models import OAuth, User
from portal.parts import Parts
from portal.records import oauth_id

# A user's id may begin with a hyphen, and is no option then.
TAKES_IDS = {"ignore_unknown_options": True}


@contextmanager
def opened() -> Iterator[Parts]:
    """The parts of the configured portal. What is wrong with configuration or store ends the command in a sentence."""
    try:
        here = Portal(config=load_config()).init_app(Flask("portal-admin"))
        try:
            yield here
        finally:
            here.store.close()
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None


def who_acts() -> str:
    """Who sits at the command line, for the history of whom it concerns: the system's user, not a variable's word."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's
        name = f"uid {os.getuid()}"
    before = os.environ.get("SUDO_USER") if os.getuid() == 0 else None
    return f"command line: {name}" + (f" (sudo by {before[:50]})" if before and before.isprintable() else "")


def load_user(here: Parts, who: str) -> User:
    """The user of an id, or of an identity as `github:583231`. Never of an address: that may be another's by now (T95).
    Raises ClickException where there is none."""
    identity = get_identity(here, who)
    if identity is not None:
        (user,) = here.store.look_up(User.key_of(identity.user_id))
    else:
        (user,) = here.store.look_up(User.key_of(who)) if who else (None,)
    if user is None:
        hint = ": `users find` tells who has an address or a name" if "@" in who or " " in who else ""
        raise click.ClickException(f"there is no user {who!r}{hint}")
    return user


def get_identity(here: Parts, text: str) -> OAuth | None:
    """The stored link of an identity, written `github:583231`, or with its issuer as `https://accounts.google.com 1815`
    where no provider that is on is of that issuer."""
    if text.startswith(("https://", "http://")):
        issuer, _, subject = text.partition(" ")
    else:
        entry, _, subject = text.partition(":")
        provider = here.providers.get(entry)
        issuer = provider.issuer if provider else ""
    if not issuer or not subject.strip():
        return None
    (oauth,) = here.store.look_up(OAuth.key_of(oauth_id(issuer, subject.strip())))
    return oauth
