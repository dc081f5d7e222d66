"""What changes the set of a user's identities, and what must hold whatever runs beside it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.accounts import Intent, SignedIn, Waiting
from portal.errors import CommitUnknown, Contended
from portal.linking import Reason, Refuse, Standing
from portal.models import Email, Event, OAuth, Pending, Record, Session, Token, User
from portal.pending import LIFETIME, RECOVERY_LIFETIME, pending_id
from portal.records import email_id
from portal.storage import Insert, Store, budget
from portal.storage.sql import SQLStore
from tests.portal.desk import (
    CANARY,
    Clock,
    Desk,
    Interrupted,
    Naive,
    Paused,
    browser_of,
    everything,
    lasting,
    make_arrival,
)
from tests.storage.stages import (
    all_at_once,
    nothing,
    one_in_the_middle_of_the_other,
    threads_that_change_often,
)

PAIRS = 1000 if os.environ.get("PORTAL_TEST_FULL") == "1" else 60

GITHUB = make_arrival("github", "ada", email="ada@example.com")
GOOGLE = make_arrival("google", "ada", email="ada@example.org")
FACEBOOK = make_arrival("facebook", "ada")
BOBS = make_arrival("github", "bob", email="bob@example.com")

NOT_FOUND, NOT_THE_SAME = Refuse(Reason.NOT_FOUND), Refuse(Reason.NOT_THE_SAME)


@pytest.fixture
def ada(desk: Desk) -> SignedIn:
    """Signed up with GitHub, signed in on this browser."""
    return desk.signs_in(GITHUB)


def waiting_for(desk: Desk, signed_in: SignedIn, arrival: Any = FACEBOOK) -> str:
    """The secret of an identity that waits for the yes."""
    waiting = desk.asks_to_link(signed_in, arrival)
    assert isinstance(waiting, Waiting)
    return waiting.secret


# --- link -------------------------------------------------------------------------------------------------------------


def test_a_linked_identity_opens_the_same_account(desk: Desk, ada: SignedIn) -> None:
    desk.links(ada, FACEBOOK)
    again = desk.signs_in(FACEBOOK)
    assert again.user.id == ada.user.id
    assert not again.new
    assert again.user.oauths == (GITHUB.oauth_id, FACEBOOK.oauth_id)


def test_nothing_is_linked_before_the_yes(desk: Desk, ada: SignedIn, store: Store) -> None:
    before = everything(store)
    waiting_for(desk, ada)
    assert [each for each in everything(store) if each not in before] == store.scan(Pending)


def test_a_link_ends_every_other_session_and_keeps_this_one(desk: Desk, ada: SignedIn) -> None:
    elsewhere = desk.signs_in(GITHUB)
    linked = desk.links(ada, FACEBOOK)
    assert linked.user.epoch == ada.user.epoch + 1
    assert desk.now_of(ada) == linked
    assert desk.now_of(elsewhere) is None


def test_a_link_is_in_the_history_with_the_session_it_was_made_in(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.links(ada, FACEBOOK)
    event = store.scan(Event)[0]
    assert (event.what, event.session_id, event.oauth_id, event.entry) == (
        "linked",
        ada.session.id,
        FACEBOOK.oauth_id,
        "facebook",
    )


def test_a_linked_identity_s_address_is_known_if_nobody_has_it(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.signs_in(BOBS)
    both = desk.links(ada, GOOGLE)
    desk.links(both, make_arrival("google", "two", email="bob@example.com"))
    known = {email.id: (email.user_id, email.oauth_id) for email in store.scan(Email)}
    assert known[str(email_id("ada@example.org", verified=True))] == (ada.user.id, GOOGLE.oauth_id)
    assert known[str(email_id("bob@example.com", verified=True))][1] == BOBS.oauth_id


def test_several_identities_of_one_provider_may_be_linked(desk: Desk, ada: SignedIn) -> None:
    linked = desk.links(ada, make_arrival("github", "ada-at-work"))
    assert [each.oauth.entry for each in desk.accounts.list_identities(linked.user)] == ["github", "github"]


def test_what_is_linked_already_is_not_linked_again(desk: Desk, ada: SignedIn, store: Store) -> None:
    before = lasting(store)
    assert desk.asks_to_link(ada, GITHUB) == Refuse(Reason.ALREADY_YOURS)
    assert lasting(store) == before


def test_an_identity_of_another_account_stays_there(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.signs_in(BOBS)
    before = lasting(store)
    assert desk.asks_to_link(ada, BOBS) == Refuse(Reason.ANOTHERS)
    assert lasting(store) == before
    assert desk.now_of(ada)


def test_the_yes_works_once(desk: Desk, ada: SignedIn, store: Store) -> None:
    secret = waiting_for(desk, ada)
    assert not isinstance(desk.confirms(ada, secret), Refuse)
    now = desk.now_of(ada)
    assert now
    assert desk.confirms(now, secret) == NOT_FOUND
    assert store.scan(Pending) == []


def test_a_yes_given_twice_at_once_links_once(desk: Desk, ada: SignedIn, store: Store) -> None:
    secret = waiting_for(desk, ada)
    stage = Interrupted(store, lambda: desk.confirms(ada, secret), before="transact")
    assert desk.over(stage).confirms(ada, secret) == NOT_FOUND
    assert desk.user(ada.user.id).oauths == (GITHUB.oauth_id, FACEBOOK.oauth_id)
    assert desk.now_of(ada)


@pytest.mark.parametrize("secret", ["", "-", "another browser's secret"])
def test_a_yes_without_the_secret_links_nothing(desk: Desk, ada: SignedIn, secret: str) -> None:
    waiting_for(desk, ada)
    assert desk.confirms(ada, secret) == NOT_FOUND
    assert desk.user(ada.user.id).oauths == (GITHUB.oauth_id,)


def test_a_yes_after_ten_minutes_links_nothing(desk: Desk, ada: SignedIn, clock: Clock) -> None:
    secret = waiting_for(desk, ada)
    clock.time += LIFETIME
    assert desk.confirms(ada, secret) == NOT_FOUND


def test_what_runs_out_between_the_look_and_the_link_is_not_linked(
    desk: Desk, ada: SignedIn, store: Store, clock: Clock
) -> None:
    secret = waiting_for(desk, ada)
    stage = Interrupted(store, lambda: clock.passes(minutes=10), before="transact")
    assert desk.over(stage).confirms(ada, secret) == NOT_FOUND


def test_what_waits_for_one_user_is_nobody_else_s(desk: Desk, ada: SignedIn) -> None:
    """An attacker's identity, put before the victim's browser with the attacker's own secret (T03)."""
    bob = desk.signs_in(BOBS)
    assert desk.confirms(bob, waiting_for(desk, ada)) == NOT_THE_SAME
    assert desk.user(bob.user.id).oauths == (BOBS.oauth_id,)


def test_a_sealed_identity_moved_behind_another_secret_is_not_linked(desk: Desk, ada: SignedIn, store: Store) -> None:
    waiting_for(desk, ada)
    (pending,) = store.scan(Pending)
    store.commit(Insert(replace(pending, id=pending_id("mine"))))
    assert desk.confirms(ada, "mine") == NOT_FOUND


def test_a_provider_that_was_switched_off_meanwhile_is_not_linked(desk: Desk, ada: SignedIn) -> None:
    assert desk.confirms(ada, waiting_for(desk, ada), on=["github"]) == Refuse(Reason.PROVIDER_OFF)


def test_who_just_proved_an_old_way_in_gets_the_new_one_that_waited(desk: Desk, ada: SignedIn) -> None:
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    here = desk.signs_in(GITHUB)
    linked = desk.membership.link_waiting(
        waiting.secret, "sign-up", here.user, here.session, stands=lambda _: Standing()
    )
    assert not isinstance(linked, Refuse)
    assert desk.signs_in(FACEBOOK).user.id == ada.user.id
    assert desk.accounts.create(waiting.secret, desk.seat(), Intent(), None) == NOT_FOUND


CHANGES: dict[str, Callable[[Desk, SignedIn], object]] = {
    "suspended": lambda desk, who: desk.suspends(who.user.id),
    "deleted": lambda desk, who: desk.membership.delete(desk.user(who.user.id)),
    "signed out": lambda desk, who: desk.accounts.sign_out(who),
    "every session ended": lambda desk, who: desk.ends_every_session(who.user.id),
    "an identity added elsewhere": lambda desk, _: desk.links(desk.signs_in(GITHUB), GOOGLE),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("moment", ["before the callback", "before the yes", "in the middle of the yes"])
def test_whatever_changes_between_the_button_and_the_link_nothing_is_linked(
    desk: Desk, ada: SignedIn, store: Store, change: str, moment: str
) -> None:
    """T105, at each position."""

    def happens() -> None:
        CHANGES[change](desk, ada)

    if moment == "before the callback":
        happens()
        assert desk.asks_to_link(ada, FACEBOOK) == NOT_THE_SAME
    elif moment == "before the yes":
        secret = waiting_for(desk, ada)
        happens()
        assert desk.confirms(ada, secret) == NOT_THE_SAME
    else:
        secret = waiting_for(desk, ada)
        stage = Interrupted(store, happens, before="transact")
        assert desk.over(stage).confirms(ada, secret) == NOT_THE_SAME
    assert desk.get(OAuth.key_of(FACEBOOK.oauth_id)) is None
    assert desk.now_of(ada) is None


def test_an_identity_that_was_unlinked_meanwhile_does_not_take_the_link_with_it(desk: Desk, ada: SignedIn) -> None:
    """Nor does it bring back what it unlinked."""
    both = desk.links(ada, GOOGLE)
    secret = waiting_for(desk, both)
    desk.unlinks(both, GITHUB.oauth_id)
    here = desk.now_of(both)
    assert here
    assert not isinstance(desk.confirms(here, secret), Refuse)
    assert desk.user(ada.user.id).oauths == (GOOGLE.oauth_id, FACEBOOK.oauth_id)


# --- unlink -----------------------------------------------------------------------------------------------------------


def test_an_unlinked_identity_goes_with_its_token_and_its_address(desk: Desk, ada: SignedIn, store: Store) -> None:
    both = desk.links(ada, GOOGLE)
    unlinked = desk.unlinks(both, GOOGLE.oauth_id)
    assert not isinstance(unlinked, Refuse)
    assert unlinked[0].oauths == (GITHUB.oauth_id,)
    assert unlinked[1].id == GOOGLE.oauth_id
    for kind in (OAuth, Token, Email):
        assert len(store.scan(kind)) == 1, kind
        assert GOOGLE.oauth_id not in repr(store.scan(kind))


def test_it_goes_with_the_address_it_has_by_now(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.links(ada, GOOGLE)
    moved = desk.signs_in(make_arrival("google", "ada", email="countess@example.org"))
    assert not isinstance(desk.unlinks(moved, GOOGLE.oauth_id), Refuse)
    assert [email.oauth_id for email in store.scan(Email)] == [GITHUB.oauth_id]


def test_an_address_that_another_identity_proved_stays(desk: Desk, ada: SignedIn, store: Store) -> None:
    same = make_arrival("google", "ada", email="ada@example.com")
    both = desk.links(ada, same)
    desk.unlinks(both, same.oauth_id)
    assert [email.oauth_id for email in store.scan(Email)] == [GITHUB.oauth_id]


def test_signing_in_with_what_was_unlinked_is_a_first_sign_in(desk: Desk, ada: SignedIn) -> None:
    """It never lands in the old account (T44)."""
    desk.unlinks(desk.links(ada, GOOGLE), GOOGLE.oauth_id)
    again = desk.signs_in(GOOGLE)
    assert again.new
    assert again.user.id != ada.user.id


@pytest.mark.parametrize("ends", [False, True], ids=["the box not ticked", "the box ticked"])
def test_an_unlink_keeps_the_acting_session_and_ends_those_that_came_by_it(
    desk: Desk, ada: SignedIn, ends: bool
) -> None:
    desk.links(ada, FACEBOOK)
    acting, by_it, by_another = desk.signs_in(FACEBOOK), desk.signs_in(FACEBOOK), desk.signs_in(GITHUB)
    assert not isinstance(desk.unlinks(acting, FACEBOOK.oauth_id, end_others=ends), Refuse)
    assert desk.now_of(acting), "though it came by it (T46)"
    assert desk.now_of(by_it) is None
    assert (desk.now_of(by_another) is None) is ends


@pytest.mark.parametrize("which", ["another's", "none", ""])
def test_what_is_not_one_s_own_is_not_found_and_nothing_is_learned(
    desk: Desk, ada: SignedIn, store: Store, which: str
) -> None:
    both = desk.links(ada, FACEBOOK)
    desk.signs_in(BOBS)
    before = everything(store)
    assert desk.unlinks(both, {"another's": BOBS.oauth_id}.get(which, which)) == NOT_FOUND
    assert desk.unlinks(both, {"another's": BOBS.oauth_id}.get(which, which), on=[]) == NOT_FOUND
    assert everything(store) == before


def test_the_last_way_in_stays(desk: Desk, ada: SignedIn, store: Store) -> None:
    before = everything(store)
    assert desk.unlinks(ada, GITHUB.oauth_id) == Refuse(Reason.LAST_WAY_IN)
    assert everything(store) == before


def test_a_way_in_that_is_switched_off_does_not_count(desk: Desk, ada: SignedIn) -> None:
    both = desk.links(ada, FACEBOOK)
    assert desk.unlinks(both, GITHUB.oauth_id, on=["github"]) == Refuse(Reason.LAST_WAY_IN)
    assert desk.unlinks(both, GITHUB.oauth_id, on=[]) == Refuse(Reason.LAST_WAY_IN)
    assert not isinstance(desk.unlinks(both, FACEBOOK.oauth_id, on=["github"]), Refuse), "the dead one may go"


@pytest.mark.parametrize("change", ["suspended", "deleted", "signed out", "every session ended"])
@pytest.mark.parametrize("moment", ["before", "in the middle"])
def test_who_is_signed_in_no_more_unlinks_nothing_and_is_not_signed_in_by_it(
    desk: Desk, ada: SignedIn, store: Store, change: str, moment: str
) -> None:
    both = desk.links(ada, FACEBOOK)

    def happens() -> None:
        CHANGES[change](desk, both)

    if moment == "before":
        happens()
        assert desk.unlinks(both, FACEBOOK.oauth_id) == NOT_THE_SAME
    else:
        stage = Interrupted(store, happens, before="transact")
        assert desk.over(stage).unlinks(both, FACEBOOK.oauth_id) == NOT_THE_SAME
    assert desk.now_of(both) is None
    if change != "deleted":
        assert desk.get(OAuth.key_of(FACEBOOK.oauth_id))


# --- races ------------------------------------------------------------------------------------------------------------


def move_in(desk: Desk, number: int) -> tuple[User, tuple[str, str]]:
    """A user with two ways in, written at once."""
    user_id, ids = f"user-{number:04}", (f"{number:04}-github", f"{number:04}-google")
    user = User(user_id, None, None, desk.clock(), "active", 0, ids)
    oauths = [OAuth(each, user_id, f"https://{each}.example", "1", each[5:], desk.clock()) for each in ids]
    tokens = [Token(each, None, 1, None, (), None, None, None, False, None, desk.clock()) for each in ids]
    desk.store.commit(*map(Insert, [user, *oauths, *tokens]))
    return user, ids


def what_is_wrong(desk: Desk, user: User, outcomes: list[object]) -> list[str]:
    """What two unlinks of the last two ways in must not leave."""
    problems = []
    if sum(isinstance(outcome, tuple) for outcome in outcomes) != 1:
        problems.append(f"not exactly one success: {outcomes}")
    if not all(isinstance(each, tuple | Contended) or each == Refuse(Reason.LAST_WAY_IN) for each in outcomes):
        problems.append(f"neither a success nor a refusal: {outcomes}")
    there = [oauth.id for oauth in desk.store.list_at([OAuth.key_of(each) for each in user.oauths])]
    if list(desk.user(user.id).oauths) != there or len(there) != 1:
        problems.append(f"the user names {desk.user(user.id).oauths}, there are {there}")
    return problems


def unlink(desk: Desk, user: User, oauth_id: str) -> Any:
    return desk.membership.unlink(user, None, oauth_id, usable=bool, end_others=False)


def unlink_until_told(desk: Desk, user: User, oauth_id: str) -> Any:
    """As a person does whose page says that nobody knows how it ended: press again."""
    for _ in range(5):
        try:
            outcome = unlink(desk, user, oauth_id)
        except CommitUnknown:
            continue
        return ("it was done the first time",) if outcome == NOT_FOUND else outcome
    raise AssertionError("the store never answers")


Kind = Callable[..., Any]


def staged_pair(desk: Desk, beside: Store, number: int, kind: Kind, *, waits_after: float) -> list[str]:
    user, (one, other) = move_in(desk, number)
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: unlink(desk.over(kind(desk.store, pause)), user, one),
        lambda: unlink(desk.over(kind(beside, nothing)), user, other),
        waits_after=waits_after,
    )
    return what_is_wrong(desk, user, list(outcomes))


def unstaged_pairs(desk: Desk, beside: Store, kind: Kind, *, pairs: int, begin: int = 0) -> list[str]:
    """Two threads unlink the two ways in of one user after the other, each time together. Where each waits for the
    other's lock until its deadline, as happens on a Datastore that is slow enough, neither knows how it ended."""
    moved_in = [move_in(desk, number) for number in range(begin, begin + pairs)]
    desks = [desk.over(kind(desk.store)), desk.over(kind(beside))]
    problems: list[str] = []
    with threads_that_change_often():
        for user, ids in moved_in:
            outcomes = all_at_once(lambda which, u=user, i=ids: unlink_until_told(desks[which], u, i[which]), threads=2)
            problems += what_is_wrong(desk, user, outcomes)
    return problems


def test_two_staged_unlinks_of_the_last_two_ways_in_leave_one(desk: Desk, beside: Store) -> None:
    for number in range(PAIRS if isinstance(desk.store, SQLStore) else PAIRS // 4):
        assert staged_pair(desk, beside, number, Paused, waits_after=0.01) == []
    assert len(staged_pair(desk, beside, PAIRS, Naive, waits_after=10)) >= 2, "nobody can get in, and it is noticed"
    assert desk.user(f"user-{PAIRS:04}").oauths


def slow_naive(store: Store, pause: object = None) -> Naive:
    return Naive(store, lambda: time.sleep(0.005))


@pytest.mark.full
def test_two_unstaged_unlinks_of_the_last_two_ways_in_leave_one(
    desk: Desk, beside: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "CALL", 2.0)  # as in earnest: who holds a lock that another waits for is not waited for
    pairs = PAIRS if isinstance(desk.store, SQLStore) else PAIRS // 5  # the emulator waits for locks most of the time
    assert unstaged_pairs(desk, beside, Paused, pairs=pairs) == []
    assert unstaged_pairs(desk, beside, slow_naive, pairs=10, begin=pairs) != []


def loose_ends(store: Store) -> list[str]:
    """What hangs in the air: a record whose other half is missing."""
    users = {user.id: user for user in store.scan(User, limit=10_000)}
    oauths = {oauth.id: oauth for oauth in store.scan(OAuth, limit=10_000)}
    named = [oauth_id for user in users.values() for oauth_id in user.oauths]
    problems = [f"{each} is named and not there" for each in named if each not in oauths]
    problems += [f"{each} is there and named {named.count(each)} times" for each in oauths if named.count(each) != 1]
    problems += [f"{each.id} is of nobody" for each in oauths.values() if each.user_id not in users]
    tokens = {token.oauth_id for token in store.scan(Token, limit=10_000)}
    problems += [f"{each} has no token, or no identity" for each in tokens ^ set(oauths)]
    return problems + [f"{email.id} is of no identity" for email in store.scan(Email) if email.oauth_id not in oauths]


def test_of_two_users_who_link_one_identity_at_once_one_has_it(
    desk: Desk, ada: SignedIn, store: Store, beside: Store
) -> None:
    bob = desk.signs_in(BOBS)
    secrets = [waiting_for(desk, who) for who in (ada, bob)]
    outcomes = one_in_the_middle_of_the_other(
        lambda pause: desk.over(Paused(store, pause)).confirms(ada, secrets[0]),
        lambda: desk.over(beside).confirms(bob, secrets[1]),
        waits_after=0.1,
    )
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    (lost,) = (outcome for outcome in outcomes if not isinstance(outcome, tuple))
    assert lost == Refuse(Reason.ANOTHERS) or isinstance(lost, Contended)
    assert loose_ends(store) == []
    assert desk.now_of(ada)
    assert desk.now_of(bob)


BESIDE: dict[str, Callable[[Desk, SignedIn], object]] = {
    "an unlink": lambda desk, who: desk.unlinks(who, GOOGLE.oauth_id, end_others=True),
    "a link of the same": lambda desk, _: desk.links(desk.signs_in(GITHUB), FACEBOOK),
    "a deletion": lambda desk, who: desk.membership.delete(who.user),
    "a sign-in": lambda desk, _: desk.arrives(GOOGLE),
    "a first sign-in with the same": lambda desk, _: desk.arrives(FACEBOOK),
}


@pytest.mark.parametrize("what", BESIDE)
def test_a_link_beside_anything_leaves_no_loose_end(
    desk: Desk, ada: SignedIn, store: Store, beside: Store, what: str
) -> None:
    both = desk.links(ada, GOOGLE)
    secret = waiting_for(desk, both)
    linked, _ = one_in_the_middle_of_the_other(
        lambda pause: desk.over(Paused(store, pause)).confirms(both, secret),
        lambda: BESIDE[what](desk.over(beside), both),
        waits_after=0.1,
    )
    assert isinstance(linked, tuple | Refuse | Contended)
    assert loose_ends(store) == []


def test_a_naive_link_beside_an_unlink_leaves_loose_ends(
    desk: Desk, ada: SignedIn, store: Store, beside: Store
) -> None:
    """The negative control of the test above."""
    both = desk.links(ada, GOOGLE)
    secret = waiting_for(desk, both)
    one_in_the_middle_of_the_other(
        lambda pause: desk.over(Naive(store, pause)).confirms(both, secret),
        lambda: BESIDE["an unlink"](desk.over(beside), both),
        waits_after=10,
    )
    assert loose_ends(store) != []


# --- the name ---------------------------------------------------------------------------------------------------------


def test_a_new_name_is_shown_and_survives_the_next_sign_in(desk: Desk, ada: SignedIn, store: Store) -> None:
    desk.membership.rename(ada.user, ada.session, "Countess of Lovelace")
    assert desk.signs_in(GITHUB).user.name == "Countess of Lovelace"
    assert "renamed" in [event.what for event in store.scan(Event)]
    desk.membership.rename(ada.user, ada.session, None)
    assert desk.user(ada.user.id) == replace(ada.user, name=None)


def test_a_name_takes_nothing_back_that_changed_meanwhile(desk: Desk, ada: SignedIn) -> None:
    """`ada` is what was read before the link; only the name of it may be written."""
    desk.links(ada, FACEBOOK)
    desk.membership.rename(ada.user, ada.session, "Countess")
    assert desk.user(ada.user.id).oauths == (GITHUB.oauth_id, FACEBOOK.oauth_id)
    assert desk.now_of(ada)


@pytest.mark.parametrize("change", ["suspended", "deleted"])
def test_nobody_is_renamed_who_is_gone_or_suspended(desk: Desk, ada: SignedIn, store: Store, change: str) -> None:
    CHANGES[change](desk, ada)
    before = everything(store)
    desk.membership.rename(ada.user, ada.session, "Countess")
    assert everything(store) == before


# --- recovery ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def key(desk: Desk, ada: SignedIn) -> str:
    """The key behind Ada's recovery link."""
    desk.clock.passes(seconds=1)
    assert desk.membership.make_recovery(ada.user.id, "recovery secret")
    return pending_id("recovery secret")


def test_a_recovery_link_adds_one_identity_and_signs_in(desk: Desk, ada: SignedIn, key: str, store: Store) -> None:
    assert desk.membership.get_recovering(key) == ada.user
    recovered = desk.recovers(key, FACEBOOK)
    assert isinstance(recovered, SignedIn)
    assert recovered.user.id == ada.user.id
    assert desk.now_of(recovered)
    assert desk.now_of(ada) is None, "whoever held the account before is out"
    assert store.scan(Pending) == []
    assert desk.signs_in(FACEBOOK).user.id == ada.user.id


def test_a_recovery_link_works_once(desk: Desk, ada: SignedIn, key: str) -> None:
    desk.recovers(key, FACEBOOK)
    assert desk.membership.get_recovering(key) is None
    assert desk.recovers(key, GOOGLE) == NOT_THE_SAME
    assert desk.get(OAuth.key_of(GOOGLE.oauth_id)) is None


def test_a_recovery_link_used_twice_at_once_adds_one_identity(
    desk: Desk, ada: SignedIn, key: str, store: Store
) -> None:
    stage = Interrupted(store, lambda: desk.recovers(key, GOOGLE), before="transact")
    assert desk.over(stage).recovers(key, FACEBOOK) == NOT_FOUND
    assert desk.user(ada.user.id).oauths == (GITHUB.oauth_id, GOOGLE.oauth_id)


def test_a_recovery_link_is_valid_for_a_quarter_of_an_hour(desk: Desk, ada: SignedIn, clock: Clock) -> None:
    now = clock()
    assert desk.membership.make_recovery(ada.user.id, "recovery secret") == now + RECOVERY_LIFETIME
    key = pending_id("recovery secret")
    clock.time = now + RECOVERY_LIFETIME - timedelta(microseconds=1)
    assert desk.membership.get_recovering(key)
    clock.time = now + RECOVERY_LIFETIME
    assert desk.membership.get_recovering(key) is None
    assert desk.recovers(key, FACEBOOK) == NOT_THE_SAME


@pytest.mark.parametrize("change", ["suspended", "deleted", "every session ended", "an identity added elsewhere"])
@pytest.mark.parametrize("moment", ["before", "in the middle"])
def test_a_recovery_link_dies_with_what_its_user_was(
    desk: Desk, ada: SignedIn, key: str, store: Store, change: str, moment: str
) -> None:
    def happens() -> None:
        CHANGES[change](desk, ada)

    if moment == "before":
        happens()
        assert desk.membership.get_recovering(key) is None
        assert desk.recovers(key, FACEBOOK) == NOT_THE_SAME
    else:
        assert desk.over(Interrupted(store, happens, before="transact")).recovers(key, FACEBOOK) == NOT_THE_SAME
    assert desk.get(OAuth.key_of(FACEBOOK.oauth_id)) is None


def test_a_recovery_link_neither_switches_anybody_nor_takes_another_s_identity(
    desk: Desk, ada: SignedIn, key: str
) -> None:
    bob = desk.signs_in(BOBS)
    assert desk.recovers(key, FACEBOOK, browser_of(bob)) == NOT_THE_SAME
    assert desk.recovers(key, BOBS) == Refuse(Reason.ANOTHERS)
    assert desk.recovers(key, GITHUB) == Refuse(Reason.ALREADY_YOURS)
    assert desk.now_of(bob)
    assert desk.membership.get_recovering(key) == ada.user, "and nothing of it spends the link"


def test_a_recovery_link_is_in_the_history(desk: Desk, ada: SignedIn, key: str, store: Store) -> None:
    event = store.scan(Event)[0]
    assert (event.what, event.session_id, event.user_id) == ("recovery-link-made", None, ada.user.id)


def test_there_is_no_recovery_link_for_nobody_or_the_suspended(desk: Desk, ada: SignedIn, store: Store) -> None:
    assert desk.membership.make_recovery("nobody", "s") is None
    desk.suspends(ada.user.id)
    assert desk.membership.make_recovery(ada.user.id, "s") is None
    assert store.scan(Pending) == []


@pytest.mark.parametrize("key", [None, "", "-", pending_id("unknown")])
def test_an_unknown_recovery_link_is_nobody_s(desk: Desk, ada: SignedIn, key: str | None) -> None:
    assert desk.membership.get_recovering(key) is None


def test_what_waits_for_a_yes_is_no_recovery_link(desk: Desk, ada: SignedIn) -> None:
    secret = waiting_for(desk, ada)
    assert desk.membership.get_recovering(pending_id(secret)) is None
    assert desk.recovers(pending_id(secret), GOOGLE) == NOT_THE_SAME


# --- deletion ---------------------------------------------------------------------------------------------------------


def with_a_long_life(desk: Desk, signed_in: SignedIn, *, events: int) -> None:
    """As if that much had happened, in as many sessions."""
    made = []
    for number in range(events):
        desk.clock.passes(minutes=1)
        session = replace(signed_in.session, id=f"{signed_in.user.id}-session-{number}")
        event = desk.accounts._records.event(signed_in.user.id, "signed-in", session.id, GITHUB)
        made += [Insert(session), Insert(event)]
    for start in range(0, len(made), 100):
        desk.store.commit(*made[start : start + 100])


@pytest.mark.parametrize("events", [0, 197, 450])  # below, at and above what goes at once
def test_of_a_deleted_user_nothing_is_left_and_of_the_others_everything(
    desk: Desk, ada: SignedIn, store: Store, events: int
) -> None:
    others = [desk.signs_in(make_arrival("github", f"bob-{number}", email=f"{number}@x.org")) for number in range(8)]
    before = [record for record in lasting(store) if not is_of(record, ada)]
    both = desk.links(ada, GOOGLE)
    with_a_long_life(desk, both, events=events)
    assert desk.membership.delete(desk.user(ada.user.id), both.session)
    assert lasting(store) == before
    assert all(desk.now_of(other) for other in others)


def is_of(record: Record, who: SignedIn) -> bool:
    return who.user.id in repr(record) or any(oauth_id in repr(record) for oauth_id in who.user.oauths)


def test_a_deletion_ends_every_session(desk: Desk, ada: SignedIn) -> None:
    elsewhere = desk.signs_in(GITHUB)
    desk.membership.delete(ada.user, ada.session)
    assert desk.now_of(ada) is None
    assert desk.now_of(elsewhere) is None


def test_who_was_deleted_may_come_back_as_somebody_new(desk: Desk, ada: SignedIn) -> None:
    desk.membership.delete(ada.user, ada.session)
    again = desk.signs_in(GITHUB)
    assert again.new
    assert again.user.id != ada.user.id


def test_an_identity_whose_address_changed_does_not_keep_its_user_from_going(
    desk: Desk, ada: SignedIn, store: Store
) -> None:
    moved = desk.signs_in(make_arrival("github", "ada", email="countess@example.com"))
    assert desk.membership.delete(moved.user, moved.session)
    assert store.scan(Email) == []


def test_what_was_linked_beside_a_deletion_goes_too(desk: Desk, ada: SignedIn, store: Store) -> None:
    stage = Interrupted(store, lambda: desk.links(ada, FACEBOOK), before="transact")
    assert desk.over(stage).membership.delete(ada.user, ada.session)
    assert lasting(store) == []


def test_who_is_gone_is_deleted_no_second_time(desk: Desk, ada: SignedIn, store: Store) -> None:
    stage = Interrupted(store, lambda: desk.membership.delete(ada.user, ada.session), before="transact")
    assert not desk.over(stage).membership.delete(ada.user, ada.session)
    assert lasting(store) == []


def test_a_deletion_that_broke_off_after_its_transaction_is_finished_by_the_next(
    desk: Desk, ada: SignedIn, store: Store
) -> None:
    with_a_long_life(desk, ada, events=250)

    def breaks() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        desk.over(Interrupted(store, breaks, before="commit")).membership.delete(ada.user, ada.session)
    assert desk.now_of(ada) is None
    assert store.scan(User) == []
    assert store.scan(Event) != []
    desk.membership.delete(ada.user, ada.session)
    assert lasting(store) == []


# --- export -----------------------------------------------------------------------------------------------------------

# What the export leaves out, and why: keys and digests that say nothing to anybody, and what seals.
LEFT_OUT: dict[type[Any], set[str]] = {
    User: {"epoch", "oauths"},
    OAuth: set(),
    Token: {"oauth_id", "sealed", "version"},
    Session: {"id", "user_id", "epoch", "flow", "fresh_until"},
    Email: {"id", "user_id", "oauth_id"},
    Event: {"id", "user_id", "session_id", "oauth_id"},
}


def export(desk: Desk, signed_in: SignedIn) -> str:
    held = desk.membership.export(signed_in.user, signed_in.session)
    return json.dumps(held, default=datetime.isoformat, ensure_ascii=False)


def texts(value: object) -> set[str]:
    """Every single value in a document."""
    match value:
        case dict():
            return set().union(*map(texts, value.values())) if value else set()
        case list() | tuple():
            return set().union(*map(texts, value)) if value else set()
        case datetime():
            return {value.isoformat()}
        case _:
            return {str(value)}


def test_an_export_holds_all_that_is_held(desk: Desk, ada: SignedIn, store: Store) -> None:
    both = desk.links(ada, replace(GOOGLE, expires=desk.clock() + timedelta(hours=1)))
    desk.clock.passes(minutes=20)
    desk.now_of(both)
    desk.signs_in(GITHUB)
    exported = texts(json.loads(export(desk, both)))
    for record in everything(store):
        for field in fields(record):
            if field.name not in LEFT_OUT[type(record)]:
                assert texts(getattr(record, field.name)) <= exported, (record, field.name)


def test_an_export_holds_nothing_of_anybody_else(desk: Desk, ada: SignedIn) -> None:
    bob = desk.signs_in(BOBS)
    exported = export(desk, ada)
    assert "bob" not in exported
    assert bob.user.id not in exported


def test_an_export_says_of_tokens_only_that_there_are_some(desk: Desk, ada: SignedIn, store: Store) -> None:
    until = desk.clock() + timedelta(hours=1)
    both = desk.links(desk.links(ada, replace(GOOGLE, expires=until)), replace(FACEBOOK, token=None))
    exported = export(desk, both)
    assert CANARY not in exported
    for token in store.scan(Token):
        assert token.sealed is None or repr(token.sealed)[2:-1] not in exported
    assert [each["token"] for each in json.loads(exported)["identities"]] == [
        "stored, sealed, without an end that the provider names",
        f"stored, sealed, until {until.isoformat()}",
        "not stored",
    ]


def test_an_export_of_a_long_life_is_complete(desk: Desk, ada: SignedIn) -> None:
    with_a_long_life(desk, ada, events=450)
    held = desk.membership.export(ada.user, ada.session)
    assert len(held["history"]) == 451
    assert len(held["sessions"]) == 451
    assert [each["this one"] for each in held["sessions"]].count(True) == 1
    whens = [each["when"] for each in held["history"]]
    assert whens == sorted(whens, reverse=True)
