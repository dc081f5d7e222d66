"""All that is sealed comes under the newest key, beside people who sign in, and nobody fails to open theirs (T75)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from portal import rotation, seals
from portal.accounts import Accounts, SignedIn, Waiting
from portal.canary import CANARY, make_canary
from portal.census import Census, count, share_at
from portal.crypto import TokenCipher, key_id
from portal.errors import CommitUnknown, Contended, SealError, StoreError
from portal.kept import token_owner
from portal.lifetimes import Lifetimes
from portal.models import Key, OAuth, Pending, Token
from portal.pending import make_pending
from portal.records import Records
from portal.rotation import Rotated, claim, rotate
from portal.storage import Delete, Insert, Mutation, Store, Transaction, Update
from tests.portal.desk import Clock, Desk, Naive, Paused, Wrapped, make_arrival
from tests.storage.stages import all_at_once, one_in_the_middle_of_the_other

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
BEFORE, DURING, AFTER = TokenCipher([OLD]), TokenCipher([NEW, OLD]), TokenCipher([NEW])
NEWEST = AFTER.key_ids[0]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a handful of rows is several pages of several transactions."""
    monkeypatch.setattr(seals, "PAGE", 5)
    monkeypatch.setattr(rotation, "BATCH", 2)


def at_desk(desk: Desk, cipher: TokenCipher, store: Store | None = None) -> Desk:
    """The same desk, where these keys are in force."""
    under = desk.over(store or desk.store)
    under.accounts = Accounts(under.store, cipher, now=desk.clock)
    under.membership = under.accounts.membership
    return under


@pytest.fixture
def household(desk: Desk) -> Callable[[int], list[SignedIn]]:
    """So many people sign in, each for the first time, under the old key."""
    old = at_desk(desk, BEFORE)
    return lambda many: [old.signs_in(make_arrival(subject=f"person-{number}")) for number in range(many)]


def rotate_all(store: Store, cipher: TokenCipher = DURING) -> Rotated:
    *_, last = rotate(store, cipher, sleep=lambda _: None)
    return last


def census_of(store: Store, cipher: TokenCipher) -> Census:
    *_, last = count(store, cipher)
    return last


def open_all(store: Store, cipher: TokenCipher) -> list[bytes]:
    """What is in every token, as whoever uses it opens it. Raises SealError."""
    tokens = store.scan(Token, limit=1000)
    users = {oauth.id: oauth.user_id for oauth in store.list_at([OAuth.key_of(each.oauth_id) for each in tokens])}
    return [
        cipher.unseal(token.sealed, *token_owner(token.oauth_id, users[token.oauth_id], token.version))
        for token in tokens
        if token.sealed
    ]


# What it does.


def test_everything_comes_under_the_newest_key_and_nothing_else_changes(
    store: Store, desk: Desk, household: Callable[[int], list[SignedIn]]
) -> None:
    household(12)
    waiting = make_pending("secret", "sign-up", make_arrival(subject="new"), cipher=BEFORE, now=desk.clock())
    store.commit(Insert(waiting), Insert(make_canary(BEFORE)))
    tokens, opened = store.scan(Token), open_all(store, BEFORE)

    assert rotate_all(store).resealed == 14
    assert open_all(store, AFTER) == opened
    assert [replace(token, sealed=None) for token in store.scan(Token)] == [
        replace(token, sealed=None) for token in tokens
    ], "not even the version: who refreshes meanwhile must not take it for somebody's newer token"
    census = census_of(store, DURING)
    assert census.values == {(NEWEST, "Token"): 12, (NEWEST, "Pending"): 1, (NEWEST, "Canary"): 1}
    assert (census.shut, census.under(BEFORE.key_ids[0])) == ((), 0)
    assert rotate_all(store) == Rotated(share=1.0), "nothing is left to do"


def test_who_waits_with_a_new_identity_still_does_when_the_old_key_is_gone(store: Store, desk: Desk) -> None:
    there = at_desk(desk, BEFORE)
    waiting = there.arrives(make_arrival(subject="new"), used_another=True)
    assert isinstance(waiting, Waiting)
    rotate_all(store)
    assert at_desk(desk, BEFORE).accounts.get_waiting(waiting.secret, "sign-up") is None
    assert at_desk(desk, AFTER).accounts.get_waiting(waiting.secret, "sign-up")


def test_a_sign_in_brings_its_own_token_under_the_newest_key(
    store: Store, desk: Desk, household: Callable[[int], list[SignedIn]]
) -> None:
    household(2)
    there = at_desk(desk, DURING)
    there.signs_in(make_arrival(subject="person-1"))
    assert census_of(store, DURING).under(NEWEST) == 1
    assert rotate_all(store).resealed == 1


def test_tokens_that_are_not_kept_and_tables_that_are_empty_are_no_trouble(
    store: Store, desk: Desk, household: Callable[[int], list[SignedIn]]
) -> None:
    assert rotate_all(store) == Rotated(share=1.0)
    household(3)
    (first, *_) = store.scan(Token)
    store.commit(Update(replace(first, sealed=None)))
    assert rotate_all(store).resealed == 2
    assert census_of(store, DURING).values == {(NEWEST, "Token"): 2}


def test_it_goes_in_key_order_and_says_how_far_it_is(household: Callable[[int], list[SignedIn]], store: Store) -> None:
    household(12)
    for steps in (list(rotate(store, DURING, sleep=lambda _: None)), list(count(store, DURING))):
        shares = [step.share for step in steps]
        assert shares == sorted(shares)
        assert len(set(shares)) > 3
        assert shares[-1] == 1.0
    places = [share_at(Token.key_of(name)) for name in ("", "-", "0", "AAAA", "zzzz", "zzzzzzzzzz")]
    assert places == sorted(places)
    places.append(share_at(Token.key_of("é\U0001f511")))  # none of ours, but a walk must not end with it
    assert all(0 <= place <= 1 for place in places)


# Stopped, and begun again.


def test_stopped_anywhere_it_is_begun_again_and_does_the_rest(
    store: Store, household: Callable[[int], list[SignedIn]]
) -> None:
    class Killed(Exception):
        pass

    class Mortal(Wrapped):
        """Dies right before the transaction of this number, or right after it."""

        def __init__(self, store: Store, last: int, *, before: bool) -> None:
            super().__init__(store)
            self.left, self.before = last, before

        def transact(self, work: Callable[[Transaction], Any]) -> Any:
            self.left -= 1
            if self.left < 0 and self.before:
                raise Killed
            value = self._store.transact(work)
            if self.left < 0:
                raise Killed
            return value

    household(6)
    opened = open_all(store, BEFORE)
    done = 0
    for before in (True, False):
        with pytest.raises(Killed):
            rotate_all(Mortal(store, 1, before=before))  # type: ignore[arg-type]
        assert open_all(store, DURING) == opened, "half old and half new, and all of it opens"
        now = census_of(store, DURING).under(NEWEST)
        assert done < now < 6 or (now == 6 and not before)
        done = now
    rest = rotate_all(store)
    assert rest.resealed == 6 - done, "what was done stays done, and is not done twice"
    assert open_all(store, AFTER) == opened


def test_two_at_once_are_in_each_other_s_way_and_nothing_else(
    store: Store, beside: Store, household: Callable[[int], list[SignedIn]]
) -> None:
    household(12)
    opened = open_all(store, BEFORE)
    done = all_at_once(lambda number: rotate_all([store, beside][number]), threads=2)
    assert all(isinstance(each, Rotated) for each in done), done
    rotate_all(store)
    assert open_all(store, AFTER) == opened


# Beside people.


class Watching(Wrapped):
    """A store where somebody opens every token after each thing that is done, and before each write."""

    def __init__(self, store: Store, cipher: TokenCipher) -> None:
        super().__init__(store)
        self.cipher = cipher
        self.reads = self.failed = 0
        self.all = len(open_all(store, DURING))

    def look(self) -> None:
        self.reads += 1
        try:
            self.failed += len(open_all(self._store, self.cipher)) != self.all
        except SealError:
            self.failed += 1

    def commit(self, *mutations: Mutation) -> None:
        self._store.commit(*mutations)
        self.look()

    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        value = self._store.transact(work)
        self.look()
        return value


def rotate_carelessly(store: Store) -> None:
    """The negative control: out with the old row, in with the new."""
    tokens = store.scan(Token)
    for token, plain in zip(tokens, open_all(store, DURING), strict=True):
        (oauth,) = store.look_up(OAuth.key_of(token.oauth_id))
        assert oauth
        sealed = AFTER.seal(plain, *token_owner(token.oauth_id, oauth.user_id, token.version))
        store.commit(Delete(token.key))
        store.commit(Insert(replace(token, sealed=sealed)))


def test_whoever_reads_beside_it_never_fails(store: Store, household: Callable[[int], list[SignedIn]]) -> None:
    household(7)
    watching = Watching(store, DURING)
    rotate_all(watching)  # type: ignore[arg-type]
    assert watching.reads >= 4
    assert watching.failed == 0


def test_who_deletes_and_inserts_and_who_drops_the_old_key_first_would_be_caught(
    store: Store, household: Callable[[int], list[SignedIn]]
) -> None:
    household(7)
    hasty = Watching(store, AFTER)
    rotate_all(hasty)  # type: ignore[arg-type]
    assert hasty.failed > 0, "the old key was taken away too early"
    careless = Watching(store, DURING)
    rotate_carelessly(careless)  # type: ignore[arg-type]
    assert careless.failed > 0


@pytest.mark.parametrize(("make", "wins"), [(Paused, True), (Naive, False)], ids=["transaction", "naive"])
def test_a_sign_in_beside_it_wins(
    store: Store,
    beside: Store,
    desk: Desk,
    household: Callable[[int], list[SignedIn]],
    make: Callable[..., Store],
    wins: bool,
) -> None:
    """The rotation has read, the person signs in or is seen to wait, the rotation writes."""
    household(1)
    there = at_desk(desk, DURING, beside)
    _, signed_in = one_in_the_middle_of_the_other(
        lambda pause: rotate_all(make(store, pause)),
        lambda: there.signs_in(make_arrival(subject="person-0")),
        waits_after=0.3,
    )
    assert isinstance(signed_in, SignedIn)
    (token,) = store.scan(Token)
    assert (token.version == 2) is wins, "the newer token, or the control's: the older one over it"
    assert key_id(token.sealed or b"") == NEWEST
    assert open_all(store, AFTER)


def test_rows_that_others_write_are_tried_by_themselves_and_then_left(
    store: Store, household: Callable[[int], list[SignedIn]]
) -> None:
    household(4)
    busy = store.scan(Token)[1].key

    class Busy(Wrapped):
        def __init__(self, store: Store, error: Exception) -> None:
            super().__init__(store)
            self.error = error

        def transact(self, work: Callable[[Transaction], Any]) -> Any:
            def checked(transaction: Any) -> Any:
                return work(_Busy(transaction, self.error))

            return self._store.transact(checked)

    class _Busy(Wrapped):
        def __init__(self, transaction: Any, error: Exception) -> None:
            super().__init__(transaction)
            self.error = error

        def list_at(self, keys: Any) -> Any:
            keys = list(keys)
            if busy in keys:
                raise self.error
            return self._store.list_at(keys)

    for error in (Contended("busy"), CommitUnknown("lost")):
        rotated = rotate_all(Busy(store, error))  # type: ignore[arg-type]
        assert rotated.overtaken == 1
    assert census_of(store, DURING).under(NEWEST) == 3
    with pytest.raises(StoreError):
        rotate_all(Busy(store, StoreError("out of reach")))  # type: ignore[arg-type]
    assert rotate_all(store).resealed == 1


# What doesn't open.


def test_one_key_lost_is_told_row_by_row_and_the_rest_goes_on(
    store: Store, desk: Desk, household: Callable[[int], list[SignedIn]]
) -> None:
    household(5)
    there = at_desk(desk, TokenCipher([OTHER]))
    lost = there.signs_in(make_arrival(subject="lost")).session.oauth_id
    (moved, other, *_) = [token for token in store.scan(Token) if token.oauth_id != lost]
    store.commit(Update(replace(moved, sealed=other.sealed)))

    rotated = rotate_all(store)
    assert rotated.resealed == 4
    wanted = {(lost, "key"), (moved.oauth_id, "altered")}
    assert {(shut.id, shut.reason) for shut in rotated.shut} == wanted
    census = census_of(store, DURING)
    assert {(shut.id, shut.reason) for shut in census.shut} == wanted
    assert census.under(TokenCipher([OTHER]).key_ids[0]) == 1
    assert "gho_" not in repr((rotated, census))

    there = at_desk(desk, DURING)
    assert there.signs_in(make_arrival(subject="lost")).session.oauth_id == lost, "who signs in again is well again"
    assert len(census_of(store, DURING).shut) == 1


def test_an_identity_that_changes_hands_in_the_middle_is_no_false_alarm(
    store: Store, desk: Desk, household: Callable[[int], list[SignedIn]]
) -> None:
    """The tokens are read, then whose they are; in between one is unlinked, and is somebody else's now."""
    (ada,) = household(1)
    there = at_desk(desk, BEFORE)

    class Between(Wrapped):
        happened = False

        def list_at(self, keys: Any) -> Any:
            if not self.happened:
                self.happened = True
                there.unlinks(there.links(ada, make_arrival("google", "ada")), ada.session.oauth_id)
                assert there.signs_in(make_arrival(subject="person-0")).user.id != ada.user.id
            return self._store.list_at(keys)

    assert census_of(Between(store), BEFORE).shut == ()  # type: ignore[arg-type]


ROWS = 12


def sealed_rows(clock: Clock, seal_for: TokenCipher) -> tuple[list[Token], list[Pending], dict[str, str]]:
    """So many tokens, two identities a user, and so many that wait."""
    records = Records(seal_for, clock, Lifetimes())
    entries = ("github", "google")
    arrivals = [make_arrival(entry, f"person-{number}") for number in range(ROWS // 2) for entry in entries]
    users = {arrival.oauth_id: f"user-{number // 2}" for number, arrival in enumerate(arrivals)}
    tokens = [records.token(users[each.oauth_id], each, version=1 + number % 3) for number, each in enumerate(arrivals)]
    waiting = [make_pending(f"s{n}", "sign-up", each, cipher=seal_for, now=clock()) for n, each in enumerate(arrivals)]
    return tokens, waiting, users


def swapped_pairs(tokens: list[Token], waiting: list[Pending]) -> Iterator[tuple[Token | Pending, int | None]]:
    """Every row with every other's sealed value, and Tokens with the version moved along, too."""
    for to, source in itertools.permutations([*tokens, *waiting], 2):
        yield replace(to, sealed=source.sealed), None
        if isinstance(to, Token) and isinstance(source, Token):
            yield replace(to, sealed=source.sealed, version=source.version), source.version


def opens(cipher: TokenCipher, row: Token | Pending, users: dict[str, str]) -> bool:
    match row:
        case Token():
            owner = token_owner(row.oauth_id, users[row.oauth_id], row.version)
        case Pending():
            owner = (Pending.KIND, row.id)
    try:
        cipher.unseal(row.sealed or b"", *owner)
    except SealError:
        return False
    return True


def test_swapping_every_pair_of_rows_opens_nothing(clock: Clock) -> None:
    """T73. The negative control seals without saying for whom."""

    class Unbound(TokenCipher):
        def seal(self, plain: bytes, *owner: str) -> bytes:
            return super().seal(plain)

        def unseal(self, sealed: bytes, *owner: str) -> bytes:
            return super().unseal(sealed)

    for cipher, opened in ((DURING, 0), (Unbound([NEW]), 2 * ROWS * (2 * ROWS - 1) + ROWS * (ROWS - 1))):
        tokens, waiting, users = sealed_rows(clock, cipher)
        assert all(opens(cipher, row, users) for row in (*tokens, *waiting)), "each in its own place"
        assert sum(opens(cipher, row, users) for row, _ in swapped_pairs(tokens, waiting)) == opened


# Whose keys they are.


def test_rotating_needs_the_store_s_own_key(store: Store) -> None:
    assert claim(store, BEFORE), "a store without a canary is given one"
    assert claim(store, DURING)
    assert not claim(store, AFTER)
    (canary,) = store.look_up(CANARY)
    assert canary
    assert key_id(canary.sealed) == BEFORE.key_ids[0], "refusing changes nothing"
    rotate_all(store)
    assert claim(store, AFTER)
    assert not claim(store, BEFORE)


def test_a_key_lost_for_good_is_given_up_by_saying_so(store: Store) -> None:
    claim(store, BEFORE)
    assert claim(store, TokenCipher([OTHER]), lost=True)
    assert claim(store, TokenCipher([OTHER]))
    assert not claim(store, BEFORE)


def test_a_store_out_of_reach_is_said_to_be(store: Store) -> None:
    class Down(Wrapped):
        def scan(self, kind: Any, *, after: Key[Any] | None = None, limit: int = 100) -> Any:
            raise StoreError("out of reach")

    for work in (rotate(Down(store), DURING), count(Down(store), DURING)):  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            list(work)
