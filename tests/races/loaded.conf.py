"""The portal's own gunicorn.conf.py, with what has nothing to do with gRPC imported ahead of the fork.

A worker's start is half a second of CPU, nearly all of it importing; a thousand of them would take longer than all else
in `make verify`. Modules of plain Python go through a fork unharmed. gRPC is still loaded by each worker itself.
"""

import runpy
import sys
from pathlib import Path

import google.auth.transport.requests
import google.oauth2.service_account
import proto

import portal.app
import portal.storage.sql

loaded_ahead = (google.auth.transport.requests, google.oauth2.service_account, proto, portal.storage.sql)
globals().update(runpy.run_path(str(Path(portal.__file__).parents[1] / "gunicorn.conf.py")))
assert "grpc" not in sys.modules
