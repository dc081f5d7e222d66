"""What App Engine's cron asks for. Elsewhere `manage.py tick` does the same, and no address does."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, request

from portal import retention
from portal.logs import log
from portal.outbox import retry_due
from portal.parts import parts
from portal.sweep import tick
from portal.views.health import say


def run_tick() -> Response:
    """The regular work, for App Engine's own cron. A GET, for that is what it sends; no browser gets this far.

    App Engine takes its own headers out of what people send; anywhere else anybody can write them (T29).
    """
    here = parts()
    if not here.config.app_engine or request.headers.get("X-Appengine-Cron") != "true":
        return say("not found", 404)
    swept = tick(here.store, datetime.now(UTC), here.config.sessions)
    log.info("tick: %d sessions seen, %d deleted", swept.seen, swept.deleted)
    forgotten = retention.tick(here.store, datetime.now(UTC), here.config.keep_events)
    log.info("tick: %d events seen, %d deleted", forgotten.seen, forgotten.deleted)
    renewed = here.tokens.renew_due()
    log.info("tick: %d tokens seen, %d renewed, %d could not be", renewed.seen, renewed.renewed, renewed.failed)
    retried = retry_due(here.revoker)
    log.info("tick: %d revocations seen, %d done, %d failed", retried.seen, retried.done, retried.failed)
    return say("ok")
