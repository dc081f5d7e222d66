"""Every setting, read and checked once, all problems told together. It opens no store and asks no provider.

Reading order: `settings` (what there is), `values` and `urls` (what each may be), `sources`, `tomlfile` and `given`
(where it is written), `references` and `secret_manager` (secrets that are only named there), `validation`, `rules` and
`forward_auth` (what is wrong with it), `problems` (how that is told), `keys` (made in development).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import providers
from portal.config.contacts import Contact, read_contact
from portal.config.forward_auth import protected_origins
from portal.config.keys import load_or_make_dev_keys
from portal.config.problems import NOT_SET, ConfigError, Problem
from portal.config.references import resolve_references
from portal.config.rules import APP_ENGINE, check_rules, hosted_on, is_development, lifetimes_of
from portal.config.secret_manager import OpenSession, open_session
from portal.config.settings import ADDRESSES, ProviderSettings, Settings
from portal.config.sources import read_sources
from portal.config.urls import is_loopback, is_loopback_http
from portal.config.validation import validate
from portal.config.values import MAKE_KEY, ClientAddress, Wrong
from portal.lifetimes import Lifetimes
from portal.linking import Policy, SignUps, State
from providers.base import Secret

__all__ = ["ClientAddress", "Config", "ConfigError", "Problem", "ProviderConfig", "Secret", "load_config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """A provider that is on. None where the choice is left to the provider's module."""

    name: str
    client_id: str
    client_secret: Secret[str]
    title: str | None = None
    scopes: tuple[str, ...] | None = None
    keep_tokens: bool = True
    offline: bool | None = None  # whether a refresh token is asked for, where a provider has to be asked
    authorization_url: str | None = None
    token_url: str | None = None
    api_url: str | None = None
    issuer: str | None = None
    authoritative_for: tuple[str, ...] | None = None
    hosted_domains: tuple[str, ...] | None = None
    organisations: tuple[str, ...] | None = None
    state: State = State.ON  # never OFF
    order: int | None = None  # its place among the buttons; those without one come last
    allow: frozenset[str] | None = None  # the identities, provider:subject, that alone are let in
    require_verified_email: bool = False  # whether who comes without a verified address is turned away

    def settings(self) -> dict[str, Any]:
        """What `providers.load` takes beside the name: all that is chosen."""
        # A provider says what it knows; what that must be, and what it is good for here, is our rule.
        ours = {"name", "state", "order", "allow", "require_verified_email"}
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ours}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration without a problem."""

    development: bool
    base_url: str | None  # scheme, host and port, as browsers write an origin; None only in development
    secret_keys: tuple[Secret[str], ...]  # the first signs, all verify
    token_keys: tuple[Secret[bytes], ...]  # 32 bytes each; the first seals, all unseal
    store: str
    title: str
    home_url: str | None
    same_email: Policy = Policy.ASK  # what a new identity with a known address leads to
    admins: frozenset[str]  # identities, provider:subject
    sign_up: SignUps = SignUps.OPEN  # who may make an account
    contact: Contact | None = None  # whom people ask
    providers: Mapping[str, ProviderConfig]  # those that are on, in the order of their buttons
    off: Mapping[str, str | None] = field(default_factory=dict)  # those that are written down and off; their titles
    instance: Path  # the folder for what the portal makes itself
    app_engine: bool  # whether this is App Engine, which keeps its own headers out of people's requests
    client_address: ClientAddress = ClientAddress.CONNECTION
    log: Literal["json", "text"] = "text"
    sessions: Lifetimes = field(default_factory=Lifetimes)
    keep_events: timedelta = timedelta(days=400)
    cookie_domain: str | None = None  # without a dot; whose hosts get the session cookie that `/auth` takes
    protected_origins: tuple[str, ...] = ()  # of the pages elsewhere that a sign-in may end on, as browsers write them
    project: str | None = None  # Google's id for it where this runs there; traces are named after it

    @property
    def origin(self) -> str | None:
        """What a browser on the portal sends as `Origin`: the base URL, for that has no path."""
        return self.base_url

    @property
    def on_this_machine(self) -> bool:
        """Whether browsers reach it by a loopback name, by http or https."""
        return self.base_url is None or is_loopback(self.base_url)

    @property
    def needs_insecure_transport(self) -> bool:
        """Whether a provider is reached by plain http, on this machine as ever; oauthlib must be told to allow it."""
        return any(is_loopback_http(getattr(p, key) or "") for p in self.providers.values() for key in ADDRESSES)


def load_config(
    *,
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    known: Collection[str] | None = None,
    open_session: OpenSession = open_session,
    served_at: str | None = None,
    given: object = None,
    instance: Path | None = None,
) -> Config:
    """The configuration in force. `known` are the provider modules' names, where not those that are installed;
    `open_session` opens the session over which Secret Manager is asked, if it has to be. `served_at` is this machine's
    https address (`manage.py run --https`), which then is the base URL; all else is as in development but the cookies.
    `given` is what an application says in its own configuration: a dictionary of the file's shape, in the file's place.
    `instance` is the folder for what is made, where that is not the working directory's.

    In development missing keys are made in `instance/`. Raises ConfigError.
    """
    cwd = cwd or Path.cwd()
    written, problems = read_sources(path, environ, cwd, given)
    written = resolve_references(written, problems, open_session)
    settings, wrong_values = validate(written)
    problems += wrong_values
    known = providers.available() if known is None else known
    problems += check_rules(settings, written, environ, known, served_at=served_at)
    if problems:
        raise ConfigError(problems)
    if served_at:
        settings = settings.model_copy(update={"base_url": served_at})
    host = hosted_on(environ)
    project = environ.get("GOOGLE_CLOUD_PROJECT") if host else None  # elsewhere anybody may write the trace's header
    if instance is not None and ("store",) not in written:
        settings = settings.model_copy(update={"store": f"sqlite:///{instance / 'portal.db'}"})
    return _make_config(settings, instance or cwd / "instance", app_engine=host == APP_ENGINE, project=project)


def _make_config(settings: Settings, instance: Path, *, app_engine: bool, project: str | None) -> Config:
    secret_keys = tuple(Secret(key.get_secret_value()) for key in settings.secret_key)
    token_keys = tuple(Secret(key.get_secret_value()) for key in settings.token_keys)
    if not (secret_keys and token_keys):  # only in development: production has been refused without them
        made_secret_key, made_token_key = _development_keys(instance)
        secret_keys = secret_keys or (Secret(made_secret_key),)
        token_keys = token_keys or (Secret(made_token_key),)
    entries = {name: _make_provider(name, entry) for name, entry in settings.providers.items()}
    return Config(
        development=is_development(settings.base_url),
        base_url=settings.base_url,
        secret_keys=secret_keys,
        token_keys=token_keys,
        store=settings.store,
        title=settings.title,
        home_url=settings.home_url,
        same_email=settings.linking.same_email,
        admins=frozenset(settings.admins),
        sign_up=settings.sign_up,
        contact=read_contact(settings.contact) if settings.contact else None,
        providers=MappingProxyType({name: entry for name, entry in _in_order(entries) if entry}),
        off=MappingProxyType({name: settings.providers[name].title for name, entry in entries.items() if not entry}),
        instance=instance,
        app_engine=app_engine,
        client_address=settings.client_address
        or (ClientAddress.APP_ENGINE if app_engine else ClientAddress.CONNECTION),
        log=settings.log or ("text" if is_development(settings.base_url) else "json"),
        sessions=lifetimes_of(settings.sessions),
        keep_events=settings.events.keep,
        cookie_domain=settings.cookie_domain,
        protected_origins=protected_origins(settings),
        project=project,
    )


def _make_provider(name: str, entry: ProviderSettings) -> ProviderConfig | None:
    if entry.switched is False or entry.client_id is None or entry.client_secret is None:
        return None
    secret = Secret(entry.client_secret.get_secret_value())
    rest = entry.model_dump(exclude={"enabled", "state", "allow", "client_id", "client_secret"})
    return ProviderConfig(
        name=name,
        client_id=entry.client_id,
        client_secret=secret,
        state=entry.state or State.ON,
        allow=None if entry.allow is None else frozenset(entry.allow),
        **rest,
    )


def _in_order(entries: Mapping[str, ProviderConfig | None]) -> list[tuple[str, ProviderConfig | None]]:
    """Those with a place of their own by it, then the others as they were."""
    last = len(entries) + 1_000
    return sorted(entries.items(), key=lambda item: (item[1] and item[1].order) or last)


def _development_keys(instance: Path) -> tuple[str, bytes]:
    try:
        return load_or_make_dev_keys(instance)
    except OSError as error:
        problem = Problem("secret_key", NOT_SET, f"can't be made in {instance}: {error.strerror}", MAKE_KEY)
    except Wrong as error:
        problem = Problem(
            "secret_key",
            str(instance),
            f"was made there once, but now {error.wrong}",
            "nothing, but delete secret.key and token.key: new ones will be made",
        )
    raise ConfigError([problem])
