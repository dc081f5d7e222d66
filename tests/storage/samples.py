"""Records for the tests of the stores: one household, that is a user with one record of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from portal.models import Canary, Email, Event, OAuth, Pending, Receipt, Record, Revocation, Session, Token, User
from portal.storage import Insert, Store

THEN = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)


def make_user(user_id: str = "ada", *, name: str | None = "Ada", epoch: int = 0, oauths: tuple[str, ...] = ()) -> User:
    return User(user_id, name, None, THEN, "active", epoch, oauths)


def make_oauth(oauth_id: str = "ada-github", *, user_id: str = "ada") -> OAuth:
    return OAuth(oauth_id, user_id, "https://github.com/login/oauth", "583231", "github", THEN)


def make_token(oauth_id: str = "ada-github", *, version: int = 1) -> Token:
    return Token(oauth_id, b"sealed", version, THEN, ("user:email",), "Ada", "ada", "ada@example.org", True, None, THEN)


def make_session(session_id: str = "ada-laptop", *, user_id: str = "ada", oauth_id: str = "ada-github") -> Session:
    return Session(session_id, user_id, 0, "flow", oauth_id, THEN, THEN, THEN, THEN, "Firefox on Linux")


def make_email(email_id: str = "ada-address", *, user_id: str = "ada", oauth_id: str = "ada-github") -> Email:
    return Email(email_id, user_id, oauth_id)


def make_event(event_id: str = "001", *, user_id: str = "ada") -> Event:
    return Event(user_id, event_id, "sign_up", THEN, "ada-laptop", "ada-github", "github")


def make_pending(pending_id: str = "ada-waiting", *, user_id: str = "ada") -> Pending:
    return Pending(pending_id, "link", user_id, 0, b"sealed", THEN)


def make_canary(canary_id: str = "ada-canary") -> Canary:
    return Canary(canary_id, b"sealed")


def make_revocation(revocation_id: str = "ada-leaving") -> Revocation:
    return Revocation(revocation_id, b"sealed", THEN, THEN, 1)


def make_receipt(receipt_id: str = "ada-receipt") -> Receipt:
    return Receipt(receipt_id, "facebook", "identity", THEN, THEN)


@dataclass(frozen=True)
class Household:
    user: User
    oauth: OAuth
    token: Token
    session: Session
    email: Email
    event: Event
    pending: Pending
    canary: Canary
    revocation: Revocation
    receipt: Receipt

    @property
    def records(self) -> tuple[Record, ...]:
        rows = (self.user, self.oauth, self.token, self.session, self.email, self.event, self.pending, self.canary)
        return (*rows, self.revocation, self.receipt)


def make_household(name: str = "ada") -> Household:
    oauth_id = f"{name}-github"
    return Household(
        make_user(name, oauths=(oauth_id,)),
        make_oauth(oauth_id, user_id=name),
        make_token(oauth_id),
        make_session(f"{name}-laptop", user_id=name, oauth_id=oauth_id),
        make_email(f"{name}-address", user_id=name, oauth_id=oauth_id),
        make_event(user_id=name),
        make_pending(f"{name}-waiting", user_id=name),
        make_canary(f"{name}-canary"),
        make_revocation(f"{name}-leaving"),
        make_receipt(f"{name}-receipt"),
    )


def move_in(store: Store, name: str = "ada") -> Household:
    """Commit a household."""
    household = make_household(name)
    store.commit(*map(Insert, household.records))
    return household


def get_user(store: Store, user_id: str = "ada") -> User:
    (user,) = store.look_up(User.key_of(user_id))
    assert user is not None
    return user
