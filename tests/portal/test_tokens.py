"""Live tokens: an application calls in somebody's name, and the portal sees to it that it may (T72, T73, T76, T80)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from portal import lease, refresh
from portal.crypto import TokenCipher, key_id
from portal.errors import Reconnect, StoreError, TryAgain
from portal.kept import open_kept
from portal.models import Token
from portal.storage import Store, Update
from providers.sandbox import RunningSandbox
from providers.sandbox.troubles import Trouble
from tests.portal.desk import CIPHER, Clock, Wrapped
from tests.portal.house import HOUR, Hooked, House

MakeHouse = Callable[..., House]
OLD, NEW = b"k" * 32, b"n" * 32


@pytest.fixture
def make_house(store: Store, sandbox: RunningSandbox, clock: Clock) -> Iterator[MakeHouse]:
    kept = {each.name: replace(each.refreshing) for each in sandbox.app.extensions["sandbox"].standins}
    sandbox.reset()
    yield lambda provider, **how: House(store, sandbox, clock, provider=provider, **how)
    for name, before in kept.items():
        now = sandbox.refreshing(name)
        for field in ("life", "expires", "single_use", "trouble", "after", "error"):
            setattr(now, field, getattr(before, field))


@pytest.fixture
def google(make_house: MakeHouse) -> House:
    """Refresh tokens that work again and again."""
    return make_house("google")


@pytest.fixture
def github(make_house: MakeHouse) -> House:
    """Refresh tokens that work once."""
    house = make_house("github")
    house.refreshing.expires = True
    return house


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider has a quarter of a second, and nobody waits for another one for longer than half of one."""
    monkeypatch.setattr(refresh, "CALL", 0.25)
    monkeypatch.setattr(refresh, "PATIENCE", 0.5)


# A session in somebody's name.


@pytest.mark.parametrize("provider", ["google", "github", "facebook"])
def test_an_application_calls_the_provider_in_somebody_s_name(make_house: MakeHouse, provider: str) -> None:
    house = make_house(provider)
    house.signs_in()
    answer = house.tokens.session_for(house.user, provider).get(house.url)
    assert "1815" in answer.text, answer.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/github/api/user",
        "https://127.0.0.1/github/api/user",
        "http://api.github.com.evil.test/user",
        "http://localhost:{port}/github/api/user",
        "http://127.0.0.1:{port}@evil.test/user",
        "//evil.test/user",
    ],
)
def test_a_token_goes_to_no_other_address(github: House, url: str) -> None:
    github.signs_in()
    session, record = github.tokens.session_for(github.user, "github"), Recording()
    for scheme in ("https://", "http://"):
        session.mount(scheme, record)
    with pytest.raises((requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)) as refused:
        session.get(url.format(port=github.sandbox.base.rpartition(":")[2]))
    assert record.sent == []
    assert github.given["access_token"] not in str(refused.value)
    with pytest.raises(requests.ConnectionError):
        session.get(github.url)
    assert record.sent == [f"Bearer {github.given['access_token']}"], "this is where it would be seen"


class Recording(requests.adapters.BaseAdapter):
    """Writes down who is sent a token, and sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str | None] = []

    def send(self, request: requests.PreparedRequest, *args: object, **how: object) -> requests.Response:
        self.sent.append(request.headers.get("Authorization"))
        raise requests.ConnectionError("this goes nowhere")


def test_google_s_token_goes_to_all_of_google_s_apis_and_a_stand_in_s_does_not(google: House) -> None:
    from providers import google as module

    real = module.provider
    assert real.owns("https://www.googleapis.com/calendar/v3")
    assert real.owns("https://openidconnect.googleapis.com/v1/userinfo")
    for url in ("http://www.googleapis.com/", "https://googleapis.com.evil.test/", "https://www.googleapis.com:444/"):
        assert not real.owns(url), url
    assert not google.provider.owns("https://evil.test/")


def test_a_caller_s_own_authorization_header_is_not_mixed_with_the_person_s(google: House) -> None:
    google.signs_in()
    session = google.tokens.session_for(google.user, "google")
    assert session.get(google.url, headers={"Authorization": "Bearer somebody-else"}).status_code == 200


def test_a_longer_answer_than_is_taken_is_an_error_and_never_half_an_answer(
    google: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.signs_in()
    monkeypatch.setattr("portal.authorised.LARGEST_ANSWER", 10)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        google.asks()


def test_of_several_identities_the_one_used_last_is_meant_unless_one_is_named(
    google: House, clock: Clock, store: Store
) -> None:
    first = google.signs_in("1")
    clock.passes(seconds=1)
    second = google.signs_in("2")
    (oauth,) = (google.oauth,)
    both = replace(first.user, oauths=(*first.user.oauths, oauth.id))
    row = replace(google.row, sealed=reseal(google.row, second.user.id, both.id))
    store.commit(Update(both), Update(replace(oauth, user_id=both.id)), Update(row))
    assert "2" in google.tokens.session_for(both, "google").get(google.url).json()["sub"]
    named = google.tokens.session_for(both, "google", identity=first.user.oauths[0])
    assert "1" in named.get(google.url).json()["sub"]


def reseal(token: Token, owner: str, other: str) -> bytes:
    parts = ("Token", token.oauth_id, "{}", "sealed", str(token.version))
    plain = CIPHER.unseal(token.sealed or b"", *(part.format(owner) for part in parts))
    return CIPHER.seal(plain, *(part.format(other) for part in parts))


# Refreshed in time.


@pytest.mark.parametrize("provider", ["google", "github"])
def test_a_token_is_refreshed_at_four_fifths_of_its_life_and_not_before(
    make_house: MakeHouse, clock: Clock, provider: str
) -> None:
    house = make_house(provider)
    house.refreshing.expires = True
    house.signs_in()
    clock.passes(minutes=47)
    assert (house.asks(), house.refreshing.done, house.row.version) == (200, 0, 1)
    clock.passes(minutes=1)
    assert (house.asks(), house.refreshing.done, house.row.version) == (200, 1, 2)
    assert house.row.renewed == clock()
    assert house.row.expires == clock() + timedelta(seconds=house.refreshing.life)


def test_a_session_that_lives_long_refreshes_on_its_way(google: House, clock: Clock) -> None:
    google.signs_in()
    session = google.tokens.session_for(google.user, "google")
    clock.passes(hours=2)
    assert session.get(google.url).status_code == 200
    assert google.refreshing.done == 1


def test_a_refresh_token_stays_where_no_new_one_came(google: House, clock: Clock) -> None:
    google.signs_in()
    for _ in range(3):
        clock.passes(hours=2)
        assert google.asks() == 200
    assert google.refreshing.done == 3
    assert open_kept(CIPHER, google.row, google.user.id)["refresh_token"] == google.given["refresh_token"]


def test_a_refresh_token_that_works_once_gives_way_to_the_next(github: House, clock: Clock) -> None:
    github.signs_in()
    for _ in range(3):
        clock.passes(hours=9)
        assert github.asks() == 200
    assert (github.refreshing.done, github.refreshing.reused) == (3, 0)
    assert github.row.refresh_expires == clock() + timedelta(seconds=15_897_600)
    assert (github.row.lease, github.row.spent_at) == (None, None)


def test_a_sign_in_without_a_refresh_token_keeps_the_one_there_is(google: House, clock: Clock) -> None:
    """Google gives one at the first consent only."""
    google.signs_in()
    first = google.given["refresh_token"]
    google.signs_in(refresh=False)
    assert open_kept(CIPHER, google.row, google.user.id)["refresh_token"] == first
    clock.passes(hours=2)
    assert google.asks() == 200


def test_a_token_without_an_end_is_never_refreshed(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("github")
    house.signs_in(refresh=False, life=None)
    clock.passes(days=300)
    assert (house.asks(), house.refreshing.done) == (200, 0)


def test_a_refresh_seals_with_the_newest_key(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("google", cipher=TokenCipher([OLD]))
    house.signs_in()
    ring = TokenCipher([NEW, OLD])
    clock.passes(hours=2)
    assert house.asks(house.tokens_with(cipher=ring)) == 200
    assert key_id(house.row.sealed or b"") == TokenCipher([NEW]).key_ids[0]


# For the moment, or for good.

PASSING = [Trouble.ERROR_500, Trouble.HTML, Trouble.GARBAGE, Trouble.HANG, Trouble.DRIP]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", PASSING)
def test_a_provider_in_trouble_is_for_the_moment_and_asked_again_after_a_while(
    google: House, clock: Clock, trouble: Trouble
) -> None:
    google.signs_in()
    clock.passes(hours=2)
    google.refreshing.trouble = trouble
    with pytest.raises(TryAgain) as caught:
        google.asks()
    assert (caught.value.reason, caught.value.provider) == ("provider", "google")
    assert 5 < caught.value.retry_after < 25
    google.refreshing.trouble = Trouble.NONE
    with pytest.raises(TryAgain):  # not yet
        google.asks()
    assert google.refreshing.done == 0
    clock.passes(seconds=25)
    assert (google.asks(), google.refreshing.done, google.row.retry_at) == (200, 1, None)


@pytest.mark.parametrize("trouble", [Trouble.ERROR_500, Trouble.GARBAGE])
@pytest.mark.parametrize("provider", ["google", "github"])
def test_a_refresh_ahead_of_time_that_fails_hurts_nobody(
    make_house: MakeHouse, clock: Clock, provider: str, trouble: Trouble
) -> None:
    house = make_house(provider)
    house.refreshing.expires, house.refreshing.trouble = True, trouble
    house.signs_in()
    clock.passes(minutes=50)
    assert house.asks() == 200
    assert house.row.ended is None


def test_where_nobody_listens_a_token_that_works_once_is_still_good(github: House, clock: Clock) -> None:
    """Nothing was sent, so nothing is spent."""
    github.signs_in()
    clock.passes(hours=2)
    away = replace(github.provider, token_url="http://127.0.0.1:9/token")
    with pytest.raises(TryAgain):
        github.asks(github.tokens_with(provider=away))
    assert (github.row.spent_at, github.row.ended) == (None, None)
    clock.passes(minutes=1)
    assert (github.asks(), github.refreshing.done, github.refreshing.reused) == (200, 1, 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", [Trouble.HTML, Trouble.GARBAGE, Trouble.HANG])
@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_to_a_token_that_works_once_is_for_good_and_it_is_not_sent_again(
    github: House, clock: Clock, trouble: Trouble, after: bool
) -> None:
    github.signs_in()
    clock.passes(hours=2)
    github.refreshing.trouble, github.refreshing.after = trouble, after
    for _ in range(3):
        with pytest.raises(Reconnect, match="lost"):
            github.asks()
        clock.passes(minutes=5)
        github.refreshing.trouble = Trouble.NONE
    assert (github.refreshing.done, github.refreshing.reused, github.row.ended) == (int(after), 0, "lost")
    github.signs_in()
    assert github.asks() == 200


@pytest.mark.parametrize("trouble", [Trouble.ERROR_500])
def test_an_answer_in_words_that_is_no_token_spends_nothing(github: House, clock: Clock, trouble: Trouble) -> None:
    github.signs_in()
    clock.passes(hours=2)
    github.refreshing.trouble = trouble
    with pytest.raises(TryAgain):
        github.asks()
    github.refreshing.trouble = Trouble.NONE
    clock.passes(minutes=1)
    assert (github.asks(), github.refreshing.done, github.refreshing.reused) == (200, 1, 0)


def test_a_client_that_the_provider_does_not_take_is_the_admin_s_matter_and_ends_no_grant(
    google: House, clock: Clock
) -> None:
    google.signs_in()
    clock.passes(hours=2)
    google.refreshing.error = "invalid_client"
    with pytest.raises(TryAgain) as caught:
        google.asks()
    assert caught.value.retry_after > 50
    assert google.row.ended is None


@pytest.mark.parametrize("provider", ["google", "github"])
def test_a_refresh_that_is_refused_is_for_good_until_the_next_sign_in(
    make_house: MakeHouse, clock: Clock, provider: str
) -> None:
    house = make_house(provider)
    house.refreshing.expires = True
    house.signs_in()
    house.standin.grants.end(house.grant)
    clock.passes(hours=9)
    for _ in range(3):
        with pytest.raises(Reconnect) as caught:
            house.asks()
        assert (caught.value.reason, caught.value.provider) == ("refused", provider)
    asked = [line for line in house.sandbox.requests if "token" in line.path]
    assert len(asked) == 1, "who knows doesn't ask again"
    assert house.tokens.standing(house.oauth, house.row).ended == "refused"
    house.signs_in()
    assert house.asks() == 200
    assert house.tokens.standing(house.oauth, house.row).ended is None


def test_what_has_expired_without_anything_to_renew_it_asks_for_the_person(github: House, clock: Clock) -> None:
    github.signs_in(refresh=False)
    clock.passes(hours=2)
    with pytest.raises(Reconnect, match="expired"):
        github.asks()
    assert github.tokens.standing(github.oauth, github.row).ended == "expired"
    assert github.row.ended is None, "the row says so itself"


def test_a_refresh_token_past_its_own_end_is_not_tried(github: House, clock: Clock) -> None:
    github.signs_in()
    clock.passes(hours=2)
    github.changes(refresh_expires=clock())
    with pytest.raises(Reconnect, match="expired"):
        github.asks()
    assert github.refreshing.done == 0


# The provider says 401.


def test_a_token_that_the_provider_rejects_is_renewed_once_and_the_call_sent_again(google: House) -> None:
    google.signs_in()
    google.standin.grants.tokens.take(google.given["access_token"])
    assert (google.asks(), google.refreshing.done) == (200, 1)


def test_a_stream_is_not_sent_twice_but_the_next_call_has_the_new_token(google: House) -> None:
    google.signs_in()
    google.standin.grants.tokens.take(google.given["access_token"])
    session = google.tokens.session_for(google.user, "google")
    assert session.get(google.url, data=iter([b"once"])).status_code == 401
    assert session.get(google.url).status_code == 200


@pytest.mark.parametrize("provider", ["github", "facebook"])
def test_a_token_that_is_rejected_and_cannot_be_renewed_is_for_good(make_house: MakeHouse, provider: str) -> None:
    house = make_house(provider)
    house.signs_in(refresh=False, life=None)
    house.standin.grants.end(house.grant)
    with pytest.raises(Reconnect, match="refused"):
        house.asks()
    assert house.row.ended == "refused"


def test_a_401_that_says_nothing_against_the_token_is_only_an_answer(github: House) -> None:
    answer = requests.Response()
    answer.status_code = 401
    answer._content = b'{"message": "A JSON web token could not be decoded"}'
    assert not github.provider.rejects(answer)
    answer._content = b'{"message": "Bad credentials"}'
    assert github.provider.rejects(answer)


# What can't be used at all.


def plain(row: Token, of_another: Token) -> bytes:
    return b'{"access_token": "gho_plain", "refresh_token": "ghr_plain"}'


def unknown_key(row: Token, of_another: Token) -> bytes:
    return TokenCipher([NEW]).seal(b"{}", "Token")


def unknown_version(row: Token, of_another: Token) -> bytes:
    return b"\x02" + (row.sealed or b"")[1:]


def moved(row: Token, of_another: Token) -> bytes:
    return of_another.sealed or b""


@pytest.mark.parametrize("change", [plain, unknown_key, unknown_version, moved])
def test_a_sealed_value_that_is_not_this_row_s_is_never_used_and_signing_in_still_works(
    google: House, clock: Clock, change: Callable[[Token, Token], bytes]
) -> None:
    google.signs_in("2")
    of_another = google.row
    google.signs_in()
    good = google.row.sealed
    google.changes(sealed=change(google.row, of_another))
    clock.passes(hours=2)
    for _ in range(2):
        with pytest.raises(Reconnect, match="sealed"):
            google.asks()
    assert google.sandbox.requests == [], "nothing was sent anywhere"
    assert google.tokens.standing(google.oauth, google.row).ended == "sealed"
    assert google.row.ended is None, "the key may be back tomorrow"
    google.changes(sealed=good)
    assert google.asks() == 200
    google.changes(sealed=change(google.row, of_another))
    google.signs_in()
    assert google.asks() == 200


def test_who_has_no_such_identity_is_told_so(google: House, make_house: MakeHouse) -> None:
    google.signs_in()
    both = google.tokens_with(others={"google": google.provider, "github": make_house("github").provider})
    for provider, reason in (("github", "not-linked"), ("nowhere", "provider-off")):
        with pytest.raises(Reconnect, match=reason):
            both.session_for(google.user, provider)
    with pytest.raises(Reconnect, match="not-linked"):
        both.session_for(google.user, "google", identity="somebody else's")
    with pytest.raises(Reconnect, match="not-linked"):
        both.session_for(replace(google.user, id="nobody"), "google")


def test_an_identity_that_is_unlinked_under_a_session_is_gone_from_it(google: House, clock: Clock) -> None:
    google.signs_in()
    session = google.tokens.session_for(google.user, "google")
    google.accounts.membership.delete(google.user)
    clock.passes(hours=2)
    with pytest.raises(Reconnect, match="not-linked"):
        session.get(google.url)


def test_an_identity_that_is_somebody_else_s_by_now_is_not_used_for_who_had_it(
    google: House, clock: Clock, store: Store
) -> None:
    other = google.signs_in("2").user
    google.signs_in()
    session = google.tokens.session_for(google.user, "google")
    row = replace(google.row, sealed=reseal(google.row, google.user.id, other.id))
    store.commit(Update(replace(google.oauth, user_id=other.id)), Update(row))
    clock.passes(hours=2)
    with pytest.raises(Reconnect, match="not-linked"):
        session.get(google.url)


def test_nothing_is_done_in_the_name_of_who_is_suspended(google: House, store: Store) -> None:
    google.signs_in()
    store.commit(Update(replace(google.user, status="suspended")))
    with pytest.raises(Reconnect, match="suspended"):
        google.asks()


def test_where_tokens_are_not_kept_it_is_the_admin_s_matter(google: House) -> None:
    google.signs_in()
    google.changes(sealed=None)
    with pytest.raises(Reconnect, match="not-kept"):
        google.asks()
    assert google.tokens.standing(google.oauth, google.row).kept is False


# The store, in trouble.


class Failing(Wrapped):
    """Every transaction after the first few fails: taking the lease is one, marking another, saving the third."""

    def __init__(self, store: Store, *, good: int, bad: int) -> None:
        super().__init__(store)
        self.good, self.bad = good, bad

    def transact(self, work):
        self.good -= 1
        if self.good < 0 and self.bad > 0:
            self.bad -= 1
            raise StoreError("down")
        return self._store.transact(work)


def test_a_store_that_cannot_be_asked_is_for_the_moment(google: House, clock: Clock) -> None:
    google.signs_in()
    clock.passes(hours=2)
    with pytest.raises(TryAgain, match="store"):
        google.asks(google.tokens_with(store=Failing(google.store, good=0, bad=9)))
    assert google.refreshing.done == 0
    assert google.asks() == 200


@pytest.mark.parametrize("provider", ["google", "github"])
def test_what_a_provider_gave_is_kept_though_the_store_was_away_for_a_moment(
    make_house: MakeHouse, clock: Clock, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh.time, "sleep", lambda _: None)
    house = make_house(provider)
    house.refreshing.expires = True
    house.signs_in()
    clock.passes(hours=9)
    good = 2 if provider == "github" else 1
    assert house.asks(house.tokens_with(store=Failing(house.store, good=good, bad=2))) == 200
    assert (house.asks(), house.refreshing.done) == (200, 1)


@pytest.mark.parametrize("provider", ["google", "github"])
def test_what_could_not_be_kept_serves_one_caller_and_a_token_that_works_once_is_not_used_twice(
    make_house: MakeHouse, clock: Clock, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh.time, "sleep", lambda _: None)
    house = make_house(provider)
    house.refreshing.expires = True
    house.signs_in()
    clock.passes(hours=9)
    good = 2 if provider == "github" else 1
    assert house.asks(house.tokens_with(store=Failing(house.store, good=good, bad=99))) == 200
    clock.passes(seconds=7)
    if provider == "google":
        assert house.asks() == 200
    else:
        with pytest.raises(Reconnect, match="lost"):
            house.asks()
    assert house.refreshing.reused == 0


# Beside a sign-in, and beside a holder who is late.


def test_a_sign_in_beside_a_refresh_wins(github: House, clock: Clock) -> None:
    github.signs_in()
    clock.passes(hours=2)
    beside = Hooked(github.provider, before=github.signs_in)
    assert github.asks(github.tokens_with(provider=beside)) == 200
    assert open_kept(CIPHER, github.row, github.user.id)["access_token"] == github.given["access_token"]
    assert (github.row.lease, github.row.spent_at) == (None, None)
    assert github.asks() == 200


def test_a_sign_in_between_the_lease_and_the_sending_is_used_and_nothing_is_spent(
    github: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.signs_in()
    clock.passes(hours=2)
    mark = lease.Leases.mark_spent

    def after_a_sign_in(self: lease.Leases, held: Token) -> Token | None:
        github.signs_in()
        return mark(self, held)

    monkeypatch.setattr(lease.Leases, "mark_spent", after_a_sign_in)
    assert (github.asks(), github.refreshing.done) == (200, 0)


def test_a_holder_who_was_given_up_and_still_comes_back_makes_it_good_again(github: House, clock: Clock) -> None:
    github.signs_in()
    clock.passes(hours=2)
    told: list[str] = []

    def everybody_gives_up() -> None:
        clock.passes(seconds=7)
        with pytest.raises(Reconnect) as caught:
            github.asks(github.tokens_with())
        told.append(caught.value.reason)

    late = github.tokens_with(provider=Hooked(github.provider, after=everybody_gives_up))
    # Of this process only one caller goes on at a time; the others here are another process's.
    assert github.asks(late) == 200
    assert told == ["lost"]
    assert github.row.ended is None
    assert (github.asks(), github.refreshing.done, github.refreshing.reused) == (200, 1, 0)


def test_a_holder_who_ran_out_of_time_before_sending_sends_nothing(
    github: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.signs_in()
    clock.passes(hours=2)
    monkeypatch.setattr(refresh, "LEASE", timedelta(0))
    with pytest.raises(TryAgain):
        github.asks()
    assert (github.refreshing.done, github.row.spent_at, github.row.ended) == (0, None, None)


@pytest.mark.parametrize(
    "change", [{"retry_at": timedelta(minutes=1)}, {"spent_at": timedelta()}, {"ended": "refused"}]
)
def test_a_lease_is_taken_on_what_was_seen_and_on_nothing_newer(
    github: House, clock: Clock, change: dict[str, Any]
) -> None:
    github.signs_in()
    leases, seen = lease.Leases(github.store, clock), github.row
    github.changes(**{name: clock() + at if isinstance(at, timedelta) else at for name, at in change.items()})
    assert leases.take(seen) is None
    github.changes(retry_at=None, spent_at=None, ended=None, sealed=reseal(seen, github.user.id, github.user.id))
    held = leases.take(seen)
    assert held is not None, "a rotation of keys is nothing newer"
    assert leases.take(github.row) is None, "it is held"
    clock.passes(seconds=6)
    assert leases.take(github.row) is not None, "its time is over"
    assert leases.save(held, replace(held, version=2)) is False, "and it is somebody else's now"


@pytest.mark.usefixtures("impatient")
def test_who_waits_for_another_process_waits_so_long_and_no_longer(google: House, clock: Clock) -> None:
    google.signs_in()
    clock.passes(hours=2)
    google.changes(lease="another's", lease_until=clock() + timedelta(seconds=6))
    with pytest.raises(TryAgain, match="busy"):
        google.asks()
    clock.passes(seconds=6)
    assert (google.asks(), google.refreshing.done) == (200, 1)


def test_who_can_do_with_the_old_token_does_not_wait(google: House, clock: Clock) -> None:
    google.signs_in()
    clock.passes(minutes=50)
    google.changes(lease="another's", lease_until=clock() + timedelta(seconds=6))
    assert (google.asks(), google.refreshing.done) == (200, 0)


# Facebook's longer life.


def test_a_short_lived_token_is_exchanged_at_its_first_use(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("facebook")
    house.signs_in(life=HOUR)
    assert (house.asks(), house.refreshing.done) == (200, 1)
    assert house.row.expires == clock() + timedelta(seconds=5_183_944)
    assert (house.asks(), house.refreshing.done) == (200, 1)


def test_a_token_that_cannot_be_renewed_later_is_renewed_by_the_tick(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("facebook")
    for subject in ("1815", "1906", "1912"):
        house.signs_in(subject, life=timedelta(days=60))
    clock.passes(days=47)
    assert house.tokens.renew_due().renewed == 0
    clock.passes(days=2)
    house.signs_in("1950", life=timedelta(days=60))
    renewed = house.tokens.renew_due()
    assert (renewed.seen, renewed.renewed, renewed.failed) == (4, 3, 0)
    assert house.tokens.renew_due().renewed == 0
    clock.passes(days=20)
    assert house.asks() == 200


def test_a_tick_goes_on_where_one_token_cannot_be_renewed(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("facebook")
    for subject in ("1815", "1906"):
        house.signs_in(subject, life=timedelta(days=60))
    house.standin.grants.end(house.grant)
    clock.passes(days=50)
    renewed = house.tokens.renew_due()
    assert (renewed.renewed, renewed.failed) == (1, 1)
    assert house.row.ended == "refused"


def test_what_is_refreshed_when_it_is_needed_is_none_of_the_tick_s_business(google: House, clock: Clock) -> None:
    google.signs_in()
    clock.passes(minutes=50)
    assert google.tokens.renew_due().seen == 0


def test_a_tick_renews_what_it_must_and_leaves_the_rest(make_house: MakeHouse, google: House, clock: Clock) -> None:
    facebook = make_house("facebook")
    for house in (google, facebook):
        house.signs_in(life=timedelta(days=60))
    clock.passes(days=50)
    both = google.tokens_with(others={"google": google.provider, "facebook": facebook.provider})
    assert (both.renew_due().renewed, google.refreshing.done, facebook.refreshing.done) == (1, 0, 1)


def test_facebook_s_token_cannot_be_renewed_once_it_has_expired(make_house: MakeHouse, clock: Clock) -> None:
    house = make_house("facebook")
    house.signs_in(life=timedelta(days=60))
    clock.passes(days=61)
    with pytest.raises(Reconnect, match="expired"):
        house.asks()
    assert house.sandbox.requests == []


# What is told.


def test_the_account_page_hears_how_it_stands(google: House, clock: Clock) -> None:
    google.signs_in()
    standing = google.tokens.standing(google.oauth, google.row)
    assert (standing.kept, standing.ended, standing.renews, standing.until) == (True, None, True, None)
    assert standing.renewed == clock()
    google.signs_in("2", refresh=False)
    standing = google.tokens.standing(google.oauth, google.row)
    assert (standing.renews, standing.until) == (False, clock() + HOUR)


def test_no_token_is_in_a_log_line_an_error_or_a_session_s_name(
    github: House, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """T70."""
    caplog.set_level(logging.DEBUG)
    github.signs_in()
    secrets = [github.given["access_token"], github.given["refresh_token"]]
    session = github.tokens.session_for(github.user, "github")
    clock.passes(hours=2)
    github.refreshing.trouble = Trouble.GARBAGE
    with pytest.raises(Reconnect) as caught:
        session.get(github.url)
    told = [*(record.getMessage() for record in caplog.records), repr(caught.value), repr(session), repr(vars(session))]
    assert any("github" in line for line in told)
    assert not [line for line in told for secret in secrets if secret in line]
