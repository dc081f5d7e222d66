"""A code that was stolen on its way opens nothing in the thief's own browser (T10)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from portal.errors import Outcome
from portal.flow import Flows
from tests.flows.stops import assert_stops
from tests.person import PROVIDERS, Person


def puts_the_code_into_a_flow_of_their_own(thief: Person, provider: str, stolen: str) -> None:
    state = parse_qs(urlsplit(thief.starts(provider)).query)["state"]
    sent = {name: values for name, values in parse_qs(urlsplit(stolen).query).items() if name != "state"}
    thief.opens(f"/login/{provider}/authorized?{urlencode(sent | {'state': state}, doseq=True)}")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stolen_code_in_another_flow_signs_nobody_in(people: Callable[[], Person], provider: str) -> None:
    """T10: the verifier is in the cookie of the browser that asked."""
    ada, thief = people(), people()
    puts_the_code_into_a_flow_of_their_own(thief, provider, ada.consents(ada.starts(provider)))
    assert_stops(thief, Outcome.FLOW_USED, provider)
    assert thief.user_id is None


def test_one_verifier_for_all_would_let_the_thief_in(
    people: Callable[[], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: what a verifier that is shared or predictable is worth (T09)."""
    begin = Flows.begin

    def same_verifier(*args: object, **kwargs: object) -> object:
        flow = begin(*args, **kwargs)  # type: ignore[arg-type]
        object.__setattr__(flow, "verifier", "v" * 43)
        return flow

    monkeypatch.setattr(Flows, "begin", same_verifier)
    ada, thief = people(), people()
    puts_the_code_into_a_flow_of_their_own(thief, "github", ada.consents(ada.starts("github")))
    assert thief.user_id is not None
