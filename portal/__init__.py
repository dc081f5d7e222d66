"""One account, several ways in. A provider turns a token into an identity; `linking` turns facts into a decision;
`accounts` carries it out in one commit; a view turns the result into a page or a redirect.

Read it in this order: `models`, `linking`, `storage`, `crypto`, `accounts`, `flow`, `dance`, `views`, `app`.
"""

from portal.app import Portal, create_app
from portal.current import current_user
from portal.views.guards import fresh_login_required, login_required

__all__ = ["Portal", "create_app", "current_user", "fresh_login_required", "login_required"]
