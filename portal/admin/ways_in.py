"""`providers`: which there are, what to register with each, and who uses them. It changes nothing and asks no provider.

Users are counted by a walk, when somebody wants to know. A counter would be one row that every sign-in writes, which is
what a store of many machines is worst at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import click

from portal.admin.opening import opened
from portal.admin.tables import at, echo_table, progress
from portal.models import OAuth, Token
from portal.parts import Parts
from portal.sweep import place

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Use:
    """How many people have an identity of each provider, and when one last came in by it."""

    users: Counter[str] = field(default_factory=Counter)
    last: dict[str, datetime] = field(default_factory=dict)


@click.command()
@click.option("--count", is_flag=True, help="Count the users of each, and find the last sign-in: looks at all of them.")
def providers(count: bool) -> None:
    """List the providers: their state, what people call them, and the redirect URI to register with each."""
    with opened() as here:
        use = _count(here) if count else Use()
        names = [*here.providers, *here.config.off, *sorted(use.users.keys() - {*here.providers, *here.config.off})]
        if not names:
            raise click.ClickException("no provider is configured: write one into portal.toml, or run `init`")
        head = ("name", "state", "title", "redirect URI")
        rows = [(name, _state(here, name), here.ways.title(name), _redirect_uri(here, name)) for name in names]
        if count:
            told = [(str(use.users[name]), at(use.last.get(name))) for name in names]
            echo_table(
                [(*head, "users", "last sign-in"), *((*row, *more) for row, more in zip(rows, told, strict=True))]
            )
        else:
            echo_table([head, *rows])
            click.echo("\nHow many use each, and when last: --count", err=True)


def _state(here: Parts, name: str) -> str:
    if name not in here.providers and name not in here.config.off:
        return "not configured"  # any more: people still have identities under that name
    return here.ways.state(name).value


def _redirect_uri(here: Parts, name: str) -> str:
    return f"{here.config.origin or 'http://localhost:8000'}/login/{name}/authorized"


def _count(here: Parts) -> Use:
    use, after = Use(), None
    with progress("Going over the identities") as show:
        while page := here.store.scan(OAuth, after=after, limit=AT_ONCE):
            used = {
                token.oauth_id: token.used for token in here.store.list_at([Token.key_of(each.id) for each in page])
            }
            for oauth in page:
                name = _name(here, oauth)
                use.users[name] += 1
                if oauth.id in used:
                    use.last[name] = max(used[oauth.id], use.last.get(name, used[oauth.id]))
            show(place(page[-1].id))
            after = page[-1].key
    return use


def _name(here: Parts, oauth: OAuth) -> str:
    """The entry that an identity comes in by now: its own, or one that was renamed and is of the same issuer."""
    if oauth.entry in here.providers:
        return oauth.entry
    return next((name for name, each in here.providers.items() if each.issuer == oauth.issuer), oauth.entry)
