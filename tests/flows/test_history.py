"""The person's own history: what stands in it, in which words, and who can read it."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from jinja2 import Environment, FileSystemLoader

from portal.history import SHOWN
from portal.linking import Reason
from portal.models import Event
from portal.records import WHATS
from portal.storage import Insert, Store
from portal.views import TEMPLATES
from tests.flows.test_every_page import assert_well_made
from tests.person import Person
from tests.source_tree import OURS, modules

People = Callable[[], Person]
FIREFOX = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"}
_LINE = re.compile(r'<p class="label">(.*?)</p>\s*<p class="hint">(.*?)</p>', re.DOTALL)


def read(person: Person, query: str = "") -> list[tuple[str, str]]:
    """What the page says: what happened, and the smaller line below it."""
    assert person.opens(f"/account/history{query}").status_code == 200
    assert person.page
    found = _LINE.findall(person.page.text.partition("<ol")[2])
    return [tuple(" ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split()) for text in line) for line in found]


def said(person: Person) -> list[str]:
    return [line.removesuffix(" This browser") for line, _ in read(person)]


def notes(store: Store) -> list[tuple[str, str | None, str | None]]:
    """Whose, by what and why, of every refusal that stands in somebody's history."""
    return [(event.user_id, event.entry, event.note) for event in store.scan(Event) if event.what == "refused"]


def put(store: Store, user_id: str, count: int) -> None:
    """As if so much had happened there before anything else."""
    then = datetime(2025, 1, 1, tzinfo=UTC)
    ids = (f"{2**53 - number:014x}000000" for number in range(count))
    store.commit(*(Insert(Event(user_id, each, "signed-in", then, None, None, "github")) for each in ids))


# The words.


def test_it_says_what_happened_with_which_provider_and_in_which_browser(person: Person, people: People) -> None:
    person.returns(person.consents(person.starts("github")), headers=FIREFOX)
    person.adds("google")
    person.renames("Countess")
    person.unlinks("Google")
    assert said(person) == [
        "Removed Google",
        "Changed the name that is shown",
        "Added Google",
        "Account made with GitHub",
    ]
    first = read(person)[-1]
    assert first[1].endswith("· Firefox on Windows")
    assert re.match(r"\d{1,2} \w+ \d{4}, \d\d:\d\d · ", first[1])
    phone = people()
    phone.signs_in_with("github")
    assert read(phone)[0][0] == "Signed in with GitHub This browser"
    assert read(person)[0][0] == "Signed in with GitHub"
    phone.opens("/account")
    phone.posts("/account/sessions/end-others")
    phone.signs_out()
    phone.signs_in_with("github")
    assert said(phone)[:4] == [
        "Signed in with GitHub",
        "Signed out",
        "Signed out all other devices",
        "Signed in with GitHub",
    ]


def test_every_event_that_is_written_anywhere_has_words(app: Flask) -> None:
    """What a part of the portal writes down has a name that a person reads, and an admin can ask for."""
    written = {
        call.args[1].value
        for module in OURS
        for call in ast.walk(modules()[module])
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"event", "_change", "note"}
        and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    }
    assert "signed-in" in written
    assert written - WHATS == set()
    words: Any = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("portal/_events.html")
    assert set(words.module.said) == WHATS
    assert len({words for words, _ in words.module.said.values()}) >= len(WHATS) - 1, "nearly each reads differently"
    assert {reason.value for reason in Reason} - {"last-way-in", "not-found"} == set(words.module.why)


def test_what_a_newer_version_wrote_is_told_as_it_is(person: Person, store: Store) -> None:
    """T101."""
    person.signs_in_with("github")
    when = datetime.now(UTC)
    store.commit(Insert(Event(person.user_id or "", "0" * 20, "beamed-up", when, None, None, "<b>x", note="<i>why")))
    assert read(person)[0] == (
        "Something of a newer version: beamed-up",
        f"{when:%-d %B %Y, %H:%M} · <i>why",
    )
    assert {"b", "i"} & set(person.sees.tags) == set()


def test_the_page_is_well_made_with_much_in_it_and_with_nothing(person: Person, store: Store) -> None:
    person.signs_in_with("github")
    put(store, person.user_id or "", 3 * SHOWN)
    for query in ("", f"?before={2**53 - SHOWN:014x}000000", f"?before={'f' * 20}"):
        read(person, query)
        assert_well_made(person)
    assert "There is nothing older than that." in person.page.text  # type: ignore[union-attr]


# Page by page.


def test_following_older_leads_through_all_of_it_once(person: Person, store: Store) -> None:
    person.signs_in_with("github")
    put(store, person.user_id or "", 2 * SHOWN)
    pages, query = [], ""
    while True:
        pages.append(read(person, query))
        assert ("/account/history" in person.sees.links) is bool(query), "to the newest, from anywhere else"
        older = [link for link in person.sees.links if "before=" in link]
        if not older:
            break
        query = older[0].removeprefix("/account/history")
    assert [len(page) for page in pages] == [SHOWN, SHOWN, 1]
    assert pages[-1][0][0] == "Signed in with GitHub"


@pytest.mark.parametrize(
    "before",
    ["", "x", "0", "g" * 20, "F" * 20, "0" * 19, "0" * 21, "0" * 5000, "../..", "%00", "%ff", "__a__", "٣" * 20, "1;2"],
)
def test_a_cursor_that_is_none_is_the_first_page(person: Person, before: str) -> None:
    person.signs_in_with("github")
    assert [line for line, _ in read(person, f"?before={before}&before=y")] == ["Account made with GitHub This browser"]


def test_a_cursor_of_somebody_else_s_is_a_place_in_one_s_own(person: Person, people: People, store: Store) -> None:
    """T42: there is nothing in it to forge, for whose history it is comes from the session alone."""
    grace = people()
    grace.signs_in_with("google", "grace")
    put(store, grace.user_id or "", 2 * SHOWN)
    read(grace)
    theirs = next(link for link in grace.sees.links if "before=" in link)
    person.signs_in_with("github")
    cursor = theirs.partition("?")[2]
    assert {line for line, _ in read(person, f"?{cursor}")} <= {"Account made with GitHub This browser"}
    assert "Grace" not in person.page.text  # type: ignore[union-attr]


def test_nobody_reads_it_who_is_not_signed_in(person: Person) -> None:
    answer = person.opens("/account/history")
    assert (answer.status_code, answer.location) == (303, "/login?next=/account/history")
    person.signs_in_with("github", next="/account/history")
    assert person.page
    assert person.page.location == "/account/history"


# Who was turned away (T104), and what costs nothing (T67).


def test_who_is_suspended_finds_later_that_they_were_turned_away(person: Person, app: Flask, store: Store) -> None:
    person.signs_in_with("github")
    here, user_id = app.extensions["portal"], person.user_id
    oversight = here.accounts.oversight
    assert oversight.suspend(user_id, by="command line: root", reason="A question is open")
    person.returns(person.consents(person.starts("github")), headers=FIREFOX)
    assert notes(store) == [(user_id, "github", "suspended")]
    assert oversight.restore(user_id, by="command line: root", reason=None)
    person.signs_in_with("github")
    told = read(person)
    assert [line for line, _ in told] == [
        "Signed in with GitHub This browser",
        "Account restored",
        "Turned away with GitHub: the account was suspended",
        "Account suspended",
        "Account made with GitHub",
    ]
    assert told[1][1].endswith("· by an admin")
    assert told[2][1].endswith("· Firefox on Windows")
    assert told[3][1].endswith("· by an admin · A question is open")
    assert "root" not in person.page.text, "who of the admins, is theirs to know"  # type: ignore[union-attr]


def test_a_refusal_stands_with_whom_it_concerns(person: Person, people: People, store: Store) -> None:
    grace = people()
    grace.signs_in_with("google", "grace")
    other_tab = person.consents(person.starts("google"), "grace")
    person.signs_in_with("github")
    person.returns(other_tab)  # her identity, in a browser that is signed in as Ada by now
    person.links("google", "grace")
    person.links("github")
    ada = person.user_id
    assert sorted(notes(store)) == sorted(
        [
            (grace.user_id, "google", "signed-in-as-another"),
            (ada, "google", "anothers"),
            (ada, "github", "already-yours"),
        ]
    )
    assert said(grace)[0] == "Turned away with Google: another account was signed in there"
    assert said(person)[:2] == [
        "Turned away with GitHub: it opens this account already",
        "Turned away with Google: it opens another account",
    ]


def test_what_concerns_nobody_is_in_the_log_alone(person: Person, store: Store, lines: Callable[[], list[str]]) -> None:
    person.returns(person.consents(person.starts("github"), "deny"))
    person.opens("/login/github/authorized?code=c&state=" + "s" * 43)
    assert store.scan(Event) == []
    assert [line.split()[1] for line in lines()] == ["denied", "flow-missing"]
