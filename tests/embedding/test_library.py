"""The portal in an application with habits of its own: nothing of either is renamed, and each keeps what is its."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_login import user_logged_out

import portal.landing
from portal import Portal
from portal.errors import Outcome, StoreError
from portal.login_manager import _on_logged_out
from portal.testing import HOME, Person, sign_in_as
from tests.embedding.conftest import Settings
from tests.embedding.library import make_library, manage_logins, protect, reader_of


def whoever(person: Person, query: str = "") -> dict[str, object]:
    answer = person.opens("/who" + query)
    assert answer.status_code == 200, answer.text
    return answer.json  # type: ignore[no-any-return]


NOBODY = {"theirs": None, "ours": None, "unknown": False, "identities": []}
ADA = {"theirs": "card 1", "ours": "Ada Lovelace", "unknown": False, "identities": []}


def test_somebody_signs_in_and_is_known_by_both_names(library: Flask, person: Person) -> None:
    assert whoever(person) == NOBODY
    answer = person.signs_in_with("github", next="/shelf/Caf%C3%A9?order=new")
    assert (answer.status_code, answer.location) == (303, "/shelf/Caf%C3%A9?order=new")
    assert person.opens(answer.location).text == "shelf Café"
    assert whoever(person) == ADA
    assert whoever(person, "?identities=1")["identities"] == [["github", "ada.lovelace@code.test"]]
    assert person.opens("/account/").text == "card 1", "its own guard, its own blueprint, its own row"
    assert len(library.extensions["readers"]) == 2


def test_its_own_door_goes_on_working_and_so_does_its_own_protection(person: Person) -> None:
    assert person.opens("/login").status_code == 200
    assert person.sends("/login", data={"text": "Grace"}).text == "The library: The CSRF token is missing."
    person.opens("/login")
    assert person.posts("/login", text="Grace").location == "/account/"
    assert whoever(person) == NOBODY | {"theirs": "card 0"}
    person.opens("/people/account")
    assert person.page is not None
    assert person.page.location.startswith("/people/login"), "the portal goes by its own sessions only"


@pytest.mark.parametrize("order", ["before", "after"])
def test_it_does_not_matter_which_comes_first(portal_settings: Settings, order: str) -> None:
    """Flask extensions are often initialised all at once, in whatever order."""
    app = make_library(PORTAL=portal_settings())
    join = Portal(url_prefix="/people", on_user=reader_of)
    for step in (
        [protect, manage_logins, join.init_app] if order == "after" else [join.init_app, protect, manage_logins]
    ):
        step(app)  # type: ignore[operator]
    person = Person(app)
    person.signs_in_with("github")
    assert whoever(person) == ADA
    assert person.signs_out().location == "/people/"
    assert whoever(person) == NOBODY


def test_its_csrf_protection_would_refuse_our_forms_if_it_were_asked(library: Flask, person: Person) -> None:
    """The negative control: what lets them pass is taken away."""
    ours = library.url_value_preprocessors["portal"]
    ours.clear()
    person.opens("/people/login")
    assert person.posts("/people/login/github").status_code == 400


# Whose page is it?


def test_its_errors_are_its_pages_and_ours_are_ours(person: Person) -> None:
    for path, status in {"/nowhere": 404, "/people/nowhere": 404, "/broken": 500, "/people/logout": 405}.items():
        assert person.opens(path).text.startswith("The library: "), path
        assert person.page is not None
        assert person.page.status_code == status
        assert "Content-Security-Policy" not in person.page.headers
    for path, status in {
        "/people/portal-static/missing.css": 404,
        "/people/login/github/authorized": 400,
        "/people/login?" + "x" * 9000: 413,
    }.items():
        answer = person.opens(path)
        assert answer.status_code == status
        assert "Library card" in answer.text
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_bug_of_ours_has_our_page(library: Flask, person: Person) -> None:
    library.view_functions["portal.login"] = lambda: 1 / 0
    answer = person.opens("/people/login")
    assert (answer.status_code, "Library card" in answer.text) == (500, True)


def test_nothing_is_hooked_into_the_whole_application(portal_settings: Settings) -> None:
    app = make_library(PORTAL=portal_settings())
    protect(app)
    manage_logins(app)

    def hooks() -> list[object]:
        per_app = (
            app.before_request_funcs,
            app.after_request_funcs,
            app.teardown_request_funcs,
            app.url_value_preprocessors,
        )
        return [
            *(list(each.get(None, [])) for each in per_app),
            list(app.template_context_processors[None]),
            {code: dict(handlers) for code, handlers in app.error_handler_spec[None].items()},
            list(app.teardown_appcontext_funcs),
            app.wsgi_app,
            dict(app.config),
            app.login_manager,  # type: ignore[attr-defined]
            set(app.jinja_env.globals) | {"portal"},
        ]

    before = hooks()
    Portal(app, url_prefix="/people", on_user=reader_of)
    assert hooks() == before
    app.before_request(lambda: None)  # or it would be no comparison
    assert hooks() != before


def test_its_pages_keep_their_headers_and_its_session_its_keys(person: Person) -> None:
    person.opens("/basket")
    person.signs_in_with("google")
    assert person.opens("/basket").text == "2"
    assert "Content-Security-Policy" not in person.page.headers  # type: ignore[union-attr]
    person.signs_out()
    assert person.opens("/basket").text == "3"


# Two who could be signed in at once.


def plant_grace(person: Person) -> None:
    """An attacker's own sign-in at the library, in somebody's browser."""
    person.opens("/login")
    person.posts("/login", text="Grace")


def test_who_signs_in_counts_and_not_who_was_planted_before(person: Person) -> None:
    """T52."""
    plant_grace(person)
    person.signs_in_with("github")
    assert whoever(person) == ADA


def test_the_planted_one_would_stay_if_nobody_made_room(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(portal.landing, "make_room", lambda: None)
    plant_grace(person)
    person.signs_in_with("github")
    assert whoever(person)["theirs"] == "card 0"


def test_a_dead_remember_cookie_keeps_nobody_out(person: Person) -> None:
    person.keeps("remember_token", "7|forged")
    person.signs_in_with("github")
    assert whoever(person) == ADA


def test_signing_out_there_is_signing_out_here(library: Flask, person: Person) -> None:
    person.signs_in_with("github")
    thief = Person(library)
    thief.keeps("portal_session", person.cookies["portal_session"])
    assert whoever(thief) == ADA
    person.opens("/")
    token = person.sees.form("/basket").fields["csrf_token"]
    person.sends("/logout", data={"csrf_token": token})
    assert whoever(person) == NOBODY
    assert whoever(thief) == NOBODY, "the session is over, not only the cookie"


def test_it_would_not_be_if_nobody_told_us(library: Flask, person: Person) -> None:
    """The negative control."""
    person.signs_in_with("github")
    user_logged_out.disconnect(_on_logged_out, library)
    person.opens("/")
    person.sends("/logout", data={"csrf_token": person.sees.form("/basket").fields["csrf_token"]})
    assert whoever(person) == ADA


def test_signing_out_here_is_signing_out_there(person: Person) -> None:
    person.signs_in_with("github")
    plant_grace(person)
    assert whoever(person)["theirs"] == "card 0"
    person.opens("/")
    person.posts("/people/logout")
    assert whoever(person) == NOBODY


# The store is gone.


@pytest.fixture
def gone(library: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody who was signed in when the portal's store went away."""
    person = Person(library)
    person.signs_in_with("github")
    with monkeypatch.context() as patch:

        def out_of_reach(*_: object, **__: object) -> None:
            raise StoreError("out of reach")

        patch.setattr(library.extensions["portal"].store, "look_up", out_of_reach)
        yield person


def test_its_pages_answer_when_our_store_is_gone(gone: Person) -> None:
    assert whoever(gone) == NOBODY | {"unknown": True}
    assert gone.opens("/").status_code == 200, "the menu on it included"
    assert gone.opens("/shelf/new").text == "shelf new"
    assert "portal_session" in gone.cookies, "an error is not an absence: nobody is signed out by it"


def test_its_guarded_pages_say_so_and_send_nobody_away(gone: Person) -> None:
    for answer in (gone.opens("/wish"), gone.sends("/wish/send", data=csrf(gone))):
        assert answer.status_code == Outcome.STORE_DOWN.status
        assert answer.headers["Retry-After"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert gone.opens("/people/account").status_code == Outcome.STORE_DOWN.status


def test_whoever_asks_the_store_without_care_has_no_page(gone: Person, library: Flask) -> None:
    """The negative control."""
    library.view_functions["who"] = lambda: str(library.extensions["portal"].accounts.get_active("x"))
    assert gone.opens("/who").status_code == 500


# What a form sent is not lost without a word.


def csrf(person: Person) -> dict[str, str]:
    person.opens("/")
    return {"csrf_token": person.sees.form("/basket").fields["csrf_token"]}


def test_a_page_that_is_asked_for_is_come_back_to(person: Person) -> None:
    answer = person.opens("/wish?for=tea")
    assert (answer.status_code, answer.location) == (303, "/people/login?next=/wish?for%3Dtea")
    assert person.signs_in_with("github", next="/wish?for=tea").location == "/wish?for=tea"


@pytest.mark.parametrize(
    ("path", "came_from", "back"),
    [
        ("/wish", None, "/wish"),
        ("/wish/send", f"{HOME}/wish?for=tea", "/wish?for%3Dtea"),
        ("/wish/send", "https://evil.example/wish", None),
        ("/wish/send", "http://[", None),
    ],
)
def test_a_form_of_somebody_who_is_signed_out_stays_in_the_browser(
    person: Person, path: str, came_from: str | None, back: str | None
) -> None:
    headers = {"Referer": came_from} if came_from else {}
    answer = person.sends(path, data=csrf(person) | {"text": "a long letter"}, headers=headers)
    assert answer.status_code == Outcome.SIGN_IN_FIRST.status, "no redirect, which would throw it away"
    assert person.sees.heading == "What you sent was not saved"
    assert person.sees.steps == ["/people/login" + (f"?next={back}" if back else "")]
    assert 'target="_blank"' in answer.text
    sign_in_as(person.browser, "Ada Lovelace")
    assert person.sends("/wish", data=csrf(person) | {"text": "a long letter"}).text == "wished for a long letter"


def test_what_needs_a_fresh_sign_in_asks_for_one(
    person: Person, library: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.signs_in_with("github")
    assert person.opens("/close").text == "closed"
    monkeypatch.setattr(library.extensions["portal"].accounts, "is_fresh", lambda _: False)
    assert person.opens("/close?now=1").location == "/people/account/prove?next=/close?now%3D1"
    assert person.sends("/close", data=csrf(person)).status_code == Outcome.SIGN_IN_FIRST.status
    assert person.sees.steps == ["/people/account/prove?next=/close"]
    person.opens("/people/account/prove?next=/close?now%3D1")
    monkeypatch.undo()
    answer = person.returns(person.consents(person.posts("/people/account/prove/github").location))
    assert answer.location == "/close?now=1"


def test_a_switch_of_flask_login_s_opens_nothing_of_ours(library: Flask, person: Person) -> None:
    library.config["LOGIN_DISABLED"] = True
    assert person.opens("/wish").status_code == 303
    assert person.opens("/people/account").status_code == 303


# `next`: any page of the application, and of ours the marked ones.


@pytest.mark.parametrize(
    ("asked", "ends_on"),
    [
        ("/shelf/a b", "/"),
        ("/shelf/a%20b", "/shelf/a%20b"),
        ("/people/account", "/people/account"),
        ("/people/logout", "/"),
        ("/people/login/github/authorized", "/"),
        ("/people/portal-static/portal.css", "/"),
        ("/logout", "/"),
        ("/nowhere", "/"),
        ("/shelf/..%2f..", "/"),
        ("/shelf/%2e%2e", "/"),
        ("/shelf/a%5Cb", "/"),
        ("/shelf/%ff", "/"),
        ("//evil.example/shelf", "/"),
    ],
)
def test_where_a_sign_in_may_end(person: Person, asked: str, ends_on: str) -> None:
    sign_in_as(person.browser, "Ada Lovelace")
    assert person.opens("/people/login", query_string={"next": asked}).location == ends_on


def test_a_foreign_name_makes_no_redirect_uri(portal_settings: Settings) -> None:
    """T28: without a `base_url` the host that was asked goes into it, so it has to be this machine's."""
    app = make_library(PORTAL={key: value for key, value in portal_settings().items() if key != "base_url"})
    Portal(app, url_prefix="/people")
    stranger = Person(app, home="http://evil.example")
    assert stranger.opens("/people/login").status_code == 400
    assert stranger.opens("/shelf/new").status_code == 200
    assert Person(app).opens("/people/login").status_code == 200
