"""What the browser is put in front of: the portal with a page for each error, and stand-ins that may send one further.

It holds no test.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from portal import create_app
from portal.errors import Outcome, Stop
from portal.parts import parts
from providers.sandbox import create_sandbox

FEDERATED = "federated"  # a cookie at the stand-ins: who has it signs in at their employer's
_SANDBOX, _EMPLOYER = "127.0.0.1", "127.0.0.2"  # two sites, and the portal at localhost is a third
_BACK = "from_employer"


def portal_with_errors() -> Flask:
    """The portal, and under `/errors/<code>` the page of any outcome."""
    app = create_app()

    @app.get("/errors/<code>")
    def stop(code: str) -> ResponseReturnValue:
        outcome = next(outcome for outcome in Outcome if outcome.code == code)
        stop = Stop(outcome, provider=next(iter(parts().providers)), for_account="account" in request.args)
        stop.back = request.args.get("back", "")
        raise stop

    return app


def stand_ins() -> Flask:
    """The sandbox. A browser with the cookie is sent on to another host first, as Workspace's sign-on or Facebook's
    site for small screens would send it, and from there back to the consent page."""
    names = ("google", "github", "facebook")
    app = create_sandbox(redirect_uris=[f"{os.environ['REDIRECT_BASE']}/login/{name}/authorized" for name in names])
    app.config["TRUSTED_HOSTS"] = [*app.config["TRUSTED_HOSTS"], _EMPLOYER]

    @app.before_request
    def send_on() -> ResponseReturnValue | None:
        if request.host.startswith(_EMPLOYER):
            return redirect(f"{request.host_url.replace(_EMPLOYER, _SANDBOX)[:-1]}{request.full_path}&{_BACK}=1")
        if FEDERATED in request.cookies and "client_id" in request.args and _BACK not in request.args:
            return redirect(f"{employer(request.host_url[:-1])}{request.full_path}")
        return None

    return app


def employer(sandbox: str) -> str:
    """Where that other host is, beside the stand-ins."""
    assert urlsplit(sandbox).hostname == _SANDBOX
    return sandbox.replace(_SANDBOX, _EMPLOYER)
