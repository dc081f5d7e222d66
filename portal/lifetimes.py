"""How long a session lives: an idle and an absolute limit, each shorter on a shared computer, and what is recent.

Every limit is a comparison in code with times that are stored, never a cookie's age or a row that something has cleared
away in time (T59). It asks no clock and no store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.models import Session

_SEEN_EVERY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """The limits in force. One that is made shorter holds for existing sessions at their next request. A longer idle
    limit does, too; a longer absolute one is for sessions begun from then on, for a session stores its end."""

    idle: timedelta = timedelta(days=14)
    absolute: timedelta = timedelta(days=90)
    shared_idle: timedelta = timedelta(minutes=30)
    shared_absolute: timedelta = timedelta(hours=12)
    fresh: timedelta = timedelta(minutes=10)

    def idle_of(self, *, shared: bool) -> timedelta:
        """How long a session lives that nobody uses."""
        return self.shared_idle if shared else self.idle

    def absolute_of(self, *, shared: bool) -> timedelta:
        """How long a session lives, however busy it is."""
        return self.shared_absolute if shared else self.absolute

    def ends(self, session: Session) -> datetime:
        """When a session is over if it is not used again."""
        absolute = session.created + self.absolute_of(shared=session.shared)
        return min(session.expires, absolute, session.seen + self.idle_of(shared=session.shared))

    def is_seen_due(self, session: Session, now: datetime) -> bool:
        """Whether it is time to write down that a session was used.

        What is stored is never later than the last use, so a session ends at its idle limit or earlier, never later:
        by a quarter of an hour at most, and by a quarter of the limit where that is short.
        """
        return now - session.seen >= min(_SEEN_EVERY, self.idle_of(shared=session.shared) / 4)

    def is_fresh(self, session: Session, now: datetime) -> bool:
        """Whether the sign-in that made a session was recent enough for what can't be undone (T47)."""
        return now < min(session.fresh_until, session.created + self.fresh)
