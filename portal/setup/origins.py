"""Where the settings in force were written, and what follows from where: whose file must be closed, which redirect URI
a provider has to know. It judges no value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from portal.config.settings import SECRETS
from portal.config.sources import Found

LOCALHOST = "http://localhost:8000"  # where `manage.py run` serves, if nothing else is said
_ENVIRONMENT = "environment variable "


def configuration_file(environ: Mapping[str, str], cwd: Path) -> Path:
    """The file that the portal reads, be it there or not."""
    return cwd / (environ.get("PORTAL_CONFIG", "").strip() or "portal.toml")


def files_with_secrets(written: Found, environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """The files that secrets are read from: their own, and the configuration's where it holds one itself."""
    files = {found.file for found in written.values() if found.file}
    for name, found in written.items():
        if name[-1] in SECRETS and not found.file and not found.source.startswith(_ENVIRONMENT):
            files.add(configuration_file(environ, cwd))
    return sorted(files)


def written_entries(written: Found) -> list[str]:
    """The providers that anything is written of."""
    return list(dict.fromkeys(name[1] for name in written if name[0] == "providers" and len(name) > 1))


def redirect_uri(base_url: str | None, provider: str) -> str:
    """What to register with a provider, to the letter."""
    return f"{base_url or LOCALHOST}/login/{provider}/authorized"
