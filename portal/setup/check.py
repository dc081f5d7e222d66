"""`manage.py check`: reads the configuration as the portal would, and tests everything that it can reach."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import click

from portal.app import create_app
from portal.config import Config, ConfigError, Problem, load_config
from portal.config.sources import read_sources
from portal.parts import Parts
from portal.setup.clocks import Clocks
from portal.setup.findings import Finding, good, passed, problem
from portal.setup.keys import check_keys
from portal.setup.origins import files_with_secrets, redirect_uri, written_entries
from portal.setup.outside import check_outside
from portal.setup.registration import check_provider
from portal.setup.report import as_json, as_lines
from portal.setup.storing import check_people, check_store
from portal.setup.strays import check_strays
from portal.setup.together import Look, look_at_all

SECONDS = 18.0  # for everything together
_CONFIGURATION = "configuration"


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print the findings as JSON.")
def check(wants_json: bool) -> None:
    """Test the configuration, the store, and each provider's side; exit 1 if somebody could not sign in."""
    findings = check_all(os.environ, Path.cwd())
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(as_json(findings) if wants_json else as_lines(findings, encoding=encoding))
    if not passed(findings):
        raise SystemExit(1)


def check_all(environ: Mapping[str, str], cwd: Path) -> list[Finding]:
    """Everything, in at most SECONDS."""
    if not logging.getLogger().handlers:  # what the portal would log is told as findings here
        logging.getLogger().addHandler(logging.NullHandler())
    try:
        config = load_config(environ=environ, cwd=cwd)
        app = create_app(config)
        written, _ = read_sources(None, environ, cwd)
    except ConfigError as error:
        return [_as_finding(each) for each in error.problems]
    parts: Parts = app.extensions["portal"]
    clocks = Clocks()
    looks: dict[str, Look] = {
        _CONFIGURATION: lambda: [*_check_providers(config), *check_strays(environ, written_entries(written))],
        "keys": partial(check_keys, config, files_with_secrets(written, environ, cwd)),
        "store": partial(check_store, parts.store, config.store),
        "people": partial(check_people, parts.store, parts.ways),
        "outside": partial(check_outside, app, parts.backchannel.session()),
    }
    for provider in parts.providers.values():
        http = clocks.listen(parts.backchannel.session(), provider.title)
        uri = redirect_uri(config.base_url, provider.name)
        looks[provider.name] = partial(check_provider, provider, uri, http, today=today())
    findings = look_at_all(looks, seconds=SECONDS)
    parts.store.close()
    return findings + (clocks.judge() if parts.providers else [])


def today() -> date:
    """The day by which versions are old."""
    return datetime.now(UTC).date()


def _as_finding(wrong: Problem) -> Finding:
    return problem(
        _CONFIGURATION, f"{wrong.setting} ({wrong.source}) {wrong.wrong}; write {wrong.write}", wrong.setting
    )


def _check_providers(config: Config) -> list[Finding]:
    kind = "development" if config.development else "production"
    off = f"; off: {', '.join(config.off)}" if config.off else ""
    if not config.providers:
        says = f"no provider is on{off}, so nobody can sign in: manage.py init adds one"
        return [problem(_CONFIGURATION, says, "providers")]
    return [good(_CONFIGURATION, f"read, for {kind}; on: {', '.join(config.providers)}{off}")]
