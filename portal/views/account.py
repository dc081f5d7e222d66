"""The account page, and what a person does there: add a way to sign in, remove one."""

from __future__ import annotations

from flask import request, session, url_for
from flask.typing import ResponseReturnValue

from portal.accounts import SignedIn
from portal.current import get_current, load_signed_in
from portal.errors import Outcome, Stop
from portal.landing import NOTICE, OUTCOMES, move_on
from portal.linking import Purpose, Reason, Refuse
from portal.parts import parts
from portal.security import may_be_next
from portal.signals import identity_linked, identity_unlinked, tell
from portal.views.access import list_accesses, partings_told
from portal.views.devices import list_devices
from portal.views.fresh import load_dance
from portal.views.guards import fresh_login_required, login_required
from portal.views.page import list_choices, show


@may_be_next
@login_required
def account() -> ResponseReturnValue:
    """The signed-in person's own account; nobody else's can be asked for (T42)."""
    here = parts()
    signed_in = load_signed_in()
    identities = here.accounts.list_identities(signed_in.user)
    devices, more_devices = list_devices(signed_in, identities)
    return show(
        "account",
        starts_dance=True,
        user=get_current(),
        session=signed_in.session,
        identities=identities,
        accesses=list_accesses(identities),
        devices=devices,
        more_devices=more_devices,
        titles={each.oauth.entry: here.ways.title(each.oauth.entry) for each in identities},
        states={each.oauth.entry: here.ways.state(each.oauth.entry).value for each in identities},
        opening=[each.oauth.id for each in identities if here.ways.opens(each.oauth)],
        choices=list_choices(),
        notice=session.pop(NOTICE, None) if NOTICE in session else None,
    )


@fresh_login_required
def link(provider: str) -> ResponseReturnValue:
    """Begin to add an identity."""
    return load_dance(provider).begin(Purpose.LINK, url_for("portal.account"), user=load_signed_in().user)


@may_be_next
@login_required
def confirm() -> ResponseReturnValue:
    """Name the identity that is about to be added, before anything is written (T03), and offer to choose another: the
    browser may be signed in as somebody else there (T51)."""
    here = parts()
    arrival = here.accounts.get_waiting(here.sessions.get_waiting(request), "link", load_signed_in().user)
    if arrival is None or arrival.entry not in here.providers:
        raise Stop(Outcome.WAITED_TOO_LONG, for_account=True)
    provider = here.providers[arrival.entry]
    another = provider if provider.another_account else None
    return show(
        "confirm",
        starts_dance=another is not None,
        identity=arrival.identity,
        entry=arrival.entry,
        provider=provider.title,
        another=another,
    )


@fresh_login_required
def add() -> ResponseReturnValue:
    """The person has said yes."""
    here = parts()
    signed_in = load_signed_in()
    ticket = here.sessions.make_ticket()
    linked = here.accounts.membership.link_waiting(
        here.sessions.get_waiting(request),
        "link",
        signed_in.user,
        signed_in.session,
        new_id=ticket.session_id,
        stands=here.ways.stands,
    )
    if isinstance(linked, Refuse):
        raise Stop(OUTCOMES[linked.reason], for_account=True)
    user, stays, arrival = linked
    tell(identity_linked, user_id=user.id, entry=arrival.entry)
    response = move_on(SignedIn(user, stays), ticket, ["added", here.providers[arrival.entry].title])
    here.sessions.stop_waiting(response)
    return response


@fresh_login_required
def unlink() -> ResponseReturnValue:
    """Remove one of one's own identities."""
    here = parts()
    signed_in = load_signed_in()
    ticket = here.sessions.make_ticket()
    result = here.accounts.membership.unlink(
        signed_in.user,
        signed_in.session,
        request.form.get("identity", ""),
        new_id=ticket.session_id,
        usable=here.ways.opens,
        end_others=bool(request.form.get("others")),
    )
    if isinstance(result, Refuse):
        # Somebody else's identity, and one that never was, are the same to whoever asks (T42).
        outcome = Outcome.NOT_FOUND if result.reason is Reason.NOT_FOUND else OUTCOMES[result.reason]
        raise Stop(outcome)
    user, oauth, stays, farewell = result
    tell(identity_unlinked, user_id=user.id, entry=oauth.entry)
    # It is gone here whatever comes of this, and what doesn't come of it within seconds is left to `tick`.
    told = partings_told(here.revoker.part([farewell]))
    return move_on(SignedIn(user, stays or signed_in.session), ticket, ["removed", here.ways.title(oauth.entry), told])
