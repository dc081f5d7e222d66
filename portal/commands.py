"""What an admin does to accounts, and asks of the rules, on the command line; `manage.py` offers it."""

from __future__ import annotations

import secrets
from typing import Literal

import click

from portal.accounts import Accounts
from portal.catalogue import write_catalogue
from portal.config import ConfigError, load_config
from portal.crypto import TokenCipher
from portal.errors import StoreError
from portal.linking import Ask, Confirm, Decision, Facts, Link, Owner, Policy, Purpose, Refuse, SignIn, SignUp, decide
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


@users.command()
@click.argument("user_id", metavar="ID")
def recover(user_id: str) -> None:
    """Print a link that adds a new way to sign in to the account ID: once, within a quarter of an hour."""
    secret = secrets.token_urlsafe(32)
    try:
        config = load_config()
        accounts = Accounts(open_store(config.store), TokenCipher([key.plain for key in config.token_keys]))
        ends = accounts.membership.make_recovery(user_id, secret)
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    if ends is None:
        raise click.ClickException(f"there is no active user {user_id!r}")
    click.echo(f"{config.origin or 'http://localhost:8000'}/recover?code={secret}")
    click.echo(f"Works once, until {ends:%H:%M} UTC. Whoever opens it can add an identity to this account.", err=True)


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
@click.option("--provider-off", is_flag=True, help="The provider is switched off.")
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
    provider_off: bool,
    same_email: str,
) -> None:
    """Say what the portal would do with an identity, given these facts, and why."""
    status: Literal["active", "suspended"] = "suspended" if owner_suspended else "active"
    decision = decide(
        Facts(
            purpose=Purpose(purpose),
            provider_on=not provider_off,
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
