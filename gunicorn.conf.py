"""How gunicorn serves the portal: `gunicorn "portal:create_app()"` in this folder reads it by itself."""

import os
import sys
from typing import Any

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 16
preload_app = False  # nothing may be open before the fork: TLS, gRPC and pools don't survive it
control_socket_disable = True  # nobody steers it by one, and App Engine has no disk to put it on
keepalive = 5
timeout = 30
limit_request_field_size = 8190  # bytes of one header: four flow cookies and a session fit well (T27)
accesslog = "-"
# %(U)s is the path without its query: a callback's query holds the code (T19).
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'


def on_starting(server: Any) -> None:
    """A `--preload` on the command line overrides the line above, so that it is looked at once more (T97)."""
    if server.cfg.preload_app:
        sys.exit(
            "The portal can't be preloaded: what a worker inherits open hangs in it. Start gunicorn without --preload."
        )
