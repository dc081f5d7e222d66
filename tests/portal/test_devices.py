"""A user's sessions: listed, ended one by one or all at once, and carried over to a new secret; on each store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.accounts import Browser, Intent, SignedIn
from portal.devices import LISTED, READ, Devices
from portal.linking import Purpose, Reason, Refuse, Standing
from portal.models import Event, Session
from portal.storage import Insert, Mutation, Store, Update
from tests.portal.desk import Clock, Desk, Interrupted, browser_of, make_arrival

GITHUB = make_arrival("github", "ada")
GOOGLE = make_arrival("google", "ada")


@pytest.fixture
def ada(desk: Desk) -> SignedIn:
    return desk.signs_in(GITHUB)


def ids(desk: Desk, who: SignedIn) -> list[str]:
    return [each.id for each in desk.accounts.devices.list_all(desk.user(who.user.id), who.session).sessions]


def events(store: Store) -> list[str]:
    return [event.what for event in store.scan(Event)]


# Listed.


def test_this_one_comes_first_and_then_who_was_seen_last(desk: Desk, ada: SignedIn, clock: Clock) -> None:
    clock.passes(hours=1)
    tablet = desk.signs_in(GITHUB)
    clock.passes(hours=1)
    phone = desk.signs_in(GITHUB)
    desk.signs_in(make_arrival("github", "grace"))
    assert ids(desk, ada) == [ada.session.id, phone.session.id, tablet.session.id]


def test_what_is_over_is_not_listed(desk: Desk, ada: SignedIn, store: Store, clock: Clock) -> None:
    others = [desk.signs_in(GITHUB) for _ in range(3)]
    idle, absolute, epoch = (each.session for each in others)
    store.commit(
        Update(replace(idle, seen=clock() - timedelta(days=14))),
        Update(replace(absolute, expires=clock())),
        Update(replace(epoch, epoch=7)),
    )
    assert ids(desk, ada) == [ada.session.id]


def test_a_thousand_sessions_are_listed_in_part_and_ended_by_one_commit(
    desk: Desk, ada: SignedIn, store: Store
) -> None:
    """As a robot makes them: the page stays a page, and ending all is the same work as ending one."""
    for start in range(0, 1000, 250):
        store.commit(*(Insert(replace(ada.session, id=f"robot-{n:04}")) for n in range(start, start + 250)))
    listing = desk.accounts.devices.list_all(ada.user, ada.session)
    assert (len(listing.sessions), listing.more) == (LISTED, True)
    assert listing.sessions[0] == ada.session
    assert LISTED < READ

    written: list[int] = []

    class Counted(Devices):
        def hand_over(self, old: Session, new: Session) -> list[Mutation]:
            written.append(1)
            return super().hand_over(old, new)

    stays = Counted(store, desk.accounts._records).end_others(ada.user, ada.session, "new-secret")
    assert not isinstance(stays, Refuse)
    assert written == [1]
    user, session = stays
    assert desk.accounts.devices.list_all(user, session).sessions == (session,)


# Ended.


def test_one_is_ended_at_once_and_no_other(desk: Desk, ada: SignedIn, store: Store) -> None:
    phone, tablet = desk.signs_in(GITHUB), desk.signs_in(GITHUB)
    assert desk.accounts.devices.end(ada.user, ada.session, phone.session.id)
    assert desk.now_of(phone) is None
    assert desk.now_of(tablet)
    assert desk.now_of(ada)
    assert "session-ended" in events(store)
    assert not desk.accounts.devices.end(ada.user, ada.session, phone.session.id), "twice is no trouble"


@pytest.mark.parametrize("asked", ["", "-", "nobody's", "x" * 1000, "__reserved__"])
def test_what_is_none_of_one_s_own_is_left_alone(desk: Desk, ada: SignedIn, store: Store, asked: str) -> None:
    """T42."""
    grace = desk.signs_in(make_arrival("github", "grace"))
    for session_id in (grace.session.id, asked):
        assert not desk.accounts.devices.end(ada.user, ada.session, session_id)
    assert desk.now_of(grace)
    assert "session-ended" not in events(store)


def test_ending_all_others_leaves_this_one_under_a_new_secret(desk: Desk, ada: SignedIn, store: Store) -> None:
    """T56: whoever has a copy of this browser's cookie is out, too."""
    phone = desk.signs_in(GITHUB)
    stays = desk.accounts.devices.end_others(ada.user, ada.session, "n" * 43)
    assert not isinstance(stays, Refuse)
    user, session = stays
    assert desk.now_of(phone) is None
    assert desk.now_of(ada) is None, "the cookie that may have been copied"
    assert desk.accounts.get_signed_in(Browser(user.id, "n" * 43))
    kept = replace(session, id=ada.session.id, epoch=ada.session.epoch, seen=ada.session.seen)
    assert kept == ada.session, "with its limits, and no more recent than it was"
    assert "signed-out-elsewhere" in events(store)


def test_a_session_that_was_ended_meanwhile_ends_nothing(desk: Desk, ada: SignedIn) -> None:
    phone = desk.signs_in(GITHUB)
    desk.accounts.devices.end(phone.user, phone.session, ada.session.id)
    assert desk.accounts.devices.end_others(ada.user, ada.session, "n" * 43) == Refuse(Reason.NOT_THE_SAME)
    assert desk.now_of(phone)
    assert desk.accounts.get_signed_in(Browser(ada.user.id, "n" * 43)) is None


def test_signing_out_everywhere_ends_all_and_lets_one_back_in(desk: Desk, ada: SignedIn, store: Store) -> None:
    phone = desk.signs_in(GITHUB)
    desk.accounts.devices.end_all(ada.user, ada.session)
    assert desk.now_of(phone) is None
    assert desk.now_of(ada) is None
    assert desk.now_of(desk.signs_in(GITHUB))
    assert "signed-out-everywhere" in events(store)


def test_a_sign_in_beside_it_that_read_before_is_dead_at_its_next_request(desk: Desk, ada: SignedIn) -> None:
    """The epoch that was read is in the session: whoever signs in at this very moment can't slip through (T105)."""
    stage = Interrupted(desk.store, lambda: desk.accounts.devices.end_all(ada.user, ada.session), before="commit")
    late = desk.over(stage).signs_in(GITHUB)
    assert desk.now_of(late) is None


# Carried over to a new secret.


def proves(desk: Desk, who: SignedIn) -> SignedIn:
    user = who.user
    proved = desk.arrives(GITHUB, browser_of(who), purpose=Purpose.PROVE, user_id=user.id, epoch=user.epoch)
    assert isinstance(proved, SignedIn)
    return proved


def signs_in_again(desk: Desk, who: SignedIn) -> SignedIn:
    return desk.signs_in(GITHUB, browser_of(who))


def ends_others(desk: Desk, who: SignedIn) -> SignedIn:
    stays = desk.accounts.devices.end_others(who.user, who.session, "n" * 43)
    assert not isinstance(stays, Refuse)
    return SignedIn(*stays)


def links(desk: Desk, who: SignedIn) -> SignedIn:
    waiting: Any = desk.asks_to_link(who, GOOGLE)
    linked = desk.membership.link_waiting(
        waiting.secret, "link", who.user, who.session, new_id="n" * 43, stands=lambda _: Standing()
    )
    assert not isinstance(linked, Refuse)
    return SignedIn(*linked[:2])


CHANGES = [proves, signs_in_again, ends_others, links]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_rise_of_rights_makes_a_new_session_and_ends_the_old_in_the_same_commit(
    desk: Desk, ada: SignedIn, change: Any, clock: Clock
) -> None:
    """T52. And for a minute it is known that the old one was replaced, so that no answer takes the new cookie back."""
    after = change(desk, ada)
    assert after.session.id != ada.session.id
    assert desk.now_of(after)
    assert desk.now_of(ada) is None
    assert desk.accounts.was_replaced(browser_of(ada))
    assert not desk.accounts.was_replaced(browser_of(after))
    clock.passes(minutes=1)
    assert not desk.accounts.was_replaced(browser_of(ada))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_tab_s_note_that_it_was_seen_takes_nothing_back(
    desk: Desk, ada: SignedIn, store: Store, clock: Clock, change: Any
) -> None:
    """Staged: the note was decided on with the row as it was, and is written when the change has been made."""
    clock.passes(minutes=20)
    after: list[SignedIn] = []
    stage = Interrupted(store, lambda: after.append(change(desk, ada)), before="commit")
    assert desk.over(stage).now_of(ada) is None
    assert desk.now_of(after[0])
    assert desk.now_of(ada) is None


def test_a_session_that_kept_its_secret_would_lose_the_change(
    desk: Desk, ada: SignedIn, store: Store, clock: Clock
) -> None:
    """The negative control: the epoch rises and the acting session is written again, in its place. The note that it was
    seen puts the old epoch back, and who pressed the button is signed out."""
    clock.passes(minutes=20)

    def naive() -> None:
        store.commit(Update(replace(ada.user, epoch=1)), Update(replace(ada.session, epoch=1, seen=clock())))

    assert desk.over(Interrupted(store, naive, before="commit")).now_of(ada)
    assert desk.now_of(ada) is None


def test_two_tabs_that_prove_it_at_once_leave_one_session(desk: Desk, ada: SignedIn, store: Store) -> None:
    """Staged: the second reads, the first runs to its end, the second commits."""
    stage = Interrupted(store, lambda: proves(desk, ada), before="commit")
    user = ada.user
    second = desk.over(stage).arrives(GITHUB, browser_of(ada), purpose=Purpose.PROVE, user_id=user.id, epoch=user.epoch)
    assert second == Refuse(Reason.NOT_THE_SAME), "it is told so, and is signed in by the first"
    (left,) = store.scan(Session)
    assert desk.accounts.get_signed_in(Browser(user.id, left.id))


# On a shared computer.


def shared(desk: Desk, browser: Browser | None = None, *, tick: bool = True) -> SignedIn:
    signed_in = desk.accounts.arrive(GITHUB, replace(desk.seat(), shared=tick), Intent(), browser)
    assert isinstance(signed_in, SignedIn)
    return signed_in


def test_a_shared_computer_has_its_own_limits(desk: Desk, ada: SignedIn, clock: Clock) -> None:
    here = shared(desk)
    assert here.session.shared
    clock.passes(minutes=29, seconds=59)
    assert desk.now_of(here)
    clock.passes(minutes=30)
    assert desk.now_of(here) is None
    assert desk.now_of(ada)
    busy = shared(desk)
    for _ in range(12 * 4 - 1):
        clock.passes(minutes=15)
        assert desk.now_of(busy)
    clock.passes(minutes=15)
    assert desk.now_of(busy) is None


def test_a_tab_that_did_not_say_so_makes_no_long_session_of_a_shared_one(desk: Desk) -> None:
    for again in (shared(desk, browser_of(shared(desk)), tick=False), proves(desk, shared(desk))):
        assert again.session.shared
        assert again.session.expires - again.session.created == timedelta(hours=12)
    assert not shared(desk, tick=False).session.shared, "another browser says it for itself"
