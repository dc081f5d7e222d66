"""Only for who is signed in: `login_required` and `fresh_login_required`, for our views and an application's.

A page that was asked for is come back to after the sign-in. What a form sent would be lost on the way, so who has sent
one reads that it was not saved, and how to send it again. Unlike Flask-Login's, no setting switches them off.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue

from portal.current import get_current, is_portal_s_own
from portal.errors import Outcome, Stop
from portal.landing import go_on
from portal.parts import parts
from portal.places import page_of_form, this_page, this_path
from portal.security import add_headers, next_target
from portal.user import CurrentUser
from portal.views.errors import show_stop

View = TypeVar("View", bound=Callable[..., Any])


def login_required(view: View) -> View:
    """Let a view answer who is signed in; others sign in first (T42)."""
    return _guarded(view, fresh=False)


def fresh_login_required(view: View) -> View:
    """Who is signed in, and was recently; others sign in, or prove that it is them, and come back (T47)."""
    return _guarded(view, fresh=True)


def turn_away() -> ResponseReturnValue:
    """The answer to somebody who is not signed in."""
    if _may_be_lost():
        back = page_of_form()
        return _stop(Stop(Outcome.SIGN_IN_FIRST), url_for("portal.login", next=back if back != "/" else None))
    return go_on(url_for("portal.login", next=this_page()))


def _guarded(view: View, *, fresh: bool) -> View:
    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        user = get_current()
        if user.is_unknown:
            return _stop(Stop(Outcome.STORE_DOWN, detail="nobody knows who asks"), "")
        if request.method != "OPTIONS":  # as Flask-Login has it: a browser asks that before it sends its cookies
            if not isinstance(user, CurrentUser):
                return turn_away()
            if fresh and not parts().accounts.is_fresh(user.signed_in):
                return _ask_again()
        return current_app.ensure_sync(view)(*args, **kwargs)  # type: ignore[no-any-return]

    return checked  # type: ignore[return-value]


def _ask_again() -> ResponseReturnValue:
    if is_portal_s_own():
        back = next_target(this_path())  # a form of ours has its page's address, or the account's
        return go_on(url_for("portal.prove", next=back if back != "/" else url_for("portal.account")))
    if _may_be_lost():
        return _stop(Stop(Outcome.SIGN_IN_FIRST), url_for("portal.prove", next=page_of_form()))
    return go_on(url_for("portal.prove", next=this_page()))


def _may_be_lost() -> bool:
    """Whether the request brought something that a redirect would throw away. Our own forms are one press."""
    return request.method not in {"GET", "HEAD"} and not is_portal_s_own()


def _stop(stop: Stop, back: str) -> Response:
    """Our error page in place of an application's view, where none of our handlers is asked. Our own views raise."""
    if is_portal_s_own():
        raise stop
    stop.back = back
    return add_headers(show_stop(stop), https=not parts().config.on_this_machine, starts_dance=False)
