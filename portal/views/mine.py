"""What is mine: the name that is shown, all that is held about me, and an end to it."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

from flask import Response, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.current import forget_current, get_current, load_signed_in
from portal.landing import NOTICE, go_on
from portal.login_manager import make_room
from portal.parts import parts
from portal.security import forget_before_sign_in, may_be_next
from portal.signals import tell, user_deleted
from portal.views.access import partings_told
from portal.views.guards import fresh_login_required, login_required
from portal.views.page import show
from providers.base import claim


@login_required
def rename() -> ResponseReturnValue:
    """Show another name from now on, cleaned as a provider's would be (T89); an empty one shows none."""
    signed_in = load_signed_in()
    name = claim({"name": unicodedata.normalize("NFC", request.form.get("name", ""))}, "name", str)
    parts().accounts.membership.rename(signed_in.user, signed_in.session, name)
    session[NOTICE] = ["renamed", ""]
    return go_on(url_for("portal.account"))


@fresh_login_required
def export() -> ResponseReturnValue:
    """Everything that is held about the person, as a file to keep."""
    signed_in = load_signed_in()
    held = parts().accounts.membership.export(signed_in.user, signed_in.session)
    document = json.dumps(held, default=_text, indent=2, ensure_ascii=False)
    name = f"account-{datetime.now(UTC):%Y-%m-%d}.json"
    return Response(
        document,
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@may_be_next
@fresh_login_required
def ask_delete() -> ResponseReturnValue:
    """Say what goes, before it goes."""
    return show("delete", user=get_current())


@fresh_login_required
def delete() -> ResponseReturnValue:
    """Remove the account; the way back to the front page is all that is left."""
    here = parts()
    signed_in = load_signed_in()
    deleted = here.accounts.membership.delete(signed_in.user, signed_in.session)
    if deleted is not None:
        tell(user_deleted, user_id=signed_in.user.id, entry=None)
    partings = here.revoker.part(deleted.farewells) if deleted is not None else []
    make_room()
    forget_current()
    forget_before_sign_in(everything=here.owns_app)
    session[NOTICE] = ["deleted", "", partings_told(partings)]
    response = go_on(url_for("portal.home"))
    here.sessions.forget(response)
    return response


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no text for {type(value).__name__}")
