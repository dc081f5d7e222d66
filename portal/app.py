"""`Portal`, a Flask extension, and `create_app()`, the standalone portal made of it. They only join."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import SecurityError

import providers
from portal.accounts import Accounts
from portal.admins import Admins
from portal.avatar_ids import AvatarIds
from portal.backchannel import BackChannel
from portal.canary import WatchedStore
from portal.config import Config, ConfigError, Problem, ProviderConfig, load_config
from portal.config.urls import LONGEST_ISSUER
from portal.crypto import TokenCipher, derive_key
from portal.domain_pass import DomainPass
from portal.flow import Flows
from portal.hop import Hop
from portal.login_manager import OnUser, join_flask_login
from portal.logs import drop_queries_from_access_log, log, quiet_libraries, set_up_logging
from portal.parts import Parts
from portal.pictures import Pictures
from portal.readiness import Readiness
from portal.revoker import Revoker
from portal.security import LARGEST_BODY, add_headers
from portal.sessions import Sessions
from portal.storage import Store, open_store
from portal.storage.budget import request_budget
from portal.tokens import Tokens
from portal.views import errors, is_for_machines, make_blueprint
from portal.views.guards import turn_away
from portal.views.in_templates import InTemplates
from portal.ways import SwitchedOff, Ways
from providers.base import Provider

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PORT = re.compile(r":\d*$")
_WRITTEN = "portal.toml, app.config['PORTAL'] or the environment"


class Portal:
    """The extension: adds the portal's blueprint, `extensions["portal"]` and a `portal` for templates to an
    application, a LoginManager where it has none, and nothing else."""

    def __init__(
        self,
        app: Flask | None = None,
        config: Config | None = None,
        *,
        store: Store | None = None,
        url_prefix: str = "",
        on_user: OnUser | None = None,
    ) -> None:
        """`config` is read from its sources where absent, `store` opened as configured. All pages lie under
        `url_prefix`, such as "/people". `on_user` gets the portal's user and gives the application's own row for it, or
        None: that is then Flask-Login's `current_user`."""
        self._config = config
        self._store = store
        self._url_prefix = _checked_prefix(url_prefix)
        self._on_user = on_user
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, *, url_prefix: str | None = None, owns_app: bool = False) -> Parts:
        """Join the portal to an application, once. Opens no store and asks no provider. Raises ConfigError."""
        if "portal" in app.extensions:
            raise RuntimeError("this application has a portal already")
        url_prefix = self._url_prefix if url_prefix is None else _checked_prefix(url_prefix)
        config = self._config or _read_config(app, owns_app=owns_app)
        quiet_libraries()
        if config.needs_insecure_transport:  # every plain address is loopback: the configuration saw to it (T30)
            os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
        prefix, secure = ("", False) if config.development else ("__Host-", True)
        cipher = TokenCipher([key.plain for key in config.token_keys])
        store = WatchedStore(self._store or open_store(config.store), cipher)
        accounts = Accounts(store, cipher, lifetimes=config.sessions)
        loaded = _load_providers(config)
        admins = Admins(config.admins, {name: provider.issuer for name, provider in loaded.items()})
        avatar_ids = AvatarIds(key.plain for key in config.secret_keys)
        backchannel = BackChannel()
        domain_pass = _make_domain_pass(config)
        parts = Parts(
            config=config,
            providers=loaded,
            ways=Ways(config, loaded, {name: _switched_off(name, title) for name, title in config.off.items()}),
            store=store,
            accounts=accounts,
            admins=admins,
            sessions=Sessions(
                accounts,
                avatar_ids=avatar_ids,
                prefix=prefix,
                secure=secure,
                domain_pass=domain_pass,
                is_admin=admins.is_admin,
            ),
            flows=Flows([key.plain for key in config.secret_keys], prefix=prefix, secure=secure),
            backchannel=backchannel,
            tokens=Tokens(store, cipher, loaded, backchannel),
            revoker=Revoker(store, cipher, loaded, backchannel),
            removals=accounts.make_removals(derive_key(config.secret_keys[0].plain, "confirmation codes")),
            avatar_ids=avatar_ids,
            pictures=Pictures(backchannel.session),
            readiness=Readiness(store, cipher),
            csrf_keys=tuple(derive_key(key.plain, "csrf token").hex() for key in config.secret_keys),
            owns_app=owns_app,
            on_user=self._on_user,
        )
        # "/" is the application's own, and without a prefix the portal's front page has to lie somewhere else.
        blueprint = make_blueprint(parts.providers.values(), front_page="/" if owns_app or url_prefix else "/portal")
        _give_store_budgets(blueprint)
        app.register_blueprint(blueprint, url_prefix=url_prefix or None)
        app.extensions["portal"] = parts
        app.jinja_env.globals["portal"] = InTemplates()
        join_flask_login(app, maps_users=self._on_user is not None, turn_away=turn_away)
        if not parts.providers:
            log.warning(
                "no provider is configured: write client_id and client_secret of one into portal.toml, "
                "under [providers.github] for instance"
            )
        return parts


def create_app(config: Config | None = None, *, store: Store | None = None) -> Flask:
    """The standalone portal. Raises ConfigError with every problem of the configuration at once."""
    app = Flask("portal", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, MAX_FORM_MEMORY_SIZE=LARGEST_BODY, MAX_FORM_PARTS=50)
    parts = Portal(config=config, store=store).init_app(app, owns_app=True)
    config = parts.config
    _set_flask_session(app, config)
    hosts = LOOPBACK if config.on_this_machine else {urlsplit(config.origin or "").hostname}
    errors.register_app_wide(app)
    scheme = urlsplit(config.origin).scheme if config.origin else None
    app.wsgi_app = Hop(app.wsgi_app, place=config.client_address, scheme=scheme)  # type: ignore[method-assign]
    drop_queries_from_access_log()
    set_up_logging(as_json=config.log == "json", project=config.project)

    @app.before_request
    def at_its_own_host() -> ResponseReturnValue | None:
        """Refuse a foreign Host before any view (T28). Flask's TRUSTED_HOSTS would refuse the probes as well.

        On one's own machine, `127.0.0.1` and `localhost` are one host but two sites: cookies of one aren't sent to
        the other, and a sign-in begun here would end there without its flow.
        """
        if is_for_machines(request.endpoint):
            return None
        if _PORT.sub("", request.host.lower()).strip("[]") not in hosts:
            raise SecurityError(f"Host {request.host!r} is not ours")
        elsewhere = config.origin is not None and request.host != urlsplit(config.origin).netloc
        if config.on_this_machine and elsewhere and request.method == "GET":
            return redirect(f"{config.origin}{request.full_path.rstrip('?')}", 302)
        return None

    @app.after_request
    def everywhere(response: Response) -> Response:
        if "Content-Security-Policy" not in response.headers:
            add_headers(response, https=not config.on_this_machine, starts_dance=False)
        return response

    return app


def _checked_prefix(url_prefix: str) -> str:
    if url_prefix and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", url_prefix):
        raise ValueError(f'url_prefix is {url_prefix!r}; write a path such as "/people", without a slash at its end')
    return url_prefix


def _read_config(app: Flask, *, owns_app: bool) -> Config:
    """In somebody's application, what it says itself goes for `portal.toml`, and what is made lies in its instance
    folder."""
    return load_config() if owns_app else load_config(given=app.config.get("PORTAL"), instance=Path(app.instance_path))


def _make_domain_pass(config: Config) -> DomainPass | None:
    if config.cookie_domain is None:
        return None
    return DomainPass([key.plain for key in config.secret_keys], domain=config.cookie_domain)


def _give_store_budgets(blueprint: Blueprint) -> None:
    """Each of our requests has so many seconds for all its store calls together, and none is left to the next (T93)."""

    @blueprint.before_request
    def begin() -> None:
        g.portal_budget = stack = ExitStack()
        stack.enter_context(request_budget())

    @blueprint.teardown_request
    def end(_: BaseException | None) -> None:
        if "portal_budget" in g:
            g.pop("portal_budget").close()


def _load_providers(config: Config) -> dict[str, Provider]:
    """The providers that are on. What a provider's module refuses is a problem of the configuration like any other."""
    loaded: dict[str, Provider] = {}
    problems = []
    for name, entry in config.providers.items():
        try:
            loaded[name] = providers.load(name, entry.settings())
        except (ValueError, LookupError, ImportError) as error:
            wrong = f"can't be used: {error}"
            problems.append(Problem(f"providers.{name}", _WRITTEN, wrong, "what the README lists"))
            continue
        problems += _problems_of(loaded[name], entry)
    if problems:
        raise ConfigError(problems)
    return loaded


def _switched_off(name: str, title: str | None) -> SwitchedOff:
    """What a page may call a provider that is off. Whatever else is wrong with it stops nobody."""
    try:
        return SwitchedOff(name, title or providers.load(name, {"issuer": None}).title)
    except (ValueError, LookupError, ImportError):
        return SwitchedOff(name, title or name.replace("_", " ").replace("-", " ").title())


def _problems_of(provider: Provider, entry: ProviderConfig) -> Iterator[Problem]:
    """What only shows once the provider is known."""
    setting = f"providers.{provider.name}"
    if entry.require_verified_email and not provider.vouches:
        wrong = f"would let nobody in: {provider.title} never says of an address that it is verified"
        yield Problem(f"{setting}.require_verified_email", _WRITTEN, wrong, "false, or leave it out")
    if len(provider.issuer) > LONGEST_ISSUER:  # one made of the address or the client id; a written one is told before
        length = len(provider.issuer)
        wrong = f"has an issuer of {length} characters, and {LONGEST_ISSUER} is the most that a sign-in can carry"
        yield Problem(setting, _WRITTEN, wrong, "a shorter authorization_url")


def _set_flask_session(app: Flask, config: Config) -> None:
    derived = [derive_key(key.plain, "flask session").hex() for key in config.secret_keys]
    app.config.update(
        SECRET_KEY=derived[0],
        SECRET_KEY_FALLBACKS=derived[
            1:
        ],  # verify only; Flask before 3.1.1 signed with the oldest (CVE-2025-47278, T63)
        SESSION_COOKIE_NAME="portal_form" if config.development else "__Host-portal_form",
        SESSION_COOKIE_SECURE=not config.development,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
