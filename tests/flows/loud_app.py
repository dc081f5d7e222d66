"""The portal as somebody runs it who looks for a fault: every logger at DEBUG, and a page that breaks."""

from __future__ import annotations

import logging

from flask import Flask

from portal import create_app


def make() -> Flask:
    for name in ("", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    app = create_app()

    @app.get("/broken")
    def broken() -> str:
        held = "a-local-" + "canary"
        raise RuntimeError(f"a bug that held {len(held)} characters")

    for name in ("", *logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return app
