"""`users find`: who has an id, an identity, an address or a name. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import click

from portal.admin.opening import TAKES_IDS, get_identity, opened
from portal.admin.tables import at, echo_table, progress
from portal.models import Email, User
from portal.parts import Parts
from portal.records import email_id
from portal.sweep import place

AT_ONCE = 200


@click.command(context_settings=TAKES_IDS)
@click.argument("text")
@click.option("--most", default=20, show_default=True, type=click.IntRange(1), help="So many, and no more.")
@click.option("--walk", default=100_000, show_default=True, type=click.IntRange(1), help="Users looked at for a name.")
def find(text: str, most: int, walk: int) -> None:
    """Find users by TEXT: an id, an identity (github:583231), an address, or a part of a name.

    The first three are found at once. Of an address it is told who proved it, and who only said that it is theirs: it
    says nothing about who may have the account. For a name all users are looked at, for there is no index on names.
    """
    text = text.strip()
    if not text:
        raise click.ClickException("nobody is found by nothing")
    with opened() as here:
        found = list(_at_once(here, text))
        if not found and "@" not in text:
            found = _by_name(here, text.casefold(), most, walk)
        if not found:
            raise click.ClickException(f"nobody is found by {text!r}")
        echo_table([(user.id, user.name, user.status, at(user.created), why) for user, why in found[:most]])


def _at_once(here: Parts, text: str) -> Iterator[tuple[User, str]]:
    """Who is found by a key."""
    (user,) = here.store.look_up(User.key_of(text))
    if user is not None:
        yield user, "has this id"
    oauth = get_identity(here, text)
    if oauth is not None:
        (user,) = here.store.look_up(User.key_of(oauth.user_id))
        if user is not None:
            yield user, f"has this identity of {oauth.entry}"
    for verified, why in ((True, "proved this address"), (False, "said that this address is theirs; nobody checked")):
        key = email_id(text, verified=verified)
        (email,) = here.store.look_up(Email.key_of(key)) if key else (None,)
        (user,) = here.store.look_up(User.key_of(email.user_id)) if email else (None,)
        if user is not None:
            yield user, why


def _by_name(here: Parts, wanted: str, most: int, walk: int) -> list[tuple[User, str]]:
    found: list[tuple[User, str]] = []
    after, seen = None, 0
    with progress("Going over the users") as show:
        while len(found) < most and seen < walk and (page := here.store.scan(User, after=after, limit=AT_ONCE)):
            seen += len(page)
            show(place(page[-1].id))
            found += [(user, "") for user in page if wanted in (user.name or "").casefold()]
            after = page[-1].key
    if seen >= walk and len(found) < most:
        click.echo(f"only {seen} users were looked at; --walk for more", err=True)
    return found
