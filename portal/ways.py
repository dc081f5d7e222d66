"""Which ways in are open: what the configuration says of a provider, and of one identity of it. It decides nothing.

An identity counts as a way in while its entry is on, is of that issuer still, and has it on its list if it has one.
What only the provider can tell (a Workspace, an organisation, a verified address) is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from portal.config import Config
from portal.linking import Standing, State
from portal.models import OAuth, User
from portal.records import Arrival
from portal.storage import Store
from providers.base import Provider

PAGE = 100  # users a look; each has a few identities, and Datastore takes 1,000 keys


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A provider that is off: all that a page may say of it."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Ways:
    """The answers, for one configuration. `providers` are those that are on, `off` the others that are written down."""

    config: Config
    providers: Mapping[str, Provider]
    off: Mapping[str, SwitchedOff]

    def title(self, entry: str) -> str:
        """What people call it; its configured name where nothing is known of it any more."""
        known = self.providers.get(entry) or self.off.get(entry)
        return known.title if known else entry

    def state(self, entry: str) -> State:
        """What a provider is good for; off where nothing is written of it any more."""
        found = self.config.providers.get(entry)
        return found.state if found else State.OFF

    def is_shown(self, entry: str) -> bool:
        """Whether it has a button for everybody. Those that have are those that may be added to an account."""
        return self.state(entry) in {State.ON, State.LINK_ONLY}

    def allows(self, entry: str, subject: str) -> bool:
        """Whether an identity is on its provider's list, or there is none."""
        found = self.config.providers.get(entry)
        return found is not None and (found.allow is None or f"{entry}:{subject}" in found.allow)

    def stands(self, arrival: Arrival) -> Standing:
        """How an identity that came back stands."""
        return self.standing(arrival.entry, arrival.identity.subject)

    def standing(self, entry: str, subject: str) -> Standing:
        """How an identity stands."""
        return Standing(self.state(entry), self.allows(entry, subject))

    def is_listed(self, entry: str, subject: str) -> bool:
        """Whether the admin named this identity, so that it needs no invitation."""
        return f"{entry}:{subject}" in self.config.admins

    def opens(self, oauth: OAuth) -> bool:
        """Whether one of a user's identities counts as a way in. In doubt not: the last one is never removed (T45)."""
        provider = self.providers.get(oauth.entry)
        return provider is not None and provider.issuer == oauth.issuer and self.allows(oauth.entry, oauth.subject)

    def may_open(self, oauth: OAuth) -> bool:
        """Whether it signs in by any entry: one that was renamed orphans nobody, people are known by their issuer."""
        issuers = (name for name, provider in self.providers.items() if provider.issuer == oauth.issuer)
        return any(self.allows(name, oauth.subject) for name in issuers)


def locked_out(store: Store, ways: Ways) -> Iterator[tuple[int, User | None]]:
    """Every active user whom no identity lets in as things stand (T88), each with how many users were seen by then; and
    (seen, None) at the end of each page, so that a long walk can show that it moves. Raises StoreError."""
    after, seen = None, 0
    while page := store.scan(User, after=after, limit=PAGE):
        keys = [OAuth.key_of(oauth_id) for user in page for oauth_id in user.oauths]
        oauths: list[OAuth] = []
        for start in range(0, len(keys), 500):
            oauths += store.list_at(keys[start : start + 500])
        opened = {oauth.user_id for oauth in oauths if ways.may_open(oauth)}
        for user in page:
            seen += 1
            if user.status == "active" and user.id not in opened:
                yield seen, user
        yield seen, None
        after = page[-1].key
