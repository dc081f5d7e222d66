"""The registry: which providers there are, and one of them as the configuration wants it. Knows none by name.

Modules are found through `providers.__path__`, so an application adds a folder of its own by appending to it. Reading
order: `base`, `github`, `oidc`, `google`, `facebook`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from providers.base import Provider, UnknownProvider

__all__ = ["Provider", "UnknownProvider", "available", "load"]

_SHARED = frozenset({"base", "oidc"})  # what provider modules are made of


def available() -> tuple[str, ...]:
    """The provider modules, by name. A package is none, nor a name that begins with `_`. Imports nothing."""
    found = {module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg}
    return tuple(sorted(name for name in found - _SHARED if not name.startswith("_")))


def load(name: str, settings: Mapping[str, Any]) -> Provider:
    """The provider of a configuration entry: the module of that name, else any OpenID Connect issuer.

    Raises UnknownProvider for a name that is no module and has no `issuer`, ImportError for a module without
    `provider`, ValueError for settings that can't be used.
    """
    known = available()
    if name in known:
        module = importlib.import_module(f"{__name__}.{name}")  # late, so that only what is configured is loaded
        provider = getattr(module, "provider", None)
        if not isinstance(provider, Provider):
            raise ImportError(
                f"{module.__file__} must define `provider`, an instance of providers.base.Provider",
                name=module.__name__,
                path=module.__file__,
            )
        return provider.configure(name, settings)
    if settings.get("issuer"):
        from providers.oidc import OpenIDProvider

        return OpenIDProvider(title=name.replace("_", " ").replace("-", " ").title()).configure(name, settings)
    nearest = get_close_matches(name, known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise UnknownProvider(
        f"{name!r} is none of {', '.join(known)}, and no `issuer` makes it an OpenID Connect provider.{hint}"
    )
