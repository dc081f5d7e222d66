"""Where a token may be: sealed in its row, and nowhere else (T71, T72, T73)."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal.crypto import TokenCipher
from portal.errors import SealError
from portal.models import Token, User
from portal.storage import Store
from providers.sandbox import RunningSandbox
from tests.flows.conftest import MakeApp
from tests.person import PROVIDERS, Person

LARGEST_COOKIE = 1_500


@pytest.fixture
def issued(sandbox: RunningSandbox) -> Callable[[], list[str]]:
    """The access tokens that the stand-ins have given out, newest last."""
    standins = sandbox.app.extensions["sandbox"].standins
    sandbox.reset()
    return lambda: [token for standin in standins for token in standin.grants.tokens._things]


def open_token(app: Flask, token: Token, *, user_id: str) -> dict[str, str]:
    cipher = TokenCipher([key.plain for key in app.extensions["portal"].config.token_keys])
    assert token.sealed
    owner = (Token.KIND, token.oauth_id, user_id, "sealed", str(token.version))
    return json.loads(cipher.unseal(token.sealed, *owner))


def unpacked(cookie: str) -> bytes:
    """What anybody reads out of a cookie that Flask has packed for its session; nothing where it is none."""
    packed, _, _ = cookie.removeprefix(".").partition(".")
    try:
        content = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return zlib.decompress(content) if cookie.startswith(".") else content
    except (ValueError, zlib.error):
        return b""


def database(folder: Path) -> bytes:
    """Every byte of the database's files, the write-ahead log included."""
    return b"".join(file.read_bytes() for file in folder.glob("portal.db*"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_token_is_in_no_cookie_no_page_and_no_byte_of_the_database(
    person: Person, issued: Callable[[], list[str]], tmp_path: Path, provider: str
) -> None:
    """T71."""
    pages = [person.signs_in_with(provider), person.opens("/account"), person.opens("/")]
    (token,) = issued()
    assert token.encode() not in database(tmp_path)
    assert b"Ada Lovelace" in database(tmp_path), "these are the files that it would be in"
    assert not [value for value in person.cookies_seen if token in value or token.encode() in unpacked(value)]
    assert not [page for page in pages if token in page.text or token in str(page.headers)]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_token_opens_for_its_owner_alone(
    app: Flask, person: Person, issued: Callable[[], list[str]], store: Store, provider: str
) -> None:
    person.signs_in_with(provider)
    (row,), (user,), (token,) = store.scan(Token), store.scan(User), issued()
    opened = open_token(app, row, user_id=user.id)
    assert opened["access_token"] == token
    assert ("id_token" in opened) == (provider == "google")
    with pytest.raises(SealError):
        open_token(app, row, user_id="somebody else")


def test_an_older_token_put_back_does_not_open(app: Flask, person: Person, store: Store) -> None:
    """T73: each sign-in seals a new version."""
    person.signs_in_with("github")
    (older,) = store.scan(Token)
    person.signs_out()
    person.signs_in_with("github")
    (newer,), (user,) = store.scan(Token), store.scan(User)
    assert newer.version == older.version + 1
    put_back = Token(**{name: getattr(newer, name) for name in newer.__slots__} | {"sealed": older.sealed})
    with pytest.raises(SealError):
        open_token(app, put_back, user_id=user.id)


def test_one_person_s_token_put_into_another_s_row_does_not_open(
    app: Flask, people: Callable[[], Person], store: Store
) -> None:
    ada, grace = people(), people()
    ada.signs_in_with("github", "ada")
    grace.signs_in_with("github", "grace")
    first, second = store.scan(Token)
    owners = {oauth_id: user.id for user in store.scan(User) for oauth_id in user.oauths}
    moved = Token(**{name: getattr(second, name) for name in second.__slots__} | {"sealed": first.sealed})
    with pytest.raises(SealError):
        open_token(app, moved, user_id=owners[moved.oauth_id])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_where_tokens_are_not_kept_none_is_stored(make_app: MakeApp, provider: str) -> None:
    app = make_app(**{f"PORTAL_PROVIDERS__{provider.upper()}__KEEP_TOKENS": "false"})
    person = Person(app)
    person.signs_in_with(provider)
    (row,) = app.extensions["portal"].store.scan(Token)
    assert row.sealed is None
    assert "Ada Lovelace" in (person.account or "")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "next", ["/", "/account?" + "x" * 500, "/account?x=" + "%" * 500, "/account?x=" + "/*" * 250], ids=len
)
def test_no_cookie_is_too_large_for_a_browser(person: Person, provider: str, next: str) -> None:
    """One of more than 4 KB is dropped in silence (T64); and a flow must be found again whatever its `next`."""
    assert person.signs_in_with(provider, next=next).status_code == 303
    assert max(map(len, person.cookies_seen)) <= LARGEST_COOKIE
