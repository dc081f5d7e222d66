"""`/avatar/<id>`: a picture of the provider's, served by the portal, or initials; told to whom it was shown (T25)."""

from __future__ import annotations

import re
from dataclasses import replace
from unittest.mock import Mock

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.errors import StoreError
from portal.models import OAuth, Token, User
from portal.storage import Store, Update
from portal.views.avatar import COLOURS, draw
from tests.flows.conftest import MakeApp
from tests.person import PROVIDERS, Person

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-site",
    "Content-Disposition": "inline; filename=avatar",
}
NOBODY = draw(None)


def picture_on(person: Person, path: str = "/account") -> str:
    """The address of the picture on a page."""
    return re.findall(r'<img class="face[^>]* src="([^"]+)"', person.opens(path).text)[0]


def look(app: Flask, address: str, **kwargs: object) -> TestResponse:
    """As a stranger's browser does."""
    return Person(app).opens(address, **kwargs)


@pytest.fixture
def ada(person: Person) -> Person:
    person.signs_in_with("github")
    return person


def user_of(person: Person, store: Store) -> User:
    (user,) = store.look_up(User.key_of(person.user_id or ""))
    assert user
    return user


def say_picture_is_at(url: str | None, person: Person, store: Store) -> None:
    for oauth_id in user_of(person, store).oauths:
        (token,) = store.look_up(Token.key_of(oauth_id))
        assert token
        store.commit(Update(replace(token, avatar=url)))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_person_s_picture_comes_from_the_portal(app: Flask, person: Person, provider: str) -> None:
    person.signs_in_with(provider)
    for path in ("/", "/account"):
        shown = person.opens(picture_on(person, path))
        assert (shown.status_code, shown.mimetype) == (200, "image/png")
        assert shown.data.startswith(b"\x89PNG")
        assert {name: shown.headers.get(name) for name in HEADERS} == HEADERS
        assert shown.headers["Cache-Control"] == "private, max-age=3600"
        assert "Set-Cookie" not in shown.headers


def test_it_is_fetched_once_and_a_browser_that_has_it_is_not_sent_it_again(app: Flask, ada: Person) -> None:
    address = picture_on(ada)
    first = look(app, address)
    app.extensions["portal"].pictures._open_session = Mock(side_effect=AssertionError)
    again = look(app, address, headers={"If-None-Match": first.headers["ETag"]})
    assert (look(app, address).data, again.status_code, again.data) == (first.data, 304, b"")
    assert again.headers["Cache-Control"] == "private, max-age=3600"


def test_whoever_was_shown_it_may_see_it_and_who_only_knows_the_user_may_not(app: Flask, ada: Person) -> None:
    address = picture_on(ada)
    assert look(app, address).mimetype == "image/png"
    for wrong in (f"/avatar/{ada.user_id}", address[:-1] + ("A" if address[-1] != "A" else "B"), "/avatar/x"):
        assert look(app, wrong).data == NOBODY


def test_what_was_not_signed_here_costs_no_look_up(make_app: MakeApp) -> None:
    app = make_app(store=Mock(spec=Store, look_up=Mock(side_effect=StoreError("asked"))))
    answer = look(app, "/avatar/" + "A" * 38)
    assert (answer.status_code, answer.data) == (200, NOBODY)


def test_nobody_and_somebody_without_a_picture_answer_alike(app: Flask, ada: Person, store: Store) -> None:
    say_picture_is_at(None, ada, store)
    ids = app.extensions["portal"].avatar_ids
    without, gone = look(app, picture_on(ada)), look(app, "/avatar/" + ids.make("A" * 22))
    assert gone.data == NOBODY
    different = {"ETag", "Content-Length", "Date"}
    assert {h for h in without.headers if h[0] not in different} == {h for h in gone.headers if h[0] not in different}
    assert without.headers["Cache-Control"] == "private, no-cache"


def test_initials_stand_in_and_follow_the_name(app: Flask, ada: Person, store: Store) -> None:
    say_picture_is_at(None, ada, store)
    address = picture_on(ada)
    drawn = look(app, address)
    assert (drawn.mimetype, b">AL</text>" in drawn.data) == ("image/svg+xml", True)
    ada.renames("Grace")
    assert b">G</text>" in look(app, address, headers={"If-None-Match": drawn.headers["ETag"]}).data


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"),
        ("ada", "A"),
        ("Ada King Countess", "AC"),
        ("<script>alert(1)</script> &amp;", "SA"),
        ("🦉 🦉", "?"),
        ("🦉 owl", "O"),
        ("ß ß", "SS"),
        ("李 小龙", "李小"),
        ("\u202e evil", "E"),
        ("", "?"),
        (None, "?"),
    ],
)
def test_initials_are_letters_and_digits_of_any_name(ada: Person, store: Store, name: str | None, letters: str) -> None:
    assert f">{letters}</text>" in draw(replace(user_of(ada, store), name=name)).decode()


def test_letters_can_be_read_on_each_colour() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert all(1.05 / (luminance(colour) + 0.05) >= 4.5 for colour in COLOURS)


def test_the_identity_used_last_has_the_picture_and_a_dead_one_gives_way(app: Flask, ada: Person, store: Store) -> None:
    ada.adds("google")
    asked = []
    pictures = app.extensions["portal"].pictures
    fetch = pictures._open_session

    def watched() -> object:
        session = fetch()
        get = session.get
        session.get = lambda url, **kwargs: (asked.append(url), get(url, **kwargs))[1]
        return session

    pictures._open_session = watched
    google = user_of(ada, store).oauths[1]
    (token,) = store.look_up(Token.key_of(google))
    assert token
    store.commit(Update(replace(token, avatar=token.avatar.replace("/pictures/", "/nowhere/"))))
    assert look(app, picture_on(ada)).mimetype == "image/png"
    assert [("/nowhere/" in url) for url in asked] == [True, False]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/gone.png", "https://169.254.169.254/latest/meta-data", "https://elsewhere.test/1.png"]
)
def test_an_address_of_somebody_s_choosing_is_not_called(app: Flask, ada: Person, store: Store, url: str) -> None:
    say_picture_is_at(url, ada, store)
    app.extensions["portal"].pictures._open_session = lambda: Mock(
        __enter__=Mock(return_value=Mock(get=Mock(side_effect=AssertionError("called")))), __exit__=Mock()
    )
    assert b"AL" in look(app, picture_on(ada)).data


def test_an_account_that_is_gone_or_closed_shows_nobody_at_once(app: Flask, ada: Person, store: Store) -> None:
    address = picture_on(ada)
    assert look(app, address).mimetype == "image/png"
    user = user_of(ada, store)
    store.commit(Update(replace(user, status="suspended")))
    assert look(app, address).data == NOBODY
    store.commit(Update(replace(user, status="active")))
    assert look(app, address).mimetype == "image/png"
    ada.deletes()
    assert look(app, address).data == NOBODY


def test_a_picture_goes_with_its_identity(app: Flask, ada: Person, store: Store) -> None:
    ada.adds("google", "alan")
    before = look(app, picture_on(ada)).data
    ada.unlinks("Google")
    (left,) = user_of(ada, store).oauths
    assert store.look_up(OAuth.key_of(left)) != (None,)
    after = look(app, picture_on(ada)).data
    assert after.startswith(b"\x89PNG")
    assert before != after


def test_while_the_store_is_out_of_reach_there_is_a_drawing_and_it_is_not_kept(make_app: MakeApp) -> None:
    app = make_app(store=Mock(spec=Store, look_up=Mock(side_effect=StoreError("gone"))))
    answer = look(app, "/avatar/" + app.extensions["portal"].avatar_ids.make("A" * 22))
    assert (answer.status_code, answer.data) == (503, NOBODY)
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_the_address_of_nothing_is_a_page_that_says_so(person: Person) -> None:
    assert person.opens("/avatar/").status_code == 404
    assert person.sends("/avatar/x").status_code == 405
