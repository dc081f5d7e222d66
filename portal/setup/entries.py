"""Sets up providers: asks what each needs, and says what to enter in its console. It writes nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import click

from portal.config import ConfigError, urls, values
from portal.config.sources import Found, Written
from portal.config.validation import validate
from portal.setup.asking import credential, names_of_providers, prompt, valid
from portal.setup.choices import names, preview
from portal.setup.draft import Entry
from portal.setup.origins import redirect_uri
from providers.base import Provider, origin

_ADDRESSES = ("authorization_url", "token_url", "api_url")


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says already. None: it is asked, or left as it usually is where nobody may be asked."""

    base_url: str | None
    title: str | None
    store: str | None
    providers: tuple[str, ...]
    settings: dict[str, dict[str, str]]  # by provider
    asks: bool


def set_up(given: Given, base_url: str | None, *, taken: Collection[str]) -> list[Entry]:
    """What is to be written of each provider that is wanted and not `taken`."""
    chosen = list(given.providers)
    if not chosen and given.asks:
        usual = ", ".join(names())
        chosen = prompt(
            f"Providers ({usual}; any other name is an OpenID Connect issuer)", "github", names_of_providers
        ).split()
    entries: list[Entry] = []
    for name in chosen:
        valid(values.provider_name, name, f"--provider {name}")
        if name in [*taken, *(entry.provider.name for entry in entries)]:
            click.echo(f"{name} is there already, and stays as it is.")
            continue
        entries.append(_entry(given, name, base_url))
    return entries


def _entry(given: Given, name: str, base_url: str | None) -> Entry:
    told = given.settings.get(name, {})
    addresses = {key: told[key] for key in (*_ADDRESSES, "issuer") if key in told}
    click.echo(f"\n{name}")
    if name not in names() and "issuer" not in addresses:
        if not given.asks:
            raise click.ClickException(f"{name} needs an issuer: --set {name}.issuer=https://…")
        addresses["issuer"] = prompt("  Its issuer, as its discovery document writes it", None, urls.issuer)
    elif not addresses and given.asks:
        addresses = _other_addresses(preview(name, {}))
    provider = _preview(name, addresses)
    uri = redirect_uri(base_url, name)
    click.echo(_instructions(provider, uri))
    settings: dict[str, Any] = {**addresses}
    console = provider.console
    client_id = told.get("client_id") or (
        prompt(f"  {console.client_id} (empty: later)", "", credential) if given.asks else ""
    )
    if "client_secret_file" in told:
        secret: dict[str, Any] = {"client_secret_file": told["client_secret_file"]}
    elif given.asks and client_id:
        secret = {
            "client_secret": prompt(f"  {console.client_secret} (not shown)", None, values.credential, hidden=True)
        }
    else:
        secret = {}
    if client_id and secret:
        settings |= {"client_id": client_id, **secret}
    else:
        settings |= {"enabled": False} | ({"client_id": client_id} if client_id else {})
        click.echo(f"  {name} stays off until client_id and client_secret stand under [providers.{name}].")
    rest = {key: value for key, value in told.items() if key not in settings and key != "client_id"}
    _demand_sound(name, {**settings, **rest})
    return Entry(provider, uri, {**settings, **rest})


def _demand_sound(name: str, settings: dict[str, Any]) -> None:
    """What is refused at the next start is not written now."""
    written: Found = {
        ("providers", name, key): Written(value, "--set")
        for key, value in settings.items()
        if not key.endswith("_file")  # read where it is used, and perhaps not there yet
    }
    _, problems = validate(written)
    if problems:
        raise click.ClickException(str(ConfigError(problems)))


def _other_addresses(usual: Provider) -> dict[str, str]:
    """For an Enterprise server, or the sandbox."""
    where = origin(usual.authorization_url)
    if click.confirm(f"  At its usual address, {where}?", default=True):
        return {}
    if usual.uses_nonce:
        return {"issuer": prompt("  Its issuer", None, urls.issuer)}
    return {key: prompt(f"  Its {key}, such as {getattr(usual, key)}", None, urls.endpoint) for key in _ADDRESSES}


def _preview(name: str, addresses: dict[str, str]) -> Provider:
    try:
        return preview(name, addresses)
    except (ValueError, LookupError) as error:
        raise click.ClickException(str(error)) from None


def _instructions(provider: Provider, uri: str) -> str:
    console = provider.console
    where = console.url or f"{provider.title}'s console"
    lines = [
        f"  Open {where}: {console.path}.",
        f"  Enter under “{console.redirect_uri}”, exactly:",
        f"      {uri}",
        f"  It needs the scopes {' '.join(provider.scopes)}.",
        *([f"  {console.hint}"] if console.hint else []),
    ]
    return "\n".join(lines)
