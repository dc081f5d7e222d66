"""A stand-in Google, GitHub, Facebook or OpenID Provider over real HTTP, for the demo, the tests and the benchmark.

Strict where the real ones are, and with each one's quirks, but written from the vendors' documents alone: it imports
neither the portal nor the provider modules, so that it can contradict them. Everything it knows is in memory.

Reading order: `people` and `clients` (who signs in, and to what), `grants` (what was allowed), `standin`, `front` and
`choice` (what the browser sees), `back` (what the application asks), `openid` (who it is, signed), `google`, `github`,
`facebook` (the quirks), `issuer` (any other OpenID Provider), `troubles` and `misbehaviour` (faults on request), then
`app`, `server` and `__main__`, which only serve it.
"""

from __future__ import annotations

from providers.sandbox.app import create_sandbox
from providers.sandbox.clients import issuer_settings, settings
from providers.sandbox.issuer import Issuer
from providers.sandbox.server import RunningSandbox, running_sandbox

__all__ = ["Issuer", "RunningSandbox", "create_sandbox", "issuer_settings", "running_sandbox", "settings"]
