"""How gunicorn serves the portal: `gunicorn "portal:create_app()"` in this folder reads it by itself."""

import os
import runpy
import sys
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

# Run by itself: with the portal's package in this process, a reload (SIGHUP) would go on with the old code.
lines = runpy.run_path(str(Path(__file__).with_name("portal") / "logs" / "lines.py"))

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 16
preload_app = False  # nothing may be open before the fork: TLS, gRPC and pools don't survive it
control_socket_disable = True  # nobody steers it by one, and App Engine has no disk to put it on
keepalive = 5
timeout = 30
limit_request_line = 4094  # bytes: the longest callback has 2 KB (T27)
limit_request_fields = 100
limit_request_field_size = 8190  # bytes of one header: four flow cookies and a session fit well
# Scheme, prefix and path come from no header, whoever sends it: the portal has its own from base_url (T28, T29). By
# default gunicorn believes X-Forwarded-Proto and SCRIPT_NAME from this machine, where a proxy passes them on.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
accesslog = "-"
# %(U)s is the path without its query: a callback's query holds the code (T19).
access_log_format = '%(h)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'


class Lines(Logger):
    """Gunicorn's log in the portal's form, from the first line on; a worker then asks the configuration (`log`)."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        project = os.environ.get("GOOGLE_CLOUD_PROJECT")
        formatter = lines["JsonLines"](project) if lines["wants_json"](os.environ) else lines["TextLines"]()
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """The stock method's line, with the request's trace and Cloud Logging's `httpRequest` beside it. The address
        is what the portal made of it (`client_address`): it is the same `environ`."""
        if not self.access_log_enabled:
            return
        try:
            atoms = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
            said = {
                "requestMethod": atoms["m"],
                "requestUrl": atoms["U"],
                "status": int(atoms["s"]),
                "responseSize": atoms["b"],
                "remoteIp": environ.get("REMOTE_ADDR"),
                "protocol": atoms["H"],
                "latency": f"{request_time.total_seconds():.3f}s",
            }
            extra = {"httpRequest": said, "trace": lines["read_trace"](environ)}
            self.access_log.info(self.cfg.access_log_format, atoms, extra=extra)
        except Exception:  # noqa: BLE001 - as in the stock method: the answer has been sent
            self.exception("the access log lost a line")


logger_class = Lines


def on_starting(server: Any) -> None:
    """A `--preload` on the command line overrides the line above, so that it is looked at once more (T97)."""
    if server.cfg.preload_app:
        sys.exit(
            "The portal can't be preloaded: what a worker inherits open hangs in it. Start gunicorn without --preload."
        )
