"""Environment variables that look like a setting and are none: a start never fails for them, a misspelling is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from portal.config.settings import TABLES, ProviderSettings, Settings, keys_of
from portal.setup.findings import Finding, warning

_OTHERS = {"PORTAL_CONFIG"}


def check_strays(environ: Mapping[str, str], entries: Iterable[str]) -> list[Finding]:
    """`entries` are the providers' names. What is near no setting stays unmentioned: Kubernetes sets PORTAL_PORT."""
    known = {name.upper() for name in _names(entries)} | _OTHERS
    strays = sorted(name for name in environ if name.startswith("PORTAL_") and name.upper() not in known)
    findings = []
    for name in strays:
        for near in get_close_matches(name.upper(), known, n=1, cutoff=0.85):
            says = f"{name} is set, and is no setting: is {near} meant?"
            findings.append(warning("configuration", says, near))
    return findings


def _names(entries: Iterable[str]) -> Iterable[str]:
    for key in keys_of(Settings):
        if key not in {*TABLES, "providers"}:
            yield f"PORTAL_{key}"
    for table, shape in TABLES.items():
        yield from (f"PORTAL_{table}__{key}" for key in keys_of(shape))
    for entry in {*entries, "google", "github", "facebook"}:
        yield from (f"PORTAL_PROVIDERS__{entry.replace('-', '_')}__{key}" for key in keys_of(ProviderSettings))
