"""`users show` and `users export`: what an admin sees of an account, and the copy that its owner may ask for."""

from __future__ import annotations

import json
from datetime import datetime

import click

from portal.accounts import LinkedIdentity
from portal.admin.opening import TAKES_IDS, load_user, opened, who_acts
from portal.admin.tables import at, echo_table
from portal.models import Session, User
from portal.parts import Parts

EVENTS, SESSIONS = 10, 200


@click.command(context_settings=TAKES_IDS)
@click.argument("who")
def show(who: str) -> None:
    """Show the account of WHO, an id or an identity (github:583231): its ways in, sessions and latest events."""
    with opened() as here:
        user = load_user(here, who)
        status = user.status + (f": {user.suspended_for}" if user.suspended_for else "")
        echo_table(
            [
                ("name", user.name),
                ("id", user.id),
                ("status", status),
                ("admin", _admin(here, user)),
                ("since", at(user.created)),
            ]
        )
        click.echo("\nWays in")
        echo_table([_way(here, each) for each in here.accounts.list_identities(user)], indent="  ")
        sessions = here.store.list_of(Session, user.id, limit=SESSIONS)
        live = [session for session in sessions if here.accounts.devices.is_live(session, user)]
        latest = max((session.seen for session in live), default=None)
        more = " or more" if len(sessions) == SESSIONS else ""
        click.echo(f"\nSigned in on {len(live)}{more} devices" + (f", last seen {at(latest)}" if latest else ""))
        click.echo(f"\nThe latest of what happened (all of it: events --user {user.id})")
        events = here.accounts.history.page(user.id, limit=EVENTS).events
        echo_table([(at(e.when), e.what, e.entry, e.device, e.by, e.note) for e in events], indent="  ")


@click.command(context_settings=TAKES_IDS)
@click.argument("who")
def export(who: str) -> None:
    """Print all that is held about WHO as JSON, as they would get it themselves. Their history says so."""
    with opened() as here:
        user = load_user(here, who)
        held = here.accounts.membership.export(user, None)
        here.accounts.oversight.note(user.id, "exported", by=who_acts(), reason=None)
        click.echo(json.dumps(held, default=_text, indent=2, ensure_ascii=False))


def _admin(here: Parts, user: User) -> str:
    ways = ["listed in the configuration"] if here.admins.lists(user) else []
    ways += ["promoted"] if user.admin else []
    return (" and ".join(ways) or "no") + (", but suspended" if ways and user.status != "active" else "")


def _way(here: Parts, each: LinkedIdentity) -> tuple[object, ...]:
    oauth, token = each.oauth, each.token
    said = " ".join(filter(None, (token.login or token.name, token.email)))
    checked = "" if token.email is None else "address proved" if token.email_verified else "address unproved"
    state = "" if here.ways.opens(oauth) else "opens nothing as things stand"
    return (f"{oauth.entry}:{oauth.subject}", said, checked, f"used {at(token.used)}", state)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no text for {type(value).__name__}")
