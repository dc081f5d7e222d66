"""`manage.py init`: asks what a portal needs, makes its keys, writes portal.toml, says what to enter at each provider.

Run again it shows what is there and changes nothing but what is asked for: one more provider. It never replaces a key.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import click

from portal.config import ConfigError, values
from portal.config.sources import read_sources
from portal.setup import draft
from portal.setup.asking import address, ask
from portal.setup.draft import Changed, Entry
from portal.setup.entries import Given, set_up
from portal.setup.origins import configuration_file, written_entries
from portal.setup.shown import lines_in_force

_STORE = "sqlite:///instance/portal.db"
_CLOSED = "{} can't be added to at its end, so nothing was changed: add the table [providers.NAME] to it by hand"


@click.command()
@click.option("--base-url", help="The address that people will use; empty for this machine alone.")
@click.option("--title", help="The name at the top of each page.")
@click.option("--store", help="sqlite:///PATH or datastore://PROJECT.")
@click.option("--provider", "chosen", multiple=True, help="A provider to set up; may be repeated.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME.KEY=VALUE",
    help="A provider's setting: github.client_id=Ov23li…; a secret by its file: github.client_secret_file=PATH.",
)
@click.option("--no-input", is_flag=True, help="Ask nothing: what isn't given stays as it usually is.")
def init(
    *,
    base_url: str | None,
    title: str | None,
    store: str | None,
    chosen: tuple[str, ...],
    pairs: tuple[str, ...],
    no_input: bool,
) -> None:
    """Set up a portal: make its keys, write portal.toml, and say what to enter at each provider."""
    given = Given(base_url, title, store, chosen, _read_pairs(pairs), not no_input)
    path = configuration_file(os.environ, Path.cwd())
    try:
        _add_to(path, given) if os.path.lexists(path) else _begin(path, given)
    except FileExistsError:
        raise click.ClickException(f"{path} has come into being meanwhile; nothing was changed") from None
    except Changed:
        raise click.ClickException(f"{path} was changed meanwhile, so it was left alone; try again") from None
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}; nothing was changed") from None


def _begin(path: Path, given: Given) -> None:
    click.echo(f"This makes {path}. Press Enter to take what stands in brackets.\n")
    where = "Address that people will use (empty: this machine alone)"
    base_url = ask(given.base_url, where, "", address, asks=given.asks)
    title = ask(given.title, "Name at the top of each page", "Portal", values.text, asks=given.asks)
    store = ask(given.store, "Where accounts are kept", _STORE, values.store, asks=given.asks)
    entries = set_up(given, base_url or None, taken=[])
    text = draft.new_file(base_url=base_url or None, title=title, store=store)
    draft.create(path, text + "".join(map(draft.table, entries)))
    _say_done(path, entries, f"{path} is written, with keys made just now; nobody but you can read it.")


def _add_to(path: Path, given: Given) -> None:
    try:
        was = path.read_bytes()
        written, _ = read_sources(None, os.environ, Path.cwd())
        lines = lines_in_force(os.environ, Path.cwd(), defaults=False)
    except ConfigError as error:
        raise click.ClickException(f"{error}\n\nNothing was changed.") from None
    click.echo(f"{path} is there already:\n")
    click.echo("\n".join(f"  {line}" for line in lines))
    click.echo()
    taken = written_entries(written)
    wanted = bool(given.providers) or (given.asks and click.confirm("Add a provider to it?", default=False))
    base_url = written.get(("base_url",))
    entries = set_up(given, str(base_url.value) if base_url else None, taken=taken) if wanted else []
    if not entries:
        click.echo("Nothing was changed.")
        return
    more = "".join(map(draft.table, entries))
    _demand_readable(was, more, path)
    draft.append(path, was, more)
    added = ", ".join(entry.provider.name for entry in entries)
    _say_done(path, entries, f"{path} has {added} now; the rest is as it was.")


def _demand_readable(was: bytes, more: str, path: Path) -> None:
    """Some files can't be added to at their end: an inline table is closed for good."""
    try:
        before, after = tomllib.loads(was.decode("utf-8-sig")), tomllib.loads(was.decode("utf-8-sig") + "\n" + more)
    except ValueError:
        raise click.ClickException(_CLOSED.format(path)) from None
    after["providers"] = {
        name: entry for name, entry in after["providers"].items() if name in before.get("providers", {})
    }
    if {**before, "providers": before.get("providers", {})} != after:
        raise click.ClickException(_CLOSED.format(path))


def _say_done(path: Path, entries: list[Entry], done: str) -> None:
    click.echo(f"\n{done}")
    for entry in entries:
        if entry.settings.get("enabled") is False:
            click.echo(
                f"Still to do: client_id and client_secret of {entry.provider.name} in {path}; then remove `enabled`."
            )
    click.echo("Next: python manage.py check")


def _read_pairs(pairs: tuple[str, ...]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, _, rest = pair.partition(".")
        key, separator, value = rest.partition("=")
        if not separator or not key:
            raise click.UsageError("--set takes NAME.KEY=VALUE, such as github.client_id=Ov23li…")
        if key == "client_secret":  # every user of the machine can read other people's command lines
            raise click.UsageError(f"a secret has no place on a command line: --set {name}.client_secret_file=PATH")
        found.setdefault(name, {})[key] = value
    return found
