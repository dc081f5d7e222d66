"""Every way to end on the error page has its words, a next step, and a status that says whose fault it is."""

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.errors import Outcome
from portal.views import TEMPLATES

STEPS = {"again", "choose", "another", "prove", "signed-in", "account", "add", "back", "wait"}


class Provider:
    title = "Example Sign-In"


def words(provider: object, *, for_account: bool = False) -> dict[str, tuple[str, str, str, str]]:
    """The words as the error page imports them."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    template = environment.get_template("portal/_outcomes.html")
    return template.make_module({"provider": provider, "for_account": for_account}).words


@pytest.mark.parametrize("provider", [None, Provider()], ids=["no provider", "a provider"])
def test_each_outcome_has_words_and_no_words_are_left_over(provider):
    assert set(words(provider)) == {outcome.code for outcome in Outcome}


@pytest.mark.parametrize("for_account", [False, True], ids=["signing in", "signed in"])
@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_said_is_a_title_what_happened_and_what_to_do(outcome, for_account):
    title, happened, next_step, step = words(Provider(), for_account=for_account)[outcome.code]
    assert not title.endswith(".")
    assert happened.endswith(".")
    assert next_step.endswith(":" if step == "add" else ".")  # the buttons follow
    assert step in STEPS


@pytest.mark.parametrize("outcome", Outcome)
def test_the_words_read_well_without_a_provider(outcome):
    said = " ".join(words(None)[outcome.code])
    assert "None" not in said
    assert said[0].isupper()


def test_the_codes_are_told_apart():
    assert len({outcome.code for outcome in Outcome}) == len(Outcome)  # equal members would be aliases, and silent
    assert len(Outcome.__members__) == len(Outcome)


def test_only_a_bug_is_an_error_of_500():
    assert [outcome for outcome in Outcome if outcome.status == 500] == [Outcome.BROKEN]


def test_every_status_is_one_that_refuses():
    assert {outcome.status for outcome in Outcome} <= {400, 403, 404, 405, 409, 413, 500, 502, 503}
