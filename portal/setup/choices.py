"""What one can choose from when a provider is set up: which there are, and where an application is registered."""

from __future__ import annotations

import providers
from portal.config.sources import FIRST
from providers.base import Provider


def names() -> list[str]:
    """The providers that need no issuer, the usual ones first."""
    known = providers.available()
    return [name for name in FIRST if name in known] + [name for name in known if name not in FIRST]


def preview(name: str, addresses: dict[str, str]) -> Provider:
    """The provider as it will be with these addresses, without credentials. Raises ValueError or LookupError."""
    return providers.load(name, addresses)
