"""The applications under load: the portal, the portal on naive stores, and Flask-Dance as it comes.

Those that race switch threads every 10 µs and wait five milliseconds wherever a handler does I/O: without both, the
race that the stock blueprint loses hides behind the interpreter's lock.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask, session
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized, oauth_before_login

from portal import create_app
from portal.config import load_config
from portal.errors import AlreadyExists
from portal.storage import Delete, Insert, Mutation
from portal.storage.sql import SQLStore
from providers.sandbox import settings

PAUSE = 0.005  # seconds


@oauth_before_login.connect
@oauth_authorized.connect
def pause(*_: Any, **__: Any) -> None:
    """The I/O of an application that listens to Flask-Dance's signals."""
    time.sleep(PAUSE)


class SlowStore(SQLStore):
    """The store, as far away as a database on a network."""

    def look_up(self, *keys: Any) -> Any:
        time.sleep(PAUSE)
        return super().look_up(*keys)

    def commit(self, *mutations: Mutation) -> None:
        time.sleep(PAUSE)
        super().commit(*mutations)


class NaiveStore(SlowStore):
    """Looks whether a key is free, and then puts: a login library written without a second thread in mind."""

    def commit(self, *mutations: Mutation) -> None:
        inserted = [mutation.record for mutation in mutations if isinstance(mutation, Insert)]
        if self.list_at([record.key for record in inserted]):
            raise AlreadyExists
        time.sleep(0.2)  # a gap that no noise of the machine closes
        put = [Delete(record.key) for record in inserted]  # so that the inserts replace what is there
        super().commit(*put, *mutations)


class ThreadedStore(SQLStore):
    """Does its work in a thread that begins with it, as the client of a database on a network does."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(int).result()

    def look_up(self, *keys: Any) -> Any:
        return self._thread.submit(super().look_up, *keys).result()


def threaded_app() -> Flask:
    """The portal on a store with a thread, which is there in the process that makes it and in no other."""
    config = load_config()
    return create_app(config, store=ThreadedStore(config.store))


def portal_app() -> Flask:
    """The portal as it is."""
    return _portal(SlowStore)


def naive_app() -> Flask:
    """The portal, its store replaced by the naive one."""
    return _portal(NaiveStore)


def _portal(store: type[SQLStore]) -> Flask:
    sys.setswitchinterval(1e-5)
    config = load_config()
    return create_app(config, store=store(config.store))


def stock_app() -> Flask:
    """Flask-Dance as its documentation shows it, with PKCE: the blueprint is made once, for all threads."""
    sys.setswitchinterval(1e-5)
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the sandbox is on loopback
    os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = (
        "1"  # GitHub writes scopes with commas, which oauthlib takes for a change
    )
    app = Flask(__name__)
    app.secret_key = "stock"
    github = settings(os.environ["SANDBOX"])["github"]
    blueprint = OAuth2ConsumerBlueprint(
        "github",
        __name__,
        client_id=github["client_id"],
        client_secret=github["client_secret"],
        base_url=github["api_url"] + "/",
        authorization_url=github["authorization_url"],
        token_url=github["token_url"],
        scope=["read:user", "user:email"],
        use_pkce=True,
        redirect_url="/",
    )
    app.register_blueprint(blueprint, url_prefix="/login")

    @oauth_authorized.connect_via(blueprint)
    def signed_in(sender: Any, token: Any) -> bool:
        sender.session.token = token
        session["who"] = sender.session.get("user").json()["name"]
        return False

    @app.get("/account")
    def account() -> str:
        return f"<bdi>{session.get('who', 'nobody')}</bdi>"

    app.extensions["receivers"] = [signed_in]  # blinker holds receivers weakly
    return app
