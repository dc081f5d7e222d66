"""A provider whose clock is not ours: a little is nothing, more has a page and a log line that say so (T92)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from portal.errors import Outcome
from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from tests.flows.conftest import MakeApp, Rows
from tests.flows.stops import assert_stops
from tests.person import HOME, Person

HOUR = 3600  # seconds, and an ID token's life at the stand-ins


@dataclass
class Clock:
    """Goes wrong by so many seconds."""

    off: float = 0

    def __call__(self) -> float:
        return time.time() + self.off


CLOCK = Clock()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RunningSandbox]:
    """Providers with that clock."""
    with running_sandbox(redirect_base=HOME, issuers=[Issuer(name="acme")], clock=CLOCK) as running:
        yield running


@pytest.fixture
def app(make_app: MakeApp, elsewhere: RunningSandbox) -> Iterator[Flask]:
    """A portal in front of them."""
    found = {**elsewhere.settings, "acme": elsewhere.issuer_settings("acme")}
    yield make_app(
        **{
            f"PORTAL_PROVIDERS__{name}__{key}".upper(): value
            for name, settings in found.items()
            for key, value in settings.items()
        }
    )
    CLOCK.off = 0


@pytest.mark.parametrize("off", [-HOUR + 50, -50, 50], ids="{:+} s".format)
@pytest.mark.parametrize("provider", ["google", "acme"])
def test_a_little_is_nothing(person: Person, provider: str, off: int) -> None:
    """A minute ahead, and, of tokens that are not over, most of an hour behind: some issuers date them back."""
    callback = person.consents(person.starts(provider))
    CLOCK.off = off
    assert person.returns(callback).status_code == 303
    assert person.user_id


@pytest.mark.parametrize(("off", "said"), [(-HOUR - 75, "exp is -7"), (75, "iat is +7")], ids=["behind", "ahead"])
@pytest.mark.parametrize("provider", ["google", "acme"])
def test_more_is_named(
    person: Person, rows: Rows, provider: str, off: int, said: str, lines: Callable[[], list[str]]
) -> None:
    """An admin reads by how much; everybody else, that it is not their fault."""
    before = rows()
    callback = person.consents(person.starts(provider, next="/account"))
    CLOCK.off = off
    person.returns(callback)
    page = assert_stops(person, Outcome.CLOCKS_DIFFER, provider)
    assert page.form(f"/login/{provider}").fields["next"] == "/account"
    assert (rows(), person.user_id) == (before, None)
    (line,) = lines()
    assert said in line
    assert " s from this server's clock" in line
    assert person.page is not None
    assert "from this server" not in person.page.text, "to whoever asks the page doesn't say by how much"
    CLOCK.off = 0
    assert person.ends_on(person.consents(person.posts(f"/login/{provider}").location)) == "/account"


def test_where_nothing_is_dated_the_clock_does_not_matter(person: Person) -> None:
    callback = person.consents(person.starts("github"))
    CLOCK.off = HOUR / 12
    assert person.returns(callback).status_code == 303
