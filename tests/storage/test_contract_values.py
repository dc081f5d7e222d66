"""Whatever is written comes back the same: odd text, odd times, nothing at all; and keys that are nearly equal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from portal.errors import AlreadyExists
from portal.models import Event, Pending, Session, Token, User
from portal.storage import Insert, Store, Update
from tests.storage.samples import THEN, get_user, make_user, move_in

CONTROL = "".join(map(chr, [*range(1, 32), 127, *range(128, 160)]))

TEXTS = {
    "umlauts": "Ünsal Özgür Çağlar",
    "composed and decomposed": "é e\u0301",
    "right to left, with marks": "\u202eמשה\u202c עַרְבִי",
    "emoji, joined": "👩🏽‍💻🏳️‍🌈",
    "beyond the first plane": "\U0001f511\U00020000\U0010ffff",
    "control characters": CONTROL,
    "zero width": "a\u200bb\ufeffc\u2028d",
    "quotes": """Robert'); DROP TABLE "User";-- \\ % _ ? :id""",
    "line ends": "a\r\nb\nc\rd\t",
    "spaces around": "  Ada  ",
    "a number": "0042",
    "a float": "1e999",
    "a word of the format": "null",
    "long": "Ж" * 20_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_comes_back_as_it_was(store: Store, text: str) -> None:
    ada = move_in(store)
    user = replace(ada.user, name=text, oauths=(text, "", text))
    token = replace(ada.token, scopes=(text,), name=text, email=text)
    store.commit(Update(user), Update(token))
    assert store.look_up(user.key, token.key) == (user, token)


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2262, 4, 11, 23, 47, 16, 854_776, tzinfo=UTC),  # past 64 bits of nanoseconds
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
    ids=str,
)
def test_a_time_keeps_its_microseconds(store: Store, at: datetime) -> None:
    ada = move_in(store)
    session = replace(ada.session, created=at, seen=at, expires=at, fresh_until=at)
    store.commit(Update(session))
    assert store.look_up(session.key) == (session,)


def test_a_time_of_another_zone_comes_back_in_utc(store: Store) -> None:
    ada = move_in(store)
    at = THEN.astimezone(timezone(timedelta(hours=5, minutes=45)))
    store.commit(Update(replace(ada.user, created=at)))
    created = get_user(store).created
    assert (created, created.utcoffset()) == (THEN, timedelta(0))


def test_everything_that_may_be_absent_may_be_absent(store: Store) -> None:
    ada = move_in(store)
    user = replace(ada.user, name=None, avatar=None, oauths=())
    token = Token(ada.oauth.id, None, 0, None, (), None, None, None, False, None, THEN)
    session = replace(ada.session, device=None)
    event = Event("ada", "002", "suspend", THEN, None, None, None)
    pending = Pending("waiting", "recover", None, None, None, THEN)
    store.commit(Update(user), Update(token), Update(session), Insert(event), Insert(pending))
    found = store.look_up(user.key, token.key, session.key, event.key, pending.key)
    assert found == (user, token, session, event, pending)


@pytest.mark.parametrize(
    "sealed", [b"", bytes(range(256)), b"\x00", bytes(range(256)) * 256], ids=["empty", "all", "zero", "64 KiB"]
)
def test_bytes_come_back_as_they_were(store: Store, sealed: bytes) -> None:
    token = replace(move_in(store).token, sealed=sealed)
    store.commit(Update(token))
    (found,) = store.look_up(token.key)
    assert found == token
    assert found is not None
    assert type(found.sealed) is bytes


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_whole_number_comes_back_exactly(store: Store, number: int) -> None:
    ada = move_in(store)
    store.commit(Update(replace(ada.user, epoch=number)), Update(replace(ada.token, version=number)))
    user, token = store.look_up(ada.user.key, ada.token.key)
    assert user is not None
    assert token is not None
    assert (user.epoch, token.version) == (number, number)


@pytest.mark.parametrize("verified", [True, False])
def test_a_yes_or_no_comes_back_as_one(store: Store, verified: bool) -> None:
    token = replace(move_in(store).token, email_verified=verified)
    store.commit(Update(token))
    (found,) = store.look_up(token.key)
    assert found is not None
    assert found.email_verified is verified


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada", "Ada"),
        ("ada", "ada "),
        ("ada", " ada"),
        ("ada", "ada\t"),
        ("é", "e\u0301"),
        ("straße", "strasse"),
        ("1", "01"),
        ("1", "1.0"),
        ("ı", "i"),
        ("a\x01", "a"),
        ("%", "_"),
        ("x" * 500, "x" * 501),
    ],
)
def test_keys_that_are_nearly_equal_are_two_keys(store: Store, one: str, other: str) -> None:
    store.commit(Insert(make_user(one)))
    assert store.look_up(User.key_of(one), User.key_of(other)) == (make_user(one), None)
    store.commit(Insert(make_user(other)))
    assert store.look_up(User.key_of(one), User.key_of(other)) == (make_user(one), make_user(other))
    with pytest.raises(AlreadyExists):
        store.commit(Insert(make_user(one)))


def test_one_name_in_two_kinds_is_two_keys(store: Store) -> None:
    ada = move_in(store)
    session = replace(ada.session, id="ada")
    store.commit(Insert(session))
    assert store.look_up(User.key_of("ada"), Session.key_of("ada")) == (ada.user, session)
