"""The store in trouble, at each of its calls in turn: a 503, nothing half-written, never taken for "nobody there"."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Any

import pytest

from portal.errors import AlreadyExists, CommitUnknown, NotFound, Outcome, StoreError
from portal.models import Token
from portal.storage import Delete, Mutation, Store, open_store
from tests.flows.conftest import MakeApp, count_rows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person


class Trouble(Enum):
    DOWN = auto()  # nothing was done
    LOST = auto()  # a commit: nobody knows, and it was not applied
    UNSEEN = auto()  # a commit: nobody knows, and it was applied
    OVERTAKEN = auto()  # a commit: somebody else was quicker
    GONE = auto()  # a commit: what it updates is not there


class Troubled:
    """A store that fails at calls of one's choice, counted from 0 since `troubles` was set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.troubles: dict[int, Trouble] = {}
        self.always: Trouble | None = None
        self.calls = 0

    def plans(self, troubles: dict[int, Trouble] | None = None, *, always: Trouble | None = None) -> None:
        self.calls, self.troubles, self.always = 0, troubles or {}, always

    def look_up(self, *keys: Any) -> Any:
        self._fail_if(Trouble.DOWN)
        return self._store.look_up(*keys)

    def list_at(self, keys: Any) -> Any:
        self._fail_if(Trouble.DOWN)
        return self._store.list_at(keys)

    def commit(self, *mutations: Mutation) -> None:
        trouble = self._fail_if(Trouble.DOWN)
        if trouble is Trouble.UNSEEN:
            self._store.commit(*mutations)
        if trouble in {Trouble.LOST, Trouble.UNSEEN}:
            raise CommitUnknown("the answer was lost")
        if trouble is Trouble.OVERTAKEN:
            raise AlreadyExists
        if trouble is Trouble.GONE:
            raise NotFound
        self._store.commit(*mutations)

    def _fail_if(self, kind: Trouble) -> Trouble | None:
        trouble = self.troubles.get(self.calls, self.always)
        self.calls += 1
        if trouble is kind:
            raise StoreError("out of reach")
        return trouble

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def troubled(tmp_path: Path) -> Troubled:
    """An empty one, without trouble yet."""
    return Troubled(open_store(f"sqlite:///{tmp_path}/portal.db"))


@pytest.fixture
def app(make_app: MakeApp, troubled: Troubled) -> Any:
    app = make_app(store=troubled)  # type: ignore[arg-type]
    app.test_client().get("/readyz")  # what a process does once is done
    return app


@pytest.fixture
def rows(troubled: Troubled) -> Callable[[], dict[str, int]]:
    return lambda: count_rows(troubled._store)


ONE = {"User": 1, "OAuth": 1, "Token": 1, "Session": 1, "Email": 1, "Event": 1}


# Out of reach.


@pytest.mark.parametrize("path", ["/", "/account", "/login", "/login/github", "/login?next=/account"])
def test_a_page_of_a_signed_in_person_is_a_503_at_whichever_call_fails(
    person: Person, troubled: Troubled, path: str, lines: Callable[[], list[str]]
) -> None:
    person.signs_in_with("github")
    troubled.plans()
    person.opens(path)
    needed = troubled.calls
    assert needed >= 1
    for call in range(needed):
        troubled.plans({call: Trouble.DOWN})
        person.opens(path)
        assert_stops(person, Outcome.STORE_DOWN)
        assert person.user_id, "an error is no absence (T93): the cookie stays"
    assert len(lines()) == needed
    troubled.plans()
    assert person.account


@pytest.mark.parametrize("path", ["/", "/account", "/login", "/login/github"])
def test_a_store_that_stays_down_is_a_503_too(person: Person, troubled: Troubled, path: str) -> None:
    person.signs_in_with("github")
    troubled.plans(always=Trouble.DOWN)
    person.opens(path)
    assert_stops(person, Outcome.STORE_DOWN)


def test_who_is_not_signed_in_sees_the_sign_in_page_without_the_store(person: Person, troubled: Troubled) -> None:
    troubled.plans(always=Trouble.DOWN)
    for path in ("/", "/login", "/login/google"):
        assert person.opens(path).status_code == 200
    person.starts("google")
    assert troubled.calls == 0


@pytest.mark.parametrize("first_time", [True, False])
def test_a_callback_is_a_503_at_whichever_call_fails_and_writes_nothing(
    people: Callable[[], Person], troubled: Troubled, rows: Callable[[], dict[str, int]], first_time: bool
) -> None:
    if not first_time:
        people().signs_in_with("github")
    before = rows()
    for call in itertools.count():
        person = people()
        callback = person.consents(person.starts("github", next="/account"))
        troubled.plans({call: Trouble.DOWN})
        if person.returns(callback).status_code == 303:
            assert call == troubled.calls, "every call was tried"
            break
        page = assert_stops(person, Outcome.STORE_DOWN)
        assert "/login?next=/account" in page.links, "where the person wanted to go is not lost"
        assert person.user_id is None
        assert rows() == before
    assert call >= 2
    assert rows()["User"] == 1


def test_a_callback_beside_a_session_is_a_503_while_the_store_stays_down(person: Person, troubled: Troubled) -> None:
    callback = person.consents(person.starts("github"))
    person.signs_in_with("github")
    cookie = person.cookies["portal_session"]
    troubled.plans(always=Trouble.DOWN)
    person.returns(callback)
    assert_stops(person, Outcome.STORE_DOWN)
    assert person.cookies["portal_session"] == cookie


def test_a_second_arrival_is_a_503_while_the_store_stays_down(person: Person, troubled: Troubled) -> None:
    callback = person.consents(person.starts("github"))
    person.returns(callback)
    troubled.plans(always=Trouble.DOWN)
    person.returns(callback)
    assert_stops(person, Outcome.STORE_DOWN)


def test_another_stop_stays_itself_while_the_store_is_down(person: Person, troubled: Troubled) -> None:
    """The error page asks no store: it may be what is broken."""
    person.signs_in_with("github")
    troubled.plans(always=Trouble.DOWN)
    person.opens("/login/github/authorized")
    assert_stops(person, Outcome.BAD_CALLBACK, "github")
    person.opens("/nowhere")
    assert_stops(person, Outcome.NOT_FOUND)
    assert troubled.calls == 0


def test_signing_out_is_a_503_at_whichever_call_fails_and_can_be_tried_again(
    person: Person, troubled: Troubled, rows: Callable[[], dict[str, int]]
) -> None:
    person.signs_in_with("github")
    for call in range(2):
        person.opens("/account")
        troubled.plans({call: Trouble.DOWN})
        person.posts("/logout")
        assert_stops(person, Outcome.STORE_DOWN)
        assert rows()["Session"] == 1
    person.signs_out()
    assert rows()["Session"] == 0


# Answers that got lost (T94).


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.UNSEEN])
@pytest.mark.parametrize("times", [1, 3])
def test_a_first_sign_in_whose_answer_is_lost_makes_exactly_one_user(
    person: Person,
    troubled: Troubled,
    rows: Callable[[], dict[str, int]],
    provider: str,
    trouble: Trouble,
    times: int,
) -> None:
    callback = person.consents(person.starts(provider))
    if provider == "facebook":  # whose first arrival waits for a press, which is what then makes the user
        person.opens(person.returns(callback).location)
        troubled.plans(dict.fromkeys(range(times + 3), trouble))  # reads are not troubled by it
        assert person.posts("/welcome").status_code == 303
    else:
        troubled.plans(dict.fromkeys(range(times + 2), trouble))
        assert person.returns(callback).status_code == 303
    assert rows() == ONE
    assert "Ada Lovelace" in (person.account or "")


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.UNSEEN])
def test_a_return_whose_answer_is_lost_makes_exactly_one_session(
    people: Callable[[], Person], troubled: Troubled, rows: Callable[[], dict[str, int]], trouble: Trouble
) -> None:
    people().signs_in_with("github")
    person = people()
    callback = person.consents(person.starts("github"))
    troubled.plans(dict.fromkeys(range(4), trouble))
    assert person.returns(callback).status_code == 303
    assert rows() == ONE | {"Session": 2, "Event": 2}
    assert person.account


@pytest.mark.parametrize("trouble", [Trouble.OVERTAKEN, Trouble.GONE, Trouble.LOST])
def test_a_storm_that_does_not_end_is_a_503_and_nothing_written(
    person: Person, troubled: Troubled, rows: Callable[[], dict[str, int]], trouble: Trouble
) -> None:
    before = rows()
    callback = person.consents(person.starts("github"))
    troubled.plans(always=trouble)
    person.returns(callback)
    assert_stops(person, Outcome.STORE_DOWN)
    assert troubled.calls < 50
    assert rows() == before
    troubled.plans()
    person.signs_in_with("github")
    assert rows() == ONE


@pytest.mark.parametrize("trouble", [Trouble.OVERTAKEN, Trouble.GONE])
def test_a_storm_that_ends_is_not_noticed(
    person: Person, troubled: Troubled, rows: Callable[[], dict[str, int]], trouble: Trouble
) -> None:
    callback = person.consents(person.starts("github"))
    troubled.plans(dict.fromkeys(range(6), trouble))
    assert person.returns(callback).status_code == 303
    assert rows() == ONE


def test_a_row_that_is_missing_beside_its_fellows_is_a_503_and_no_second_user(
    person: Person, people: Callable[[], Person], troubled: Troubled, rows: Callable[[], dict[str, int]]
) -> None:
    """An identity without its token is a write seen half, or a database restored half: no stranger, and no bug."""
    person.signs_in_with("github")
    (token,) = troubled._store.scan(Token)
    troubled._store.commit(Delete(token.key))
    before = rows()
    stranger = people()
    stranger.signs_in_with("github")
    assert_stops(stranger, Outcome.STORE_DOWN)
    assert rows() == before
