"""Where a person may be sent: judged by a browser's own URL rules (WHATWG), on the header that is really sent."""

from urllib.parse import urljoin, urlsplit

import pytest
from ada_url import URL
from flask import Flask, redirect, request
from hostile_urls import HOSTILE, NO_TEXT
from hypothesis import example, given
from hypothesis import strategies as st

from portal.security import LONGEST_NEXT, may_be_next, next_target

SITE = "https://portal.example"
PAGE = SITE + "/login/github/authorized"


def make_app() -> Flask:
    """An application with pages a person may be sent to, and with all that they may not."""
    app = Flask("bare", static_folder=None)
    for rule in ("/", "/account", "/shelf/", "/books/<name>", "/account/<path:rest>"):
        app.add_url_rule(rule, f"marked {rule}", may_be_next(lambda **_: "page"))
    for rule in ("/login", "/login/github", "/login/github/authorized", "/plain"):
        app.add_url_rule(rule, f"unmarked {rule}", lambda: "page")
    app.add_url_rule("/logout", "logout", may_be_next(lambda: "out"), methods=["POST"])
    app.add_url_rule("/no-view", "no view")
    return app


APP = make_app()


@pytest.fixture(autouse=True)
def in_a_request():
    with APP.test_request_context("/login/github/authorized", base_url=SITE):
        yield


def leads_to(target: str) -> URL:
    """Where a browser goes that gets this redirect on our callback page."""
    return URL(redirect(target, 303).get_wsgi_headers(request.environ)["Location"], base=PAGE)


def naive_is_safe(target: str) -> bool:
    """The check that is copied from page to page."""
    ours, theirs = urlsplit(request.host_url), urlsplit(urljoin(request.host_url, target))
    return theirs.scheme in ("http", "https") and ours.netloc == theirs.netloc


def test_no_hostile_value_leads_off_the_site():
    """T20."""
    assert len(HOSTILE) >= 500
    targets = {value: next_target(value) for value in HOSTILE}
    assert [value for value, target in targets.items() if leads_to(target).origin != SITE] == []
    # Nor to another page of it than was looked at: a browser resolves `..` before it asks.
    assert [value for value, target in targets.items() if leads_to(target).href != SITE + target] == []


def test_the_copied_check_lets_some_of_them_off_the_site():
    """Or else the values above would not be hostile, and the judge no judge."""
    gone = crashed = 0
    for value in HOSTILE:
        try:
            gone += naive_is_safe(value) and leads_to(value).origin != SITE
        except ValueError:
            crashed += 1
    assert gone >= 20
    assert crashed >= 5


@pytest.mark.parametrize("value", NO_TEXT)
def test_what_is_no_text_leads_home(value):
    assert next_target(value) == "/"


@pytest.mark.parametrize(
    "value",
    ["/", "/account", "/shelf/", "/books/a.b-c_d~1", "/account/deep/er", "/account?tab=history", "/?a=1&b=2&a=3"],
)
def test_a_good_value_is_kept(value):
    assert next_target(value) == value


@pytest.mark.parametrize(
    ("value", "rebuilt"),
    [
        ("/account?", "/account"),
        ("/account?&&", "/account"),
        ("/account?tab", "/account?tab="),
        ("/account?q=a+b", "/account?q=a%20b"),
        ("/account?to=https://evil.example/", "/account?to=https%3A%2F%2Fevil.example%2F"),
        ("/account?x=%0d%0aSet-Cookie:a=b", "/account?x=%0D%0ASet-Cookie%3Aa%3Db"),
        ("/account?q=%C3%A5", "/account?q=%C3%A5"),
    ],
)
def test_a_query_is_rebuilt_from_its_fields(value, rebuilt):
    assert next_target(value) == rebuilt


@pytest.mark.parametrize(
    "value",
    [
        "/login",
        "/login?next=/account",
        "/login/github",
        "/login/github/authorized?state=x&code=y",
        "/logout",
        "/plain",
        "/no-view",
        "/nowhere",
        "/shelf",  # a redirect of werkzeug's own, which nobody has looked at
        "/account/",
        "/books/",
    ],
)
def test_only_marked_pages_that_answer_a_get_are_accepted(value):
    """T22."""
    assert next_target(value) == "/"


def test_a_value_may_not_grow_past_the_limit_while_it_is_rebuilt():
    """Each @ becomes %40; the flow's cookie is sized for the limit."""
    ats, rest = divmod(LONGEST_NEXT - len("/account?q="), len("%40"))
    fits, grows = "/account?q=" + "x" * rest + "@" * ats, "/account?q=" + "x" * rest + "@" * (ats + 1)
    assert len(next_target(fits)) == LONGEST_NEXT
    assert next_target(grows) == "/"


pieces = st.sampled_from([*"/\\.?&=#@:%;+~", "//", "account", "/account", "/shelf/", "%2f", "\t", "\n", "evil.example"])


@given(st.lists(pieces | st.text(max_size=2), max_size=12).map("".join))
@example("/account?a=%")
@example("/account?" + "@" * 500)
@example("/account?\udcff")
def test_whatever_is_given_the_answer_is_a_marked_page_of_ours_and_stays_the_same(value):
    target = next_target(value)
    place = leads_to(target)
    assert place.origin == SITE
    assert place.pathname + place.search == target
    assert place.pathname in {"/", "/account", "/shelf/"} or place.pathname.startswith(("/account/", "/books/"))
    assert next_target(target) == target


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.binary(), st.lists(st.text())))
def test_it_never_raises_whatever_the_type(value):
    """T21."""
    assert next_target(value) == "/"
