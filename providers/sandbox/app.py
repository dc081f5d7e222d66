"""Joins the stand-ins into one Flask application that tests can look at and reset; holds no rule itself."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from providers.sandbox import clients, facebook, github, google, issuer, pictures
from providers.sandbox.issuer import Issuer
from providers.sandbox.journal import Journal
from providers.sandbox.shelf import Clock
from providers.sandbox.standin import StandIn

OWN = "/_sandbox/"


class GraphVersion(BaseConverter):
    """`v25.0` and its like."""

    regex = r"v\d+\.\d+"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What `app.extensions["sandbox"]` holds."""

    standins: tuple[StandIn, ...]
    journal: Journal

    def reset(self) -> None:
        """Forget every request, code and token; the registered applications and the signing keys stay."""
        for standin in self.standins:
            standin.grants.clear()
            standin.refreshing.clear()
            standin.revoking.clear()
        self.journal.clear()


def create_sandbox(
    *,
    redirect_base: str = "http://localhost:8000",
    redirect_uris: Iterable[str] | None = None,
    issuers: Iterable[Issuer] = (),
    pace: float = 1.0,
    clock: Clock = time.time,
) -> Flask:
    """The three stand-ins, and plain `issuers`, as one application.

    Registered are `{redirect_base}/login/{google,github,facebook}/authorized` and those of each issuer's entries, or
    instead, with all of them, whatever `redirect_uris` lists. `pace` multiplies every wait of the troubles; `clock`
    gives seconds since 1970. ValueError for a `redirect_base` that isn't plain http on this machine.
    """
    app = Flask(__name__, static_url_path=f"{OWN}static")
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1", "[::1]"]  # a foreign name means DNS rebinding
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["graph_version"] = GraphVersion
    if redirect_uris is None and not is_loopback_http(redirect_base):
        raise ValueError(f"{redirect_base} is not plain http on this machine, and the sandbox is for development.")

    def uris(*paths: str) -> frozenset[str]:
        return frozenset(f"{redirect_base}{path}" for path in paths) if redirect_uris is None else frozenset(listed)

    def registered(client: clients.Client, name: str) -> clients.Client:
        return replace(client, redirect_uris=uris(f"/login/{name}/authorized"))

    listed = list(redirect_uris or ())
    at_google = google.make_standin(registered(clients.GOOGLE, "google"), clock=clock, pace=pace)
    at_github = github.make_standin(registered(clients.GITHUB, "github"), clock=clock, pace=pace)
    at_facebook = facebook.make_standin(registered(clients.FACEBOOK, "facebook"), clock=clock, pace=pace)
    app.register_blueprint(google.make_blueprint(at_google))
    app.register_blueprint(github.make_blueprint(at_github))
    app.register_blueprint(facebook.make_blueprint(at_facebook))
    at_issuers = {it.name: issuer.make_standin(it, uris(*it.redirect_paths), clock=clock, pace=pace) for it in issuers}
    app.register_blueprint(issuer.make_blueprint(at_issuers))
    sandbox = Sandbox((at_google, at_github, at_facebook, *at_issuers.values()), Journal())
    app.extensions["sandbox"] = sandbox
    _add_own_pages(app, sandbox)
    return app


def is_loopback_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _add_own_pages(app: Flask, sandbox: Sandbox) -> None:
    @app.get(f"{OWN}requests")
    def requests() -> ResponseReturnValue:
        lines = [line._asdict() for line in sandbox.journal.lines]
        refreshing = {standin.name: standin.refreshing.told() for standin in sandbox.standins}
        revoking = {standin.name: standin.revoking.told() for standin in sandbox.standins}
        counts = sandbox.journal.counts
        return {"requests": lines, "counts": counts, "refreshing": refreshing, "revoking": revoking}

    @app.post(f"{OWN}reset")
    def reset() -> ResponseReturnValue:
        sandbox.reset()
        return "", 204

    @app.post(f"{OWN}refreshing/<name>")
    def set_refreshing(name: str) -> ResponseReturnValue:
        found = [standin for standin in sandbox.standins if standin.name == name]
        try:
            for standin in found:
                standin.refreshing.set(request.form)
        except ValueError:
            return "life is a number, and trouble one of the consent page's\n", 400
        return ("", 204) if found else ("", 404)

    @app.post(f"{OWN}revoking/<name>")
    def set_revoking(name: str) -> ResponseReturnValue:
        found = [standin for standin in sandbox.standins if standin.name == name]
        try:
            for standin in found:
                standin.revoking.set(request.form)
        except ValueError:
            return "trouble is one of the consent page's\n", 400
        return ("", 204) if found else ("", 404)

    app.add_url_rule(f"{OWN}pictures/<name>", view_func=pictures.picture)

    @app.after_request
    def finish(response: Response) -> Response:
        if not request.path.startswith(OWN):
            sandbox.journal.write(request.method, request.path, response.status_code)
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # No form-action: a browser holds it against the redirect that answers the form, which leaves this site.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return response
