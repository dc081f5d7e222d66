"""What `Accounts` does: who signs in, who is made, who is asked, who counts as signed in, and for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from portal.accounts import Browser, Intent, SignedIn, Waiting
from portal.errors import CommitUnknown, Contended
from portal.linking import Policy, Purpose, Reason, Refuse, Standing, State
from portal.models import Email, Event, OAuth, Pending, Session, Token, User
from portal.pending import LIFETIME, pending_id
from portal.records import email_id
from portal.storage import Delete, Mutation, Store, Update
from providers.base import EmailTrust
from tests.portal.desk import Clock, Desk, Interrupted, Wrapped, browser_of, everything, lasting, make_arrival

GITHUB = make_arrival("github", "ada", email="ada@example.com")
GOOGLE = make_arrival("google", "ada", email="ada@example.com")
FACEBOOK = make_arrival("facebook", "ada")
GMAIL = make_arrival("google", "ada", email="ada@gmail.com", trust=EmailTrust.AUTHORITATIVE)


def users(store: Store) -> int:
    return len(store.scan(User))


# --- who is signed in -------------------------------------------------------------------------------------------------


def test_who_signed_in_is_signed_in_on_the_next_request(desk: Desk) -> None:
    signed_in = desk.signs_in(GITHUB)
    assert signed_in.new
    assert desk.now_of(signed_in) == replace(signed_in, new=False)


def test_a_session_ends_when_it_was_not_used_for_a_fortnight(desk: Desk, clock: Clock) -> None:
    """T59."""
    signed_in = desk.signs_in(GITHUB)
    clock.passes(days=13, hours=23)
    assert desk.now_of(signed_in), "and being seen starts the fortnight anew"
    clock.passes(days=13, hours=23)
    assert desk.now_of(signed_in)
    clock.passes(days=14)
    assert desk.now_of(signed_in) is None


def test_a_session_ends_after_ninety_days_however_busy(desk: Desk, clock: Clock) -> None:
    signed_in = desk.signs_in(GITHUB)
    for _ in range(89):
        clock.passes(days=1)
        assert desk.now_of(signed_in)
    clock.passes(days=1)
    assert desk.now_of(signed_in) is None


def test_being_seen_is_written_every_quarter_of_an_hour_at_most(
    desk: Desk, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in = desk.signs_in(GITHUB)
    commits = 0
    commit = store.commit

    def counted(*mutations: Mutation) -> None:
        nonlocal commits
        commits += 1
        commit(*mutations)

    monkeypatch.setattr(store, "commit", counted)
    for _ in range(14):
        clock.passes(minutes=1)
        desk.now_of(signed_in)
    assert commits == 0
    clock.passes(minutes=1)
    desk.now_of(signed_in)
    desk.now_of(signed_in)
    assert commits == 1


def test_a_sign_in_is_fresh_for_ten_minutes(desk: Desk, clock: Clock) -> None:
    signed_in = desk.signs_in(GITHUB)
    clock.passes(minutes=9, seconds=59)
    assert desk.accounts.is_fresh(signed_in)
    clock.passes(seconds=1)
    assert not desk.accounts.is_fresh(signed_in)


def test_a_suspended_user_is_signed_out_at_the_next_request(desk: Desk) -> None:
    """T57."""
    signed_in = desk.signs_in(GITHUB)
    desk.suspends(signed_in.user.id)
    assert desk.now_of(signed_in) is None
    assert desk.arrives(GITHUB) == Refuse(Reason.SUSPENDED)


def test_a_rise_of_the_epoch_ends_every_session_made_before(desk: Desk) -> None:
    signed_in = desk.signs_in(GITHUB)
    desk.ends_every_session(signed_in.user.id)
    assert desk.now_of(signed_in) is None
    assert desk.now_of(desk.signs_in(GITHUB))


def test_one_user_s_secret_opens_no_session_of_another(desk: Desk) -> None:
    ada, grace = desk.signs_in(GITHUB), desk.signs_in(make_arrival("github", "grace"))
    assert desk.accounts.get_signed_in(Browser(ada.user.id, grace.session.id)) is None
    assert desk.accounts.get_signed_in(Browser(grace.user.id, ada.session.id)) is None


def test_signing_in_again_ends_this_browser_s_old_session_and_no_other(desk: Desk, store: Store) -> None:
    here, elsewhere = desk.signs_in(GITHUB), desk.signs_in(GITHUB)
    again = desk.signs_in(GITHUB, browser_of(here))
    assert {session.id for session in store.scan(Session)} == {elsewhere.session.id, again.session.id}
    assert desk.now_of(elsewhere)


def test_the_history_reads_newest_first_in_key_order(desk: Desk, store: Store, clock: Clock) -> None:
    signed_in = desk.signs_in(GITHUB)
    desk.signs_in(GITHUB)
    clock.passes(microseconds=1)
    desk.accounts.sign_out(signed_in)
    assert [event.what for event in store.scan(Event)] == ["signed-out", "signed-in", "signed-up"]


def test_an_identity_whose_user_is_missing_is_an_error_and_makes_nobody(desk: Desk, store: Store) -> None:
    user_key = desk.signs_in(GITHUB).user.key

    class Gap(Wrapped):
        def look_up(self, *keys: Any) -> tuple[Any, ...]:
            found = self._store.look_up(*keys)  # type: ignore[call-overload]
            return tuple(None if key == user_key else each for key, each in zip(keys, found, strict=True))

    with pytest.raises(Contended, match="overtaken"):
        desk.over(Gap(store)).arrives(GITHUB)
    assert users(store) == 1


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
def test_a_sign_up_whose_answer_was_lost_makes_one_user(desk: Desk, store: Store, applied: bool) -> None:
    """T94: the commit may have been applied or not; it is settled by reading the session it would have made."""

    class LosesOne(Wrapped):
        lost = False

        def commit(self, *mutations: Mutation) -> None:
            if self.lost or applied:
                self._store.commit(*mutations)
            if not self.lost:
                self.lost = True
                raise CommitUnknown

    signed_in = desk.over(LosesOne(store)).signs_in(GITHUB)
    assert desk.now_of(signed_in)
    assert (users(store), len(store.scan(Session))) == (1, 1)


# --- in doubt, ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrival", "intent"),
    [(GOOGLE, {}), (FACEBOOK, {"vouches": False}), (make_arrival("github", "new"), {"used_another": True})],
    ids=["an address that is known", "a provider that never vouches", "a browser that used another"],
)
def test_in_doubt_nobody_is_made_before_a_press(desk: Desk, store: Store, arrival: Any, intent: Any) -> None:
    desk.signs_in(GITHUB)
    before = everything(store)
    waiting = desk.arrives(arrival, **intent)
    assert isinstance(waiting, Waiting)
    assert waiting.purpose == "sign-up"
    assert [each for each in everything(store) if each not in before] == store.scan(Pending)
    created = desk.accounts.create(waiting.secret, desk.seat(), Intent(), None)
    assert isinstance(created, SignedIn)
    assert created.new
    assert users(store) == 2
    assert store.scan(Pending) == []


def test_the_press_works_once(desk: Desk, store: Store) -> None:
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    assert isinstance(desk.accounts.create(waiting.secret, desk.seat(), Intent(), None), SignedIn)
    assert desk.accounts.create(waiting.secret, desk.seat(), Intent(), None) == Refuse(Reason.NOT_FOUND)
    assert users(store) == 1


def test_two_presses_at_once_make_one_user(desk: Desk, store: Store) -> None:
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    other = Interrupted(
        store, lambda: desk.accounts.create(waiting.secret, desk.seat(), Intent(), None), before="commit"
    )
    assert isinstance(desk.over(other).accounts.create(waiting.secret, desk.seat(), Intent(), None), SignedIn)
    assert users(store) == 1


def test_the_press_comes_to_nothing_after_ten_minutes_elsewhere_or_with_the_provider_off(
    desk: Desk, store: Store, clock: Clock
) -> None:
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    create = desk.accounts.create
    assert create("another browser's", desk.seat(), Intent(), None) == Refuse(Reason.NOT_FOUND)
    assert create("", desk.seat(), Intent(), None) == Refuse(Reason.NOT_FOUND)
    off = Intent(standing=Standing(State.OFF))
    assert create(waiting.secret, desk.seat(), off, None) == Refuse(Reason.PROVIDER_OFF)
    clock.time += LIFETIME
    assert create(waiting.secret, desk.seat(), Intent(), None) == Refuse(Reason.NOT_FOUND)
    assert users(store) == 0


def test_who_is_signed_in_by_now_is_not_made_a_second_time(desk: Desk, store: Store) -> None:
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    browser = browser_of(desk.signs_in(GITHUB))
    refused = desk.accounts.create(waiting.secret, desk.seat(), Intent(), browser)
    assert refused == Refuse(Reason.SIGNED_IN_AS_ANOTHER)
    assert users(store) == 1


def test_who_came_to_prove_an_old_way_in_and_has_none_is_asked_again(desk: Desk, store: Store) -> None:
    """They said that they have been here before: what they pressed must not make an account."""
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    assert isinstance(desk.arrives(GITHUB, pending_id=pending_id(waiting.secret)), Waiting)
    assert users(store) == 0


def test_separate_asks_nobody(desk: Desk, store: Store) -> None:
    desk.signs_in(GITHUB)
    separate = desk.arrives(GOOGLE, vouches=False, used_another=True, policy=Policy.SEPARATE)
    assert isinstance(separate, SignedIn)
    assert users(store) == 2


# --- by address, where the admin wants it -----------------------------------------------------------------------------

KNOWN = make_arrival("github", "ada", email="ada@gmail.com")


def test_an_address_that_is_sure_links_where_the_admin_wants_it(desk: Desk, store: Store) -> None:
    ada = desk.signs_in(KNOWN)
    linked = desk.arrives(GMAIL, policy=Policy.LINK)
    assert isinstance(linked, SignedIn)
    assert linked.user.oauths == (KNOWN.oauth_id, GMAIL.oauth_id)
    assert desk.now_of(linked)
    assert desk.now_of(ada) is None, "an attacker's session of before ends (T35)"
    assert users(store) == 1


@pytest.mark.parametrize("policy", [Policy.ASK, Policy.SEPARATE])
def test_without_the_admin_even_a_sure_address_links_nothing(desk: Desk, policy: Policy) -> None:
    ada = desk.signs_in(KNOWN)
    desk.arrives(GMAIL, policy=policy)
    assert desk.user(ada.user.id).oauths == (KNOWN.oauth_id,)


def test_an_address_that_is_only_verified_does_not_link(desk: Desk) -> None:
    ada = desk.signs_in(KNOWN)
    verified = make_arrival("google", "ada", email="ada@gmail.com", trust=EmailTrust.VERIFIED)
    assert isinstance(desk.arrives(verified, policy=Policy.LINK), Waiting)
    assert desk.user(ada.user.id).oauths == (KNOWN.oauth_id,)


def test_an_address_that_nobody_proved_does_not_link(desk: Desk) -> None:
    unproved = make_arrival("github", "ada", email="ada@gmail.com", trust=EmailTrust.NONE)
    mallory = desk.signs_in(unproved)
    assert isinstance(desk.arrives(GMAIL, policy=Policy.LINK), Waiting), "it is a reason to ask, and no more"
    assert desk.store.look_up(mallory.user.key)[0] == mallory.user


def test_a_suspended_user_s_address_links_nothing(desk: Desk) -> None:
    ada = desk.signs_in(KNOWN)
    desk.suspends(ada.user.id)
    assert isinstance(desk.arrives(GMAIL, policy=Policy.LINK), Waiting)


def test_a_link_by_address_does_not_use_up_what_waits_for_this_sign_in(desk: Desk) -> None:
    desk.signs_in(KNOWN)
    waiting = desk.arrives(FACEBOOK, vouches=False)
    assert isinstance(waiting, Waiting)
    linked = desk.arrives(GMAIL, policy=Policy.LINK, pending_id=pending_id(waiting.secret))
    assert isinstance(linked, SignedIn)
    assert desk.accounts.get_waiting(waiting.secret, "sign-up") == FACEBOOK


def test_an_address_given_up_between_the_look_and_the_link_does_not_link(desk: Desk, store: Store) -> None:
    ada = desk.links(desk.signs_in(KNOWN), FACEBOOK)
    stage = Interrupted(store, lambda: desk.unlinks(ada, KNOWN.oauth_id), before="transact")
    result = desk.over(stage).arrives(GMAIL, policy=Policy.LINK)
    assert isinstance(result, SignedIn)
    assert result.new
    assert desk.user(ada.user.id).oauths == (FACEBOOK.oauth_id,)


def test_a_hint_that_is_left_over_links_nothing(desk: Desk, store: Store) -> None:
    """An Email whose identity is not its user's any more proves nothing of that user."""
    ada, bob = desk.signs_in(KNOWN), desk.signs_in(make_arrival("github", "bob"))
    (email,) = store.scan(Email)
    store.commit(Update(replace(email, oauth_id=bob.session.oauth_id)))
    result = desk.arrives(GMAIL, policy=Policy.LINK)
    assert isinstance(result, SignedIn)
    assert result.new
    assert desk.user(ada.user.id).oauths == (KNOWN.oauth_id,)


def test_of_two_arrivals_at_once_one_links_by_address_and_the_other_signs_in(desk: Desk, store: Store) -> None:
    ada = desk.signs_in(KNOWN)
    stage = Interrupted(store, lambda: desk.arrives(GMAIL, policy=Policy.LINK), before="transact")
    result = desk.over(stage).arrives(GMAIL, policy=Policy.LINK)
    assert isinstance(result, SignedIn)
    assert result.user.id == ada.user.id
    assert users(store) == 1


# --- the hint follows the address -------------------------------------------------------------------------------------


def emails(store: Store) -> dict[str, str]:
    return {email.id: email.oauth_id for email in store.scan(Email)}


def test_a_changed_address_is_known_by_its_new_name_only(desk: Desk, store: Store) -> None:
    desk.signs_in(GITHUB)
    desk.signs_in(make_arrival("github", "ada", email="countess@example.com"))
    assert emails(store) == {email_id("countess@example.com", verified=True): GITHUB.oauth_id}


def test_an_address_that_is_verified_no_more_is_only_a_reason_to_ask(desk: Desk, store: Store) -> None:
    desk.signs_in(GITHUB)
    desk.signs_in(make_arrival("github", "ada", email="ada@example.com", trust=EmailTrust.NONE))
    assert emails(store) == {email_id("ada@example.com", verified=False): GITHUB.oauth_id}


def test_somebody_else_s_address_is_left_with_them(desk: Desk, store: Store) -> None:
    desk.signs_in(GITHUB)
    desk.signs_in(make_arrival("github", "bob", email="bob@example.com"))
    desk.signs_in(make_arrival("github", "bob", email="ada@example.com"))
    desk.signs_in(make_arrival("github", "bob", email="robert@example.com"))
    assert emails(store) == {
        email_id("ada@example.com", verified=True): GITHUB.oauth_id,
        email_id("robert@example.com", verified=True): make_arrival("github", "bob").oauth_id,
    }


def test_an_address_that_became_free_is_the_next_one_s_who_proves_it(desk: Desk, store: Store) -> None:
    desk.signs_in(GITHUB)
    desk.arrives(GOOGLE, policy=Policy.SEPARATE)
    assert emails(store) == {email_id("ada@example.com", verified=True): GITHUB.oauth_id}
    desk.signs_in(make_arrival("github", "ada"))
    desk.signs_in(GOOGLE)
    assert emails(store) == {email_id("ada@example.com", verified=True): GOOGLE.oauth_id}


# --- proving that it is still the same person -------------------------------------------------------------------------


def prove(desk: Desk, signed_in: SignedIn, arrival: Any) -> Any:
    user = signed_in.user
    return desk.arrives(arrival, browser_of(signed_in), purpose=Purpose.PROVE, user_id=user.id, epoch=user.epoch)


def test_any_identity_of_one_s_own_makes_a_fresh_session_in_place_of_the_old(desk: Desk, clock: Clock) -> None:
    signed_in = desk.links(desk.signs_in(GITHUB), FACEBOOK)
    clock.passes(hours=1)
    proved = prove(desk, signed_in, FACEBOOK)
    assert isinstance(proved, SignedIn)
    assert not proved.new
    assert desk.accounts.is_fresh(proved)
    assert desk.now_of(proved)
    assert desk.now_of(signed_in) is None


@pytest.mark.parametrize("known", [True, False], ids=["of another account", "of nobody"])
def test_another_identity_proves_nothing_and_makes_nobody(desk: Desk, store: Store, known: bool) -> None:
    signed_in = desk.signs_in(GITHUB)
    stranger = make_arrival("google", "bob")
    if known:
        desk.signs_in(stranger)
    before = lasting(store)
    assert prove(desk, signed_in, stranger) == Refuse(Reason.NOT_YOURS)
    assert lasting(store) == before
    assert desk.now_of(signed_in)


def test_nothing_is_proved_for_who_left_or_changed_meanwhile(desk: Desk) -> None:
    signed_in = desk.signs_in(GITHUB)
    desk.ends_every_session(signed_in.user.id)
    assert prove(desk, signed_in, GITHUB) == Refuse(Reason.NOT_THE_SAME)
    again = desk.signs_in(GITHUB)
    assert prove(desk, SignedIn(signed_in.user, again.session), GITHUB) == Refuse(Reason.NOT_THE_SAME)
    desk.accounts.sign_out(again)
    assert prove(desk, again, GITHUB) == Refuse(Reason.NOT_THE_SAME)


# --- a sign-in beside an unlink ---------------------------------------------------------------------------------------


def test_a_sign_in_just_before_the_unlink_is_dead_at_its_next_request(desk: Desk) -> None:
    ada = desk.links(desk.signs_in(GITHUB), FACEBOOK)
    other = desk.signs_in(FACEBOOK)
    desk.unlinks(ada, FACEBOOK.oauth_id)
    assert desk.now_of(other) is None
    assert desk.now_of(ada)


def test_a_sign_in_that_an_unlink_overtakes_does_not_land_in_the_old_account(desk: Desk, store: Store) -> None:
    ada = desk.links(desk.signs_in(GITHUB), FACEBOOK)
    stage = Interrupted(store, lambda: desk.unlinks(ada, FACEBOOK.oauth_id), before="commit")
    result = desk.over(stage).arrives(FACEBOOK, vouches=False)
    assert isinstance(result, Waiting), "it is a first sign-in by now, and raises the question"
    assert desk.get(Token.key_of(FACEBOOK.oauth_id)) is None
    assert {session.oauth_id for session in store.scan(Session)} == {GITHUB.oauth_id}


def test_a_session_is_dead_whose_identity_is_not_its_user_s_whatever_the_epoch(desk: Desk, store: Store) -> None:
    """The order that no retry catches: all was read before the unlink, and the session alone is written after it."""
    ada = desk.links(desk.signs_in(GITHUB), FACEBOOK)
    desk.unlinks(ada, FACEBOOK.oauth_id)
    late = replace(ada.session, oauth_id=FACEBOOK.oauth_id)
    store.commit(Update(late))
    assert desk.now_of(ada) is None


def test_an_identity_removed_in_the_middle_leaves_its_list_without_a_gap(desk: Desk, store: Store) -> None:
    ada = desk.links(desk.signs_in(GITHUB), FACEBOOK)
    store.commit(Delete(Token.key_of(FACEBOOK.oauth_id)))
    assert [each.oauth.id for each in desk.accounts.list_identities(ada.user)] == [GITHUB.oauth_id]
    assert desk.get(OAuth.key_of(FACEBOOK.oauth_id))
