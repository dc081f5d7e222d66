"""Where a browser goes once an arrival has been decided on: the cookies it gets, the signals, and the next address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, cast

from flask import Response, request, session, url_for
from werkzeug.datastructures import Headers
from werkzeug.utils import redirect  # Flask's takes no class of response

from portal.accounts import SignedIn, Waiting
from portal.errors import Outcome, Stop
from portal.linking import Reason, Refuse, SignUps
from portal.login_manager import make_room
from portal.logs import log, printable
from portal.parts import parts
from portal.pending import pending_id
from portal.places import front_page
from portal.records import Arrival, Seat
from portal.security import forget_before_sign_in
from portal.sessions import Ticket
from portal.signals import identity_linked, sign_in_refused, tell, user_signed_in, user_signed_up

NOTICE = "portal_notice"  # in Flask's session until the next page has shown it: a code, a provider's title, and more

OUTCOMES = {
    Reason.PROVIDER_OFF: Outcome.PROVIDER_OFF,
    Reason.NOT_ALLOWED: Outcome.NOT_LET_IN,
    Reason.NO_SIGN_UP: Outcome.NO_SIGN_UP,
    Reason.LINK_ONLY: Outcome.LINK_ONLY,
    Reason.NOBODY_NEW: Outcome.NOBODY_NEW,
    Reason.SIGNED_IN_AS_ANOTHER: Outcome.SIGNED_IN_AS_ANOTHER,
    Reason.SUSPENDED: Outcome.SUSPENDED,
    Reason.NOT_THE_SAME: Outcome.NOT_THE_SAME,
    Reason.ALREADY_YOURS: Outcome.ALREADY_YOURS,
    Reason.ANOTHERS: Outcome.ANOTHERS,
    Reason.NOT_YOURS: Outcome.NOT_YOURS,
    Reason.LAST_WAY_IN: Outcome.LAST_WAY_IN,
    Reason.NOT_FOUND: Outcome.WAITED_TOO_LONG,
}


def make_seat(ticket: Ticket, flow: str, *, shared: bool = False) -> Seat:
    """Where the sign-in of this request happens."""
    return Seat(ticket.session_id, flow, printable(request.user_agent.string) or None, shared)


class Admission(TypedDict):
    """Of `Intent`: how accounts are made here, and what this browser and this identity have to make one."""

    sign_up: SignUps
    invitation: str | None
    listed: bool


def admission(arrival: Arrival) -> Admission:
    """Whether who comes in this request may make an account, for `Accounts` to decide on."""
    here = parts()
    secret = here.sessions.get_invitation(request)
    return Admission(
        sign_up=here.config.sign_up,
        invitation=pending_id(secret) if secret else None,
        listed=here.ways.is_listed(arrival.entry, arrival.identity.subject),
    )


def land(
    result: SignedIn | Waiting | Refuse,
    ticket: Ticket,
    *,
    entry: str,
    target: str,
    shared: bool = False,
    claims: str = "",
    proves: bool = False,
    ends_fragment: bool = False,
) -> Response:
    """The response to what `Accounts` answered. `claims` is the key of the identity that this sign-in adds, if the
    browser still holds its secret; where it only `proves` who is here, what waits goes on waiting. Raises Stop for a
    refusal."""
    here = parts()
    match result:
        case Refuse(reason):
            tell(sign_in_refused, user_id=None, entry=entry, reason=reason.value)
            raise Stop(OUTCOMES[reason], provider=entry, next=target)
        case Waiting(secret, purpose):
            response = go_on(question(purpose, target, shared=shared), ends_fragment)
            here.sessions.keep_waiting(response, secret)
            return response
        case SignedIn():
            _welcome(result, entry)
            response = go_on(target, ends_fragment)
            here.sessions.remember(response, result.session, ticket, provider=entry)
            if result.new:
                here.sessions.stop_inviting(response, request)
            secret = here.sessions.get_waiting(request)
            if claims:
                _claim(result, secret if pending_id(secret) == claims else "")
            if secret and not proves:
                here.sessions.stop_waiting(response)
            return response


def move_on(signed_in: SignedIn, ticket: Ticket, notice: Sequence[object]) -> Response:
    """Back to the account page, the session under its new secret and the form tokens made anew (T52)."""
    here = parts()
    forget_before_sign_in(everything=here.owns_app)
    session[NOTICE] = notice
    response = go_on(url_for("portal.account"))
    here.sessions.remember(response, signed_in.session, ticket)
    return response


def question(purpose: str, target: str, *, shared: bool = False) -> str:
    """The address of the page that asks about what waits; `purpose` as in Pending."""
    if purpose == "link":
        return url_for("portal.confirm")
    return url_for("portal.newcomer", next=target if target != "/" else None, shared="1" if shared else None)


def _welcome(result: SignedIn, entry: str) -> None:
    here = parts()
    user = result.user
    make_room()
    forget_before_sign_in(everything=here.owns_app)
    if result.linked:
        tell(identity_linked, user_id=user.id, entry=entry)
    tell(user_signed_up if result.new else user_signed_in, user_id=user.id, entry=entry)
    log.info("%s: user %s with %s", "signed up" if result.new else "signed in", user.id, entry)


def _claim(result: SignedIn, secret: str) -> None:
    """Add the identity that waited to the account that was just proved; whatever comes of it, the person is in."""
    here = parts()
    linked = here.accounts.membership.link_waiting(
        secret, "sign-up", result.user, result.session, stands=here.ways.stands
    )
    if isinstance(linked, Refuse):
        session[NOTICE] = ["not-added", ""]
        return
    user, _, arrival = linked
    tell(identity_linked, user_id=user.id, entry=arrival.entry)
    session[NOTICE] = ["added", here.providers[arrival.entry].title]


def go_on(target: str, ends_fragment: bool = False) -> Response:
    """A redirect to an address that was rebuilt or made by us; "/" is the front page, wherever that is."""
    return cast(Response, redirect(_at_home(target), 303, _EndsFragment if ends_fragment else Response))


def _at_home(target: str) -> str:
    return front_page() if target == "/" else target


class _EndsFragment(Response):
    """A redirect with an empty fragment, else the browser hands the provider's on to our page (Fetch standard, 4.4)."""

    def get_wsgi_headers(self, environ: object) -> Headers:
        headers = super().get_wsgi_headers(environ)  # type: ignore[arg-type]  # which would drop an empty fragment
        headers["Location"] += "#"
        return headers
