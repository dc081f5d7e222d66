"""The `users` commands that change an account. Each leaves an event with who did it and why, and holds at once.

What can't be taken back asks first. A deletion leaves no event, for nothing is left that it could stand in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import click

from portal.admin.opening import TAKES_IDS, get_identity, load_user, opened, who_acts
from portal.linking import Reason, Refuse
from portal.logs import printable
from portal.models import User
from portal.oversight import Oversight
from portal.parts import Parts
from providers.base import claim

Action = Callable[..., bool]

_WHO = click.argument("who")
_REASON = click.option("--reason", help="In one line; it stands in the person's history, who may read it.")
_YES = click.option("--yes", is_flag=True, help="Don't ask.")


@click.command(context_settings=TAKES_IDS)
@_WHO
@click.option("--reason", required=True, help="In one line; it stands in the person's history, who may read it.")
def suspend(who: str, reason: str) -> None:
    """Let WHO in no more, and end every session. Nothing is lost; `users restore` takes it back."""
    _change(who, Oversight.suspend, reason, "is suspended, and signed out everywhere", "is suspended already")


@click.command(context_settings=TAKES_IDS)
@_WHO
@_REASON
def restore(who: str, reason: str | None) -> None:
    """Let a suspended WHO in again. They have to sign in anew."""
    _change(who, Oversight.restore, reason, "may sign in again", "is not suspended")


@click.command(name="sign-out", context_settings=TAKES_IDS)
@_WHO
@_REASON
def sign_out(who: str, reason: str | None) -> None:
    """End every session of WHO, who may sign in again."""
    _change(who, Oversight.sign_out, reason, "is signed out everywhere", "is gone")


@click.command(context_settings=TAKES_IDS)
@_WHO
@_REASON
def promote(who: str, reason: str | None) -> None:
    """Make WHO an admin. They have to sign in anew."""
    _change(who, Oversight.promote, reason, "is an admin, from the next sign-in on", "was promoted already")


@click.command(context_settings=TAKES_IDS)
@_WHO
@_REASON
def demote(who: str, reason: str | None) -> None:
    """Take that back. Who is listed in the configuration stays an admin by it."""
    _change(who, Oversight.demote, reason, "is an admin by promotion no more", "was not promoted")


@click.command(context_settings=TAKES_IDS)
@_WHO
@click.argument("identity")
@_YES
def unlink(who: str, identity: str, yes: bool) -> None:
    """Remove the way in IDENTITY (github:583231) from WHO, and end every session. The last one stays."""
    with opened() as here:
        user = load_user(here, who)
        oauth = get_identity(here, identity)
        if oauth is None or oauth.user_id != user.id:
            raise click.ClickException(f"{identity!r} is no way into {_named(user)}; `users show` lists them")
        _ask(yes, f"Remove {printable(identity)} from {_named(user)}?")
        done = here.accounts.membership.unlink(
            user, None, oauth.id, usable=here.ways.opens, end_others=True, by=who_acts()
        )
        if isinstance(done, Refuse):
            raise click.ClickException(_why_not(done.reason, identity, user))
        click.echo(f"{printable(identity)} no longer opens {_named(user)}, who is signed out everywhere")


@click.command(context_settings=TAKES_IDS)
@_WHO
@_YES
def delete(who: str, yes: bool) -> None:
    """Delete WHO and all that is held about them, for good. No event is left: keep what this prints."""
    with opened() as here:
        user = load_user(here, who)
        _ask(yes, f"Delete {_named(user)}, with all that is held about them? It can't be undone.")
        if not here.accounts.membership.delete(user, seconds=3600.0):
            raise click.ClickException(f"{_named(user)} was gone already")
        click.echo(f"{_named(user)} was deleted by {who_acts()}")


def _change(who: str, action: Action, reason: str | None, done: str, already: str) -> None:
    with opened() as here:
        user = load_user(here, who)
        if not action(here.accounts.oversight, user.id, by=who_acts(), reason=_one_line(reason)):
            raise click.ClickException(f"{_named(user)} {already}")
        click.echo(f"{_named(user)} {done}")
        _say_what_is_left(here, user, action)


def _say_what_is_left(here: Parts, user: User, action: Action) -> None:
    if action is Oversight.demote and here.admins.lists(user):
        click.echo("The configuration lists them under `admins`, and so they still are one.", err=True)


def _one_line(reason: str | None) -> str | None:
    """Cleaned as a provider's claims are (T89)."""
    cleaned = claim({"reason": unicodedata.normalize("NFC", reason)}, "reason", str) if reason is not None else None
    if reason is not None and not cleaned:
        raise click.ClickException("--reason is empty")
    return cleaned


def _named(user: User) -> str:
    return f"{printable(user.name)} ({user.id})" if user.name else f"user {user.id}"


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _why_not(reason: Reason, identity: str, user: User) -> str:
    if reason is Reason.LAST_WAY_IN:
        return (
            f"{identity!r} is the last way into {_named(user)}: have another added by `users recover {user.id}`, or "
            "suspend the account"
        )
    return f"{_named(user)} changed at this very moment; look at them again (`users show {user.id}`)"
