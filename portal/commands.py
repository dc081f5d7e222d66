"""What an admin does to accounts, and asks of the rules, on the command line; `manage.py` offers it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Literal

import click

from portal.accounts import Accounts
from portal.admin.changing import delete, demote, promote, restore, sign_out, suspend, unlink
from portal.admin.finding import find
from portal.admin.opening import TAKES_IDS, who_acts
from portal.admin.showing import export, show
from portal.catalogue import write_catalogue
from portal.config import ConfigError, load_config
from portal.crypto import TokenCipher
from portal.errors import StoreError
from portal.linking import (
    Ask,
    Confirm,
    Decision,
    Facts,
    Link,
    Owner,
    Policy,
    Purpose,
    Refuse,
    SignIn,
    SignUp,
    SignUps,
    State,
    decide,
    may_join,
)
from portal.pending import INVITATION_LIFETIME
from portal.storage import open_store

_WHO = click.Choice(["nobody", "me", "another"])
_WHY = {
    SignUp: "nobody owns the identity, and nothing speaks for an account that is there already: a new user is made",
    SignIn: "the identity is this user's: a new session is made",
    Ask: "nobody owns the identity, but the person may have an account: one page asks, and nothing is made before",
    Confirm: "the identity is free: a page names it before anything is written",
    Link: "the identity is free, and was asked for or its address is proved on both sides: it is added to this user",
}


@click.command()
def errors() -> None:
    """Print docs/errors.md: every error page, what people read there and what to do about it."""
    click.echo(write_catalogue(), nl=False)


@click.group()
def users() -> None:
    """Look after people's accounts."""


for command in (find, show, suspend, restore, sign_out, unlink, delete, export, promote, demote):
    users.add_command(command)


@users.command(context_settings=TAKES_IDS)
@click.argument("user_id", metavar="ID")
def recover(user_id: str) -> None:
    """Print a link that adds a new way to sign in to the account ID: once, within a quarter of an hour."""
    secret = secrets.token_urlsafe(32)
    try:
        config = load_config()
        accounts = Accounts(open_store(config.store), TokenCipher([key.plain for key in config.token_keys]))
        ends = accounts.membership.make_recovery(user_id, secret, by=who_acts())
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    if ends is None:
        raise click.ClickException(f"there is no active user {user_id!r}")
    click.echo(f"{config.origin or 'http://localhost:8000'}/recover?code={secret}")
    click.echo(f"Works once, until {ends:%H:%M} UTC. Whoever opens it can add an identity to this account.", err=True)


@users.command()
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=INVITATION_LIFETIME.days,
    show_default=True,
    help="How long the link works.",
)
def invite(days: int) -> None:
    """Print a link that lets whoever opens it make one account, where sign_up = "invited"."""
    secret = secrets.token_urlsafe(32)
    try:
        config = load_config()
        accounts = Accounts(open_store(config.store), TokenCipher([key.plain for key in config.token_keys]))
        ends = accounts.invitations.make(secret, timedelta(days=days))
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{config.origin or 'http://localhost:8000'}/invite?code={secret}")
    click.echo(f"Makes one account, until {ends:%-d %B %Y, %H:%M} UTC, for whoever opens it first.", err=True)
    if config.sign_up is not SignUps.INVITED:
        what = "anybody may make an account" if config.sign_up is SignUps.OPEN else "nobody may make an account"
        click.echo(f'But sign_up is "{config.sign_up.value}": {what}, link or no link.', err=True)


@click.command()
@click.option("--purpose", type=click.Choice([purpose.value for purpose in Purpose]), default="sign-in")
@click.option("--owner", type=_WHO, default="nobody", help="Whose the identity is.")
@click.option("--owner-suspended", is_flag=True, help="That account is suspended.")
@click.option("--signed-in", type=_WHO, default="nobody", help="Who is signed in in this browser.")
@click.option("--meant", type=_WHO, default="nobody", help="Whose account the flow to link, prove or recover is for.")
@click.option("--confirmed", is_flag=True, help="The person has seen the identity and said yes.")
@click.option("--address-of", type=_WHO, default="nobody", help="Whose the identity's verified address is.")
@click.option("--authoritative", is_flag=True, help="The provider runs that address's domain.")
@click.option("--used-another", is_flag=True, help="This browser signed in with another provider before.")
@click.option("--never-verifies", is_flag=True, help="The provider never verifies addresses.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in State]),
    default="on",
    show_default=True,
    help="The provider's.",
)
@click.option("--provider-off", is_flag=True, help="The same as --state off.")
@click.option("--not-allowed", is_flag=True, help="The identity is not on the provider's list (allow).")
@click.option("--sign-up", type=click.Choice([each.value for each in SignUps]), default="open", show_default=True)
@click.option("--invited", is_flag=True, help="This browser holds an invitation, or an admin's identity came.")
@click.option("--same-email", type=click.Choice([policy.value for policy in Policy]), default="ask", show_default=True)
def explain(
    *,
    purpose: str,
    owner: str,
    owner_suspended: bool,
    signed_in: str,
    meant: str,
    confirmed: bool,
    address_of: str,
    authoritative: bool,
    used_another: bool,
    never_verifies: bool,
    state: str,
    provider_off: bool,
    not_allowed: bool,
    sign_up: str,
    invited: bool,
    same_email: str,
) -> None:
    """Say what the portal would do with an identity, given these facts, and why."""
    status: Literal["active", "suspended"] = "suspended" if owner_suspended else "active"
    decision = decide(
        Facts(
            purpose=Purpose(purpose),
            provider=State.OFF if provider_off else State(state),
            allowed=not not_allowed,
            may_join=may_join(SignUps(sign_up), invited=invited),
            owner=None if owner == "nobody" else Owner(owner, status),
            signed_in=None if signed_in == "nobody" else signed_in,
            meant=None if meant == "nobody" else meant,
            confirmed=confirmed,
            address_owner=None if address_of == "nobody" else Owner(address_of, "active"),
            authoritative=authoritative,
            used_another=used_another,
            vouches=not never_verifies,
            policy=Policy(same_email),
        )
    )
    click.echo(f"{_name(decision)}: {_reason(decision)}")


def _name(decision: Decision) -> str:
    user_id = getattr(decision, "user_id", None)
    return type(decision).__name__ + (f" ({user_id})" if user_id else "")


def _reason(decision: Decision) -> str:
    return decision.reason.value if isinstance(decision, Refuse) else _WHY[type(decision)]
