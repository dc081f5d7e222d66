"""The outbox: written with what it is about, sealed for itself, tried by one at a time, and given up at last (T81)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from portal import outbox
from portal.accounts import SignedIn
from portal.backchannel import BackChannel
from portal.crypto import TokenCipher
from portal.errors import CommitUnknown, Reconnect, SealError, StoreError
from portal.linking import Refuse
from portal.models import OAuth, Revocation, Token, User
from portal.outbox import Retried, retry_due
from portal.refresh import Refresher
from portal.revocation import GIVE_UP, LONGEST, SHORTEST, STEP, next_due, open_revocation
from portal.revoker import Parting, Revoker
from portal.seals import read, why_shut
from portal.storage import Delete, Store, Update
from providers.base import Fault, Identity, Provider, ProviderError, Withdrawn
from providers.sandbox import RunningSandbox
from tests.portal.desk import CANARY, CIPHER, ISSUERS, Clock, Desk, Wrapped, make_arrival
from tests.portal.house import Hooked, House
from tests.storage.stages import all_at_once

GITHUB, GOOGLE, FACEBOOK = make_arrival("github"), make_arrival("google"), make_arrival("facebook")


@dataclass(frozen=True, kw_only=True)
class Told(Provider):
    """A provider that writes down what it was told, and answers as a test wants."""

    title: str = "Told"
    authorization_url: str = ""
    token_url: str = ""
    api_url: str = ""
    scopes: tuple[str, ...] = ()
    of: str = ""
    answers: list[Any] = field(default_factory=list, hash=False)
    asked: list[str] = field(default_factory=list, hash=False)

    @property
    def issuer(self) -> str:
        return self.of

    def identify(self, *args: object, **how: object) -> Identity:
        raise NotImplementedError

    def revoke(self, http: requests.Session, token: Mapping[str, Any]) -> Withdrawn:
        self.asked.append(token["access_token"])
        answer = self.answers.pop(0) if self.answers else Withdrawn.REMOVED
        if isinstance(answer, Exception):
            raise answer
        return answer


DOWN = ProviderError(Fault.UNREACHABLE, "revocation")


@pytest.fixture
def told() -> dict[str, Told]:
    return {name: Told(name=name, of=issuer) for name, issuer in ISSUERS.items()}


@pytest.fixture
def revoker(store: Store, clock: Clock, told: dict[str, Told]) -> Revoker:
    return Revoker(store, CIPHER, told, BackChannel(), clock)


@pytest.fixture
def ada(desk: Desk) -> SignedIn:
    """With three ways in."""
    return desk.links(desk.links(desk.signs_in(GITHUB), GOOGLE), FACEBOOK)


def leaves(desk: Desk, ada: SignedIn, oauth_id: str = GITHUB.oauth_id) -> Revocation:
    """One of them is removed, and the first try has failed."""
    unlinked = desk.unlinks(ada, oauth_id)
    assert not isinstance(unlinked, Refuse)
    assert unlinked.farewell.revocation is not None
    return unlinked.farewell.revocation


def test_a_removal_and_its_entry_are_one_commit(desk: Desk, ada: SignedIn, store: Store) -> None:
    class Fails(Wrapped):
        def transact(self, work: Any) -> Any:
            raise StoreError("away")

    with pytest.raises(StoreError):
        desk.over(Fails(store)).unlinks(ada, GITHUB.oauth_id)
    assert (store.scan(Revocation), len(store.scan(OAuth))) == ([], 3)
    row = leaves(desk, ada)
    assert (store.scan(Revocation), len(store.scan(OAuth))) == ([row], 2)


def test_a_deletion_leaves_one_for_each_identity_that_say_nothing_of_the_person(
    desk: Desk, ada: SignedIn, store: Store
) -> None:
    deleted = desk.membership.delete(desk.user(ada.user.id), ada.session)
    assert deleted is not None
    rows = store.scan(Revocation)
    assert sorted(rows, key=repr) == sorted((each.revocation for each in deleted.farewells), key=repr)
    assert {open_revocation(row, CIPHER).entry for row in rows} == {"github", "google", "facebook"}
    shown = repr(rows)
    assert CANARY not in shown
    assert not any(arrival.oauth_id in shown for arrival in (GITHUB, GOOGLE, FACEBOOK))
    assert not any(text in shown for text in (ada.user.id, "github", "ada"))


def test_an_entry_opens_in_its_own_row_alone_and_under_its_own_name(desk: Desk, ada: SignedIn, store: Store) -> None:
    (token,) = (row for row in store.scan(Token) if row.oauth_id == GITHUB.oauth_id)
    one = leaves(desk, ada)
    other = leaves(
        desk, replace(ada, session=store.list_of(type(ada.session), ada.user.id, limit=9)[-1]), GOOGLE.oauth_id
    )
    for moved in (replace(one, sealed=other.sealed), replace(one, sealed=token.sealed), replace(one, id="another")):
        with pytest.raises(SealError):
            open_revocation(moved, CIPHER)
    assert open_revocation(one, CIPHER).kept["access_token"] == CANARY
    assert "id_token" not in open_revocation(one, CIPHER).kept
    ((record, sealed, owner),) = read(store, [one.key])
    assert (record, why_shut(CIPHER, sealed, owner)) == (one, None), "the rotation knows it"


def test_who_has_no_token_leaves_nothing(desk: Desk, ada: SignedIn, store: Store) -> None:
    (token,) = store.look_up(Token.key_of(GITHUB.oauth_id))
    assert token is not None
    for change, why in (({"sealed": None}, "not-kept"), ({"ended": "refused"}, "over"), ({"version": 9}, "sealed")):
        store.commit(Update(replace(token, **change)))  # type: ignore[arg-type]
        stage = desk.membership.unlink(desk.user(ada.user.id), None, GITHUB.oauth_id, usable=bool, end_others=False)
        assert not isinstance(stage, Refuse)
        assert (stage.farewell.revocation, stage.farewell.why) == (None, why)
        ada = desk.links(desk.signs_in(GOOGLE), GITHUB)
    assert store.scan(Revocation) == []


def test_the_first_try_removes_the_entry_and_each_outcome_is_told(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told]
) -> None:
    told["google"].answers.append(Withdrawn.NO_WAY)
    told["facebook"].answers.append(DOWN)
    deleted = desk.membership.delete(desk.user(ada.user.id), ada.session)
    assert deleted is not None
    assert revoker.part(deleted.farewells) == [
        Parting("github", "removed"),
        Parting("google", "no-way"),
        Parting("facebook", "later"),
    ]
    (left,) = store.scan(Revocation)
    assert open_revocation(left, CIPHER).entry == "facebook"
    assert told["facebook"].asked == [CANARY]


def test_a_tick_tries_what_is_due_and_nothing_before(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    leaves(desk, ada)
    clock.passes(seconds=SHORTEST.total_seconds() - 1)
    assert retry_due(revoker) == Retried(seen=1)
    assert told["github"].asked == []
    clock.passes(seconds=STEP.total_seconds() + 1)
    assert retry_due(revoker) == Retried(seen=1, done=1)
    assert store.scan(Revocation) == []


@pytest.mark.full
def test_each_try_waits_longer_with_jitter_and_the_last_says_so(
    desk: Desk,
    ada: SignedIn,
    store: Store,
    revoker: Revoker,
    told: dict[str, Told],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = leaves(desk, ada)
    told["github"].answers.extend([DOWN] * 1000)
    tries = 0
    while store.scan(Revocation):
        (row,) = store.scan(Revocation)
        clock.time = row.due
        done = retry_due(revoker)
        assert done in (Retried(seen=1, failed=1), Retried(seen=1, given_up=1))
        tries += done.failed
    assert len(told["github"].asked) == tries
    assert 14 <= tries <= 60, "a few in the first hour, then twice a day or so"
    assert GIVE_UP <= clock() - row.made < GIVE_UP + LONGEST + SHORTEST
    assert "is given up after" in caplog.text
    assert [record.levelno for record in caplog.records if "given up" in record.message] == [logging.ERROR]


@pytest.mark.full
def test_the_waits_are_spread_over_all_of_their_length(clock: Clock) -> None:
    for tries, most in ((1, STEP), (2, 2 * STEP), (4, 8 * STEP), (30, LONGEST), (10_000, LONGEST)):
        waits = [next_due(tries, clock()) - clock() - SHORTEST for _ in range(200)]
        assert timedelta() <= min(waits) < most * 0.1
        assert most * 0.9 < max(waits) < most


def test_a_provider_that_is_down_is_asked_once_a_tick_and_others_have_their_turn(
    desk: Desk, store: Store, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    for number in range(6):
        who = desk.links(desk.signs_in(make_arrival("github", f"{number}")), make_arrival("google", f"{number}"))
        desk.membership.delete(who.user)
    told["github"].answers.extend([DOWN] * 6)
    clock.passes(hours=1)
    assert retry_due(revoker) == Retried(seen=12, done=6, failed=1)
    assert (len(told["github"].asked), len(told["google"].asked)) == (1, 6)


@pytest.mark.parametrize("naive", [False, True], ids=["ours", "the negative control"])
def test_two_ticks_at_once_ask_once(
    desk: Desk,
    ada: SignedIn,
    revoker: Revoker,
    told: dict[str, Told],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    naive: bool,
) -> None:
    """Staged: the second tick runs to its end after the first has read its row."""
    if naive:
        monkeypatch.setattr(outbox, "take", lambda _, seen: seen)
    leaves(desk, ada)
    told["github"].answers.extend([DOWN] * 2)
    clock.passes(hours=1)
    take, others = outbox.take, []

    def and_another_tick(there: Revoker, seen: Revocation) -> Revocation | None:
        if not others:
            others.append(None)
            others[0] = retry_due(there)  # type: ignore[call-overload]
        return take(there, seen)

    monkeypatch.setattr(outbox, "take", and_another_tick)
    retry_due(revoker)
    assert len(told["github"].asked) == (2 if naive else 1)


@pytest.mark.full
def test_many_ticks_at_once_ask_once(
    desk: Desk, ada: SignedIn, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    leaves(desk, ada)
    told["github"].answers.extend([DOWN] * 9)
    clock.passes(hours=1)
    all_at_once(lambda _: retry_due(revoker), threads=6)
    assert len(told["github"].asked) == 1


def test_an_answer_of_the_store_that_is_lost_asks_twice_at_most(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    """Withdrawn, and the entry still there: the provider says at the next try that it is over."""
    row = leaves(desk, ada)

    class Loses(Wrapped):
        def commit(self, *mutations: Any) -> None:
            if any(isinstance(each, Delete) for each in mutations):
                raise CommitUnknown("lost")
            super().commit(*mutations)

    assert replace(revoker, store=Loses(store)).attempt(row, 1.0) == "later"
    told["github"].answers.append(Withdrawn.OVER)
    clock.passes(hours=1)
    assert retry_due(revoker) == Retried(seen=1, done=1)
    assert store.scan(Revocation) == []


def test_where_the_store_can_t_say_who_is_linked_nobody_is_asked(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told]
) -> None:
    """An error is not an absence: the identity may be linked again."""
    row = leaves(desk, ada)

    class Away(Wrapped):
        def list_at(self, keys: Any) -> Any:
            raise StoreError("away")

    assert replace(revoker, store=Away(store)).attempt(row, 1.0) == "later"
    assert told["github"].asked == []
    assert store.scan(Revocation) == [row]


def test_an_entry_that_doesn_t_open_waits_for_its_key(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    leaves(desk, ada)
    clock.passes(hours=1)
    assert retry_due(replace(revoker, cipher=TokenCipher([b"n" * 32]))) == Retried(seen=1, failed=1)
    clock.passes(hours=1)
    assert retry_due(revoker) == Retried(seen=1, done=1)


@pytest.mark.full
def test_a_renamed_provider_is_found_by_its_issuer(
    desk: Desk, ada: SignedIn, revoker: Revoker, told: dict[str, Told]
) -> None:
    row = leaves(desk, ada)
    renamed = replace(revoker, providers={"code": told["github"]})
    assert renamed.attempt(row, 1.0) == "removed"
    row = leaves(desk, desk.links(desk.signs_in(GOOGLE), GITHUB))
    another = Told(name="github", of="https://code.example.org")
    assert replace(revoker, providers={"github": another}).attempt(row, 1.0) == "later", "its token is not that one's"
    assert another.asked == []


@pytest.mark.parametrize("naive", [False, True], ids=["ours", "the negative control"])
def test_a_token_that_was_refreshed_beside_the_removal_ends_the_access(
    store: Store, sandbox: RunningSandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch, naive: bool
) -> None:
    """The token in the outbox died with the refresh; what came of that is the only one that GitHub still takes."""
    if naive:
        monkeypatch.setattr(Refresher, "_overtaken", lambda self, live: self.tokens.read(live.oauth.id, "ada"))
    sandbox.reset()
    house = House(store, sandbox, clock, provider="github")
    monkeypatch.setattr(house.refreshing, "expires", True)
    house.signs_in()
    hooked = Hooked(house.provider, after=lambda: house.accounts.membership.delete(house.user))
    clock.passes(hours=2)
    with pytest.raises(Reconnect, match="not-linked"):
        house.tokens_with(provider=hooked).session_for(house.user, "github")
    clock.passes(hours=1)
    retry_due(Revoker(store, CIPHER, {"github": house.provider}, house.tokens._backchannel, clock))
    assert store.scan(Revocation) == []
    assert house.standin.revoking.done == (0 if naive else 1)
    assert bool(house.standin.grants.tokens._things) is naive
    assert house.refreshing.reused == 0


def test_a_user_s_next_life_is_not_touched(
    desk: Desk, ada: SignedIn, store: Store, revoker: Revoker, told: dict[str, Told], clock: Clock
) -> None:
    """Deleted, and signed up anew with one of them before the tick came."""
    desk.membership.delete(desk.user(ada.user.id), ada.session)
    again = desk.signs_in(GITHUB)
    clock.passes(hours=1)
    assert retry_due(revoker) == Retried(seen=3, done=3)
    assert told["github"].asked == []
    assert told["google"].asked == told["facebook"].asked == [CANARY]
    assert store.look_up(User.key_of(again.user.id)) == (again.user,)
    assert store.scan(Revocation) == []
