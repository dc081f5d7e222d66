"""What machines ask: is it alive, is it ready, get warm. Constant words, no cookie, no version (T103)."""

from __future__ import annotations

from flask import Response, current_app

from portal.parts import parts


def healthz() -> Response:
    """The process serves. The store isn't asked: a database that is away is no reason to kill who waits for it."""
    return say("ok")


def readyz() -> Response:
    """The process can sign people in, or a 503."""
    return say("ready") if parts().readiness.is_ready() else say("not ready", 503)


def warmup() -> Response:
    """App Engine's request to a new instance: what the first person would wait for is loaded now, and once.

    The answer is the same whatever came of it, for it tells strangers nothing and App Engine doesn't read it.
    """
    readiness = parts().readiness
    if readiness.begin_warm_up():
        readiness.is_ready()  # makes the store's client
        templates = current_app.jinja_env
        for name in templates.list_templates(filter_func=lambda name: name.startswith("portal/")):
            templates.get_template(name)
    return say("ok")


def say(words: str, status: int = 200) -> Response:
    """An answer for a machine."""
    return Response(f"{words}\n", status, mimetype="text/plain")
