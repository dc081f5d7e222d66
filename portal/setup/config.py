"""`manage.py config`: what is in force, and the schema that lets an editor complete portal.toml."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from portal.config import ConfigError
from portal.setup.schema import make_schema
from portal.setup.shown import in_force, lines_in_force


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
def show() -> None:
    """Print every setting that is in force and where it was written, secrets hidden."""
    try:
        click.echo("\n".join(lines_in_force(os.environ, Path.cwd())))
        _, problems = in_force(os.environ, Path.cwd())
        if problems:
            raise ConfigError(problems)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@config.command()
def schema() -> None:
    """Print a JSON schema of portal.toml, for a file whose first line names it: #:schema ./portal.schema.json"""
    click.echo(json.dumps(make_schema(), indent=2))
