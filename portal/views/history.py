"""The person's own history: what happened to their account, when and in which browser, a page at a time."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from portal.current import load_signed_in
from portal.parts import parts
from portal.security import may_be_next
from portal.views.guards import login_required
from portal.views.page import show
from portal.views.words import in_words


@may_be_next
@login_required
def history() -> ResponseReturnValue:
    """Newest first. `before` is where the page begins: a place in one's own history, whoever wrote it there (T42)."""
    here = parts()
    signed_in = load_signed_in()
    page = here.accounts.history.page(signed_in.user.id, request.args.get("before", "")[:100])
    return show(
        "history",
        events=page.events,
        older=page.older,
        begins_later="before" in request.args,
        here=signed_in.session.id,
        name_of=here.ways.title,
        kept=in_words(here.config.keep_events),
    )
