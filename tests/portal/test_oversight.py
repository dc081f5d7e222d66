"""What an admin does to an account: it holds at the next request, and says in its history who did it and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from portal.accounts import SignedIn
from portal.admins import Admins
from portal.linking import Policy, Reason, Refuse
from portal.models import Event
from portal.storage import Store, Update
from tests.portal.desk import ISSUERS, Clock, Desk, Interrupted, Naive, make_arrival

BY = "command line: root"
GITHUB = make_arrival("github", "583231", email="ada@example.org")
GOOGLE = make_arrival("google", "583231", email="ada@example.org")


class Going(Clock):
    """A clock that goes on by itself, so that no two events have one time."""

    def __call__(self) -> datetime:
        self.passes(milliseconds=1)
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Going()


@pytest.fixture
def ada(desk: Desk) -> SignedIn:
    return desk.signs_in(GITHUB)


def told(store: Store) -> tuple[str, str | None, str | None]:
    """The newest of what happened: what, who did it, why."""
    event = store.scan(Event)[0]
    return event.what, event.by, event.note


def test_who_is_suspended_is_out_at_once_and_comes_in_by_no_way(desk: Desk, ada: SignedIn, store: Store) -> None:
    both = desk.links(ada, GOOGLE)
    assert desk.accounts.oversight.suspend(ada.user.id, by=BY, reason="Under review")
    assert told(store) == ("suspended", BY, "Under review")
    assert desk.now_of(both) is None
    for arrival in (GITHUB, GOOGLE):
        assert desk.arrives(arrival) == Refuse(Reason.SUSPENDED)
    user = desk.user(ada.user.id)
    assert (user.status, user.suspended_for) == ("suspended", "Under review")


def test_who_is_restored_comes_in_anew_and_old_sessions_stay_out(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.accounts.oversight.suspend(ada.user.id, by=BY, reason="Under review")
    assert desk.accounts.oversight.restore(ada.user.id, by=BY, reason=None)
    assert told(store) == ("restored", BY, None)
    assert desk.now_of(ada) is None
    again = desk.signs_in(GITHUB)
    assert (again.user.id, again.user.suspended_for) == (ada.user.id, None)


def test_signing_out_ends_every_session_and_keeps_nobody_out(desk: Desk, ada: SignedIn, store: Store) -> None:
    phone = desk.signs_in(GITHUB)
    assert desk.accounts.oversight.sign_out(ada.user.id, by=BY, reason="A stolen laptop")
    assert told(store) == ("signed-out-by-admin", BY, "A stolen laptop")
    assert (desk.now_of(ada), desk.now_of(phone)) == (None, None)
    assert not desk.signs_in(GITHUB).new


def test_nothing_is_done_twice_and_nothing_to_nobody(desk: Desk, ada: SignedIn, store: Store) -> None:
    oversight = desk.accounts.oversight
    for action in (oversight.suspend, oversight.restore, oversight.sign_out, oversight.promote, oversight.demote):
        assert not action("nobody", by=BY, reason="x")
    for action, undone in ((oversight.suspend, oversight.restore), (oversight.promote, oversight.demote)):
        assert not undone(ada.user.id, by=BY, reason=None)
        assert action(ada.user.id, by=BY, reason="x")
        before = store.scan(Event)
        assert not action(ada.user.id, by=BY, reason="y")
        assert store.scan(Event) == before
        assert undone(ada.user.id, by=BY, reason=None)


@pytest.mark.parametrize(("kind", "kept"), [("as it is", True), ("naive", False)])
def test_a_suspension_takes_nothing_back_that_changes_meanwhile(
    desk: Desk, ada: SignedIn, store: Store, kind: str, kept: bool
) -> None:
    """It is decided on what is there in the transaction. The negative control is a store without transactions, where a
    link between reading and writing is lost."""
    late = []

    def links() -> None:
        if not late:
            late.append(desk.links(ada, GOOGLE))

    stage = Naive(store, links) if kind == "naive" else Interrupted(store, links, before="transact")
    desk.over(stage).accounts.oversight.suspend(ada.user.id, by=BY, reason="x")  # type: ignore[arg-type]
    user = desk.user(ada.user.id)
    assert user.status == "suspended"
    assert (GOOGLE.oauth_id in user.oauths) is kept


def test_an_admin_unlinks_even_of_the_suspended_but_never_the_last(desk: Desk, ada: SignedIn, store: Store) -> None:
    both = desk.links(ada, GOOGLE)
    desk.accounts.oversight.suspend(ada.user.id, by=BY, reason="x")
    unlink = desk.membership.unlink
    user = desk.user(ada.user.id)
    assert unlink(user, None, GITHUB.oauth_id, usable=lambda _: True, end_others=True) == Refuse(Reason.NOT_THE_SAME)
    assert not isinstance(unlink(user, None, GITHUB.oauth_id, usable=lambda _: True, end_others=True, by=BY), Refuse)
    assert told(store) == ("unlinked", BY, None)
    user = desk.user(ada.user.id)
    assert unlink(user, None, GOOGLE.oauth_id, usable=lambda _: True, end_others=True, by=BY) == Refuse(
        Reason.LAST_WAY_IN
    )
    assert both.user.oauths == (GITHUB.oauth_id, GOOGLE.oauth_id)


def test_a_recovery_link_says_who_made_it(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.membership.make_recovery(ada.user.id, "secret", by=BY)
    assert told(store) == ("recovery-link-made", BY, None)


# Who is an admin (T95).


def test_an_admin_is_a_listed_identity_or_a_promoted_user_and_nobody_else(desk: Desk, ada: SignedIn) -> None:
    """T95: not the first user, not the same subject elsewhere, not a login, a name or an address."""
    nobody = Admins([], ISSUERS)
    assert not nobody.is_admin(ada.user)
    listed = Admins(["github:583231"], ISSUERS)
    assert listed.is_admin(ada.user)
    elsewhere = desk.signs_in(make_arrival("facebook", "583231"))
    alike = replace(GITHUB, identity=replace(GITHUB.identity, subject="7"))
    named = desk.arrives(alike, policy=Policy.SEPARATE)
    assert isinstance(named, SignedIn)
    assert not listed.is_admin(elsewhere.user)
    assert not listed.is_admin(named.user), "the same login, name and address"
    for written in ("github:583231x", "github:58323", "google:583231", "GitHub:583231", "github:ada@example.org"):
        assert not Admins([written], ISSUERS).is_admin(ada.user), written
    desk.accounts.oversight.promote(named.user.id, by=BY, reason=None)
    assert nobody.is_admin(desk.user(named.user.id))
    desk.accounts.oversight.demote(named.user.id, by=BY, reason=None)
    assert not nobody.is_admin(desk.user(named.user.id))


def test_an_identity_that_is_unlinked_or_off_makes_no_admin(desk: Desk, ada: SignedIn) -> None:
    listed = Admins(["github:583231"], ISSUERS)
    both = desk.links(ada, GOOGLE)
    assert listed.is_admin(both.user), "whichever of their identities they came by"
    assert not Admins(["github:583231"], {"google": ISSUERS["google"]}).is_admin(both.user), "switched off"
    desk.unlinks(both, GITHUB.oauth_id)
    assert not listed.is_admin(desk.user(ada.user.id))


def test_a_suspended_admin_is_none(desk: Desk, ada: SignedIn, store: Store) -> None:
    suspended = replace(ada.user, status="suspended", admin=True)
    store.commit(Update(suspended))
    assert not Admins(["github:583231"], ISSUERS).is_admin(suspended)
