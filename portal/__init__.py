"""One account, several ways in. A provider turns a token into an identity; `linking` turns facts into a decision;
`accounts` carries it out in one commit; a view turns the result into a page or a redirect.

Read it in this order: `models`, `linking`, `storage`, `crypto`, `accounts`, `flow`, `dance`, `views`, `app`.
"""

from portal.app import Portal, create_app

__all__ = ["Portal", "create_app"]
