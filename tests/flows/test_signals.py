"""What an application is told, when, and that nothing it does with it can break a sign-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask

from portal import signals
from portal.models import OAuth, User
from portal.storage import Store, Update
from tests.person import Person

People = Callable[[], Person]
SIGNALS = {
    signal.name: signal
    for signal in (
        signals.user_signed_up,
        signals.user_signed_in,
        signals.identity_linked,
        signals.identity_unlinked,
        signals.user_deleted,
        signals.sign_in_refused,
    )
}


@dataclass
class Told:
    """What was told, and what a receiver saw in the store at that moment: users, and identities by entry."""

    store: Store
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    seen: list[tuple[int, list[str]]] = field(default_factory=list)

    def hear(self, name: str, values: dict[str, Any]) -> None:
        self.calls.append((name, values))
        self.seen.append((len(self.store.scan(User)), sorted(oauth.entry for oauth in self.store.scan(OAuth))))

    @property
    def last(self) -> tuple[str, dict[str, Any], tuple[int, list[str]]]:
        """The one call since the last time of asking."""
        ((name, values),), (seen,) = self.calls, self.seen
        self.calls, self.seen = [], []
        return name, values, seen


@pytest.fixture
def told(app: Flask, store: Store) -> Iterator[Told]:
    told, receivers = Told(store), []
    for name, signal in SIGNALS.items():

        def receive(sender: Flask, *, name: str = name, **values: Any) -> None:
            assert sender is app
            told.hear(name, values)

        signal.connect(receive)
        receivers.append((signal, receive))
    yield told
    for signal, receive in receivers:
        signal.disconnect(receive)


def test_each_is_told_once_with_its_values_and_after_the_commit(person: Person, told: Told) -> None:
    person.signs_in_with("google")
    user_id = person.user_id
    values = {"user_id": user_id, "entry": "google"}
    assert told.last == ("user-signed-up", values, (1, ["google"]))
    person.signs_out()
    assert told.calls == []
    person.signs_in_with("google")
    assert told.last == ("user-signed-in", values, (1, ["google"]))
    person.links("github")
    assert told.calls == [], "nothing has happened before the yes"
    person.confirms()
    values = {"user_id": user_id, "entry": "github"}
    assert told.last == ("identity-linked", values, (1, ["github", "google"]))
    person.unlinks("GitHub")
    assert told.last == ("identity-unlinked", values, (1, ["google"]))
    person.deletes()
    assert told.last == ("user-deleted", {"user_id": user_id, "entry": None}, (0, []))


def test_a_press_on_create_my_account_is_a_sign_up(person: Person, told: Told) -> None:
    answer = person.comes_with("facebook")
    assert told.calls == []
    person.creates_an_account(answer)
    values = {"user_id": person.user_id, "entry": "facebook"}
    assert told.last == ("user-signed-up", values, (1, ["facebook"]))


def test_an_old_way_in_is_a_sign_in_and_then_a_link(person: Person, people: People, told: Told) -> None:
    people().signs_in_with("google")
    told.calls.clear()
    answer = person.comes_with("facebook")
    person.opens(answer.location.partition("#")[0])
    person.claims_with("google")
    assert told.calls == [
        ("user-signed-in", {"user_id": person.user_id, "entry": "google"}),
        ("identity-linked", {"user_id": person.user_id, "entry": "facebook"}),
    ]


def test_a_recovery_is_a_sign_in_and_a_link(app: Flask, person: Person, people: People, told: Told) -> None:
    ada = people()
    ada.signs_in_with("google")
    told.calls.clear()
    app.extensions["portal"].accounts.membership.make_recovery(ada.user_id, "code")
    person.opens("/recover?code=code")
    person.returns(person.consents(person.posts("/recover/github").location))
    values = {"user_id": ada.user_id, "entry": "github"}
    assert sorted(told.calls) == [("identity-linked", values), ("user-signed-in", values)]


def test_a_refusal_is_told_with_its_reason(person: Person, people: People, store: Store, told: Told) -> None:
    other = people()
    other.signs_in_with("github", "grace")
    person.signs_in_with("google")
    told.calls.clear()
    told.seen.clear()
    person.links("github", "grace")
    refused = {"user_id": None, "entry": "github", "reason": "anothers"}
    assert told.last[:2] == ("sign-in-refused", refused)
    for user in store.scan(User):
        store.commit(Update(replace(user, status="suspended")))
    people().comes_with("github", "grace")
    assert told.last[:2] == ("sign-in-refused", refused | {"reason": "suspended"})


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_a_receiver_that_raises_breaks_nothing(
    person: Person, people: People, signal: NamedSignal, lines: Callable[[], list[str]], store: Store
) -> None:
    def broken(sender: Flask, **values: Any) -> None:
        raise RuntimeError("in an application's code")

    with signal.connected_to(broken):
        person.signs_in_with("google")
        assert person.account
        person.signs_out()
        person.signs_in_with("google")
        person.adds("github")
        assert "GitHub was added." in person.opens("/account").text
        person.links("github")
        assert person.page is not None
        assert person.page.status_code == 409
        person.unlinks("GitHub")
        person.deletes()
        assert store.scan(User) == []
        assert "Your account is gone," in person.opens("/").text
    assert any(signal.name in line for line in lines())


def test_the_next_receiver_hears_of_it_all_the_same(person: Person, told: Told) -> None:
    def broken(sender: Flask, **values: Any) -> None:
        raise RuntimeError

    with signals.user_signed_up.connected_to(broken):
        person.signs_in_with("google")
    assert [name for name, _ in told.calls] == ["user-signed-up"]
