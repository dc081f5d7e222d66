"""The portal's own gunicorn.conf.py, with what has nothing to do with gRPC imported ahead of the fork.

A worker's start is half a second of CPU, nearly all of it importing; a thousand of them would take longer than all else
in `make verify`. Modules of plain Python go through a fork unharmed. gRPC is still loaded by each worker itself.
"""

import gc
import runpy
import sys
from pathlib import Path

import google.auth.transport.requests
import google.oauth2.service_account
import proto

import portal.app
import portal.storage.sql
import providers.facebook
import providers.github
import providers.google

loaded_ahead = (
    google.auth.transport.requests,
    google.oauth2.service_account,
    proto,
    portal.storage.sql,
    providers.facebook,
    providers.github,
    providers.google,
)
globals().update(runpy.run_path(str(Path(portal.__file__).parents[1] / "gunicorn.conf.py")))
assert "grpc" not in sys.modules
gc.freeze()  # or each worker's collector goes through all of this, and copies its pages: more than half of its CPU
