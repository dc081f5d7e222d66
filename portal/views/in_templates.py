"""What `portal/macros.html` asks of the portal: the one name, `portal`, that an application's templates get from it.

Macros that are imported see no values of a page, so it is a global of the templates.
"""

from __future__ import annotations

from flask import request, url_for

from portal.current import get_current
from portal.parts import parts
from portal.places import page_of_form, this_page
from portal.security import make_csrf_token, next_target
from portal.user import CurrentUser, Nobody


class InTemplates:
    """Nothing of a request or an application is kept in it."""

    @property
    def current_user(self) -> CurrentUser | Nobody:
        """Who asks."""
        return get_current()

    @property
    def csrf_token(self) -> str:
        """The token for a form that leads to the portal. It makes a Flask session."""
        return make_csrf_token(parts().csrf_keys)

    @property
    def next(self) -> str | None:
        """Where a sign-in from this page ends; None for the front page."""
        target = next_target(this_page()) if request.method in {"GET", "HEAD"} else page_of_form()
        return target if target != "/" else None

    @property
    def login_url(self) -> str:
        """The sign-in page, which leads back here."""
        return url_for("portal.login", next=self.next)

    def avatar_of(self, user_id: str) -> str:
        """Where the picture of any user is, by the id that an application keeps; of nobody's, too. Whoever is shown the
        address may see the picture (T42)."""
        return url_for("portal.avatar", avatar_id=parts().avatar_ids.make(user_id))

    def title_of(self, provider: str) -> str | None:
        """What a provider's button says; None for one that is not on."""
        found = parts().providers.get(provider)
        return found.title if found else None
