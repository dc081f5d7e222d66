"""What the portal tells an application, by blinker; sent after the commit, so what is told has happened.

Receivers get the Flask application as sender and keyword arguments: `user_id`, `entry` (the provider's configured
name) where an identity was used, `reason` where a rule said no. A receiver that raises is logged and changes nothing.
blinker holds receivers weakly: connect functions of a module, not closures.
"""

from __future__ import annotations

from typing import Any

from blinker import NamedSignal, Namespace
from flask import current_app

from portal.logs import log

_signals = Namespace()
user_signed_up = _signals.signal("user-signed-up")
user_signed_in = _signals.signal("user-signed-in")
identity_linked = _signals.signal("identity-linked")
identity_unlinked = _signals.signal("identity-unlinked")
user_deleted = _signals.signal("user-deleted")
sign_in_refused = _signals.signal("sign-in-refused")


def tell(signal: NamedSignal, **values: Any) -> None:
    """Send one of these signals; never raises."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **values)
        except Exception:  # noqa: BLE001 - it has happened, whatever an application's code makes of it
            log.exception("a receiver of %s failed", signal.name)
