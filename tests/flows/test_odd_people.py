"""Odd profiles and odd documents: whoever has a subject gets in, shown harmlessly; whatever else is no person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, Response

from portal.errors import Outcome
from portal.models import OAuth, Token
from portal.storage import Store
from providers.sandbox import RunningSandbox, people
from providers.sandbox.people import Person as Sample
from providers.sandbox.troubles import Trouble, play
from tests.flows.conftest import Rows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person


@pytest.fixture
def known_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes GitHub know somebody of this name, as the sample person `odd`."""

    def know(name: str | None, **more: object) -> None:
        sample = Sample("4711", name, login="odd", **more)  # type: ignore[arg-type]
        monkeypatch.setitem(people.GITHUB, "odd", sample)  # type: ignore[arg-type]

    return know


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Response], None]:
    """Makes GitHub give this answer wherever garbage was ordered."""

    def answer(response: Response) -> None:
        monkeypatch.setattr(
            "providers.sandbox.github.play",
            lambda trouble, pace: response if trouble is Trouble.GARBAGE else play(trouble, pace=pace),
        )

    return answer


# Subjects.


def test_a_subject_beyond_what_a_double_holds_is_kept_to_the_digit(person: Person, store: Store) -> None:
    """2^53 + 1 read as a double is 2^53: somebody else (T32)."""
    person.signs_in_with("github", trouble="subject_big")
    assert person.user_id
    (oauth,) = store.scan(OAuth)
    assert oauth.subject == "9007199254740993"


@pytest.mark.parametrize("provider", ["google", "facebook"])
def test_a_number_is_no_subject_where_a_text_is_agreed(person: Person, provider: str, rows: Rows) -> None:
    before = rows()
    person.signs_in_with(provider, trouble="subject_big")
    assert_stops(person, Outcome.PROVIDER_ODD, provider)
    assert rows() == before


def test_the_same_subject_at_three_providers_is_three_people(people: Callable[[], Person], rows: Rows) -> None:
    """T32: the issuer is part of the key."""
    users = set()
    for provider in PROVIDERS:
        person = people()
        person.signs_in_with(provider, "own", name="Same", subject="1234567")
        users.add(person.user_id)
    assert len(users) == 3
    assert rows()["OAuth"] == 3


# Profiles (T89).


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_person_with_neither_name_nor_address_gets_in(person: Person, provider: str, rows: Rows) -> None:
    person.signs_in_with(provider, trouble="no_profile")
    assert person.user_id
    person.opens("/account")
    assert person.sees.heading == ("ada" if provider == "github" else "Your account")
    assert rows()["Email"] == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_grants_less_than_was_asked_gets_in_without_an_address(
    person: Person, provider: str, rows: Rows, store: Store
) -> None:
    """Not an error, though oauthlib raises a Warning for it (T90)."""
    person.signs_in_with(provider, trouble="scope_reduced")
    assert "Ada Lovelace" in (person.account or "")
    (token,) = store.scan(Token)
    assert token.email is None
    if provider != "facebook":  # whose token says nothing of scopes
        assert "email" not in " ".join(token.scopes)
    assert rows()["Email"] == 0


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ('"><img src=x onerror=alert(1)>', '"><img src=x onerror=alert(1)>'),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
        ("Ada\x00\r\n\x1b[31mRed", "Ada[31mRed"),
        ("\u202eadA\u2066", "adA"),
        ("\u200b\u00ad\u3164", "odd"),
        ("   ", "odd"),
        ("张伟 🏳️‍🌈", None),
        ("x" * 50_000, "x" * 256),
        ("ä" * 5_000, "ä" * 128),
    ],
)
def test_a_name_is_shown_as_text_and_harmlessly(
    person: Person, known_as: Callable[..., None], name: str, heading: str | None
) -> None:
    """T25."""
    known_as(name)
    assert person.signs_in_with("github", "odd").status_code == 303
    for path in ("/account", "/"):
        person.opens(path)
        page = person.sees
        assert "script" not in page.tags
        assert page.tags.count("img") == 1, "the picture, which the portal serves itself"
        assert page.problems == []
    person.opens("/account")
    if heading is not None:
        assert person.sees.heading == heading
    assert 0 < len(person.sees.heading.encode()) <= 256


def test_a_name_of_a_megabyte_is_more_than_is_read(person: Person, known_as: Callable[..., None], rows: Rows) -> None:
    known_as("x" * 1_000_000)
    before = rows()
    person.signs_in_with("github", "odd")
    assert_stops(person, Outcome.PROVIDER_ODD, "github")
    assert rows() == before


@pytest.mark.parametrize(
    ("email", "verified", "kept"),
    [
        ("odd@example.com", True, 1),
        ("ODD@Example.COM", True, 1),
        ("odd@example.com", False, 0),
        ("odd@one.test,two.test", True, 0),
        ("odd@one@two.test", True, 0),
        ("od\u200bd@example.com", True, 0),
        ("<odd@example.com>", True, None),
        ("odd", True, 0),
        ("odd@" + "x" * 300 + ".test", True, 0),
    ],
)
def test_only_an_address_that_is_one_and_is_vouched_for_is_kept_as_a_hint(
    person: Person, known_as: Callable[..., None], rows: Rows, email: str, verified: bool, kept: int | None
) -> None:
    known_as("Odd", email=email, verified=verified)
    assert person.signs_in_with("github", "odd").status_code == 303
    assert person.account
    assert rows()["Email"] in ({kept} if kept is not None else {0, 1})


def test_an_address_that_somebody_else_has_proved_stays_theirs(people: Callable[[], Person], rows: Rows) -> None:
    """T33: no second owner, and no way in."""
    first, second = people(), people()
    first.signs_in_with("google", "grace")
    second.signs_in_with("github", "grace")
    assert rows()["Email"] == 1
    assert first.user_id != second.user_id


# Documents (T85, T86, T87).

ODD_DOCUMENTS = [
    b'{"id": 1, "id": 2, "access_token": "a", "access_token": "b"}',
    b'{"id": NaN, "access_token": NaN}',
    b'{"id": 1e999, "access_token": 1e999}',
    b'{"id": 1, "access_token": "t"',
    b'\xff\xfe{"id": 1}',
    b"[]",
    b"null",
    b"42",
    b'"text"',
    b"",
    b'{"id": 1, "access_token": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"id": 1, "access_token": "' + b"t" * 70_000 + b'"}',
    b'{"id": true, "access_token": true}',
    b'{"id": -1, "access_token": "line\\nbreak"}',
    b'{"id": 9223372036854775808, "access_token": ""}',
]


@pytest.mark.parametrize("call", ["token", "profile"])
def test_a_document_that_is_none_is_not_read_generously(
    person: Person, answering: Callable[[Response], None], call: str, rows: Rows
) -> None:
    before = rows()
    for document in ODD_DOCUMENTS:
        answering(Response(document, mimetype="application/json"))
        person.signs_in_with("github", trouble="garbage", at=call)
        assert_stops(person, Outcome.PROVIDER_ODD, "github")
    assert rows() == before


@pytest.mark.parametrize("call", ["token", "profile", "email"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_the_back_channel_is_not_followed(
    sandbox: RunningSandbox,
    person: Person,
    answering: Callable[[Response], None],
    call: str,
    status: int,
) -> None:
    """A 307 would carry the code and the client secret to wherever it points (T87)."""
    answering(Response(status=status, headers={"Location": f"{sandbox.base}/elsewhere"}))
    person.signs_in_with("github", trouble="garbage", at=call)
    assert_stops(person, Outcome.PROVIDER_DOWN, "github")
    assert not any("elsewhere" in asked for asked in sandbox.counts)


@pytest.mark.parametrize("status", [204, 400, 401, 418, 429, 503])
@pytest.mark.parametrize("call", ["token", "profile", "email"])
def test_any_other_status_is_the_provider_s_trouble(
    person: Person, answering: Callable[[Response], None], call: str, status: int, rows: Rows
) -> None:
    before = rows()
    answering(Response("<h1>No</h1>", status, mimetype="text/html"))
    person.signs_in_with("github", trouble="garbage", at=call)
    assert_stops(person, Outcome.PROVIDER_DOWN, "github")
    assert rows() == before


@pytest.mark.parametrize("status", [403, 404])
def test_addresses_withheld_are_no_trouble(
    person: Person, answering: Callable[[Response], None], status: int, app: Flask
) -> None:
    answering(Response("{}", status, mimetype="application/json"))
    person.signs_in_with("github", trouble="garbage", at="email")
    assert "Ada Lovelace" in (person.account or "")
