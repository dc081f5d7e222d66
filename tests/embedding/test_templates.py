"""The application's templates: the two macros in them, and each of ours that it has a version of its own of."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, render_template_string

from portal import Portal
from portal.testing import Person, sign_in_as
from tests.embedding.conftest import Settings
from tests.flows.conftest import _CompiledOnce

MENU = '{% from "portal/macros.html" import sign_in_button, user_menu %}<p>'


def make_templated(folder: Path, settings: dict[str, object], page: str = "{{ user_menu() }}") -> Flask:
    app = Flask("templated", static_folder=None, template_folder=str(folder / "templates"))
    app.config.update(SECRET_KEY="templated", TESTING=True, PORTAL=settings)
    if not (folder / "templates").exists():
        app.jinja_env.bytecode_cache = _CompiledOnce()
    app.add_url_rule("/page", "page", lambda: render_template_string(MENU + page))
    app.add_url_rule("/form", "form", lambda: render_template_string(MENU + page), methods=["POST"])
    Portal(app, url_prefix="/people")
    return app


def test_a_template_of_the_application_s_takes_the_place_of_ours_one_by_one(
    tmp_path: Path, portal_settings: Settings
) -> None:
    own = tmp_path / "templates" / "portal"
    own.mkdir(parents=True)
    (own / "welcome.html").write_text("Hello, {{ identity.name }}! {{ title }}", encoding="utf-8")
    person = Person(make_templated(tmp_path, portal_settings()))
    person.signs_in_with("google")
    person.signs_out()
    assert person.opens("/people/login").status_code == 200
    assert "Library card" in person.page.text, "the others are ours"  # type: ignore[union-attr]
    other = Person(person.app)
    asked = other.comes_with("facebook", "ada")
    if other.is_asked(asked):
        assert other.opens(asked.location).text.startswith("Hello, Ada Lovelace! Library card")
    else:
        pytest.fail("nobody was asked")


def test_the_menu_of_nobody_leads_to_the_sign_in_and_back(tmp_path: Path, portal_settings: Settings) -> None:
    person = Person(make_templated(tmp_path, portal_settings()))
    page = person.opens("/page?a=1")
    assert '<a class="portal-sign-in" href="/people/login?next=/page?a%3D1">Sign in</a>' in page.text
    assert "Set-Cookie" not in page.headers, "a page for strangers stays one that can be cached"
    assert person.sends("/form", method="POST").text.count('href="/people/login"') == 1, "a POST is no place to go to"


def test_the_menu_of_somebody_has_their_picture_name_and_the_way_out(tmp_path: Path, portal_settings: Settings) -> None:
    person = Person(make_templated(tmp_path, portal_settings()))
    user = sign_in_as(person.browser, "<b>Ada</b> & Co")
    page = person.opens("/page")
    assert "&lt;b&gt;Ada&lt;/b&gt; &amp; Co" in page.text
    (picture,) = [address for address in person.sees.addresses if "avatar" in address]
    assert user.id in picture
    assert person.opens(picture).mimetype.startswith("image/")
    person.opens("/page")
    assert person.posts("/people/logout").location == "/people/"
    assert "Sign in" in person.opens("/page").text


def test_a_provider_s_button_is_one_press_from_the_page(tmp_path: Path, portal_settings: Settings) -> None:
    page = "{{ sign_in_button('github') }}{{ sign_in_button('nobody') }}{{ sign_in_button() }}"
    person = Person(make_templated(tmp_path, portal_settings(), page))
    person.opens("/page?a=1")
    assert [form.action for form in person.sees.forms] == ["/people/login/github"], "one that is off has no button"
    assert person.sees.forms[0].button == "Continue with GitHub"
    started = person.posts("/people/login/github")
    assert person.returns(person.consents(started.location)).location == "/page?a=1"


def test_a_name_of_the_application_s_does_not_get_into_the_macros(tmp_path: Path, portal_settings: Settings) -> None:
    """Jinja gives what is imported no values of the page, and so a page may have a `portal` of its own."""
    app = make_templated(tmp_path, portal_settings())
    with app.test_request_context("/page"):
        assert "Sign in" in render_template_string(MENU + "{{ user_menu() }}", portal="mine", user="mine")
