"""For the tests of an application that has a portal: people who sign in, through stand-ins or without. Never loaded by
the portal itself.

`pytest_plugins = ["portal.testing"]` in an application's `conftest.py` gives its tests the fixtures of
`portal.testing.fixtures`; the application itself is their fixture `app`. (PYTEST_DONT_REWRITE: there is no assert here,
and a conftest that imports a name from here would be warned for it.)
"""

from portal.testing.fixtures import people, person, portal_prefix, portal_sandbox, portal_settings
from portal.testing.person import HOME, Person
from portal.testing.signed_in import make_user, sign_in_as

__all__ = [
    "HOME",
    "Person",
    "make_user",
    "people",
    "person",
    "portal_prefix",
    "portal_sandbox",
    "portal_settings",
    "sign_in_as",
]
