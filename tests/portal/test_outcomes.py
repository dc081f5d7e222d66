"""Every way to end on the error page has its words, a next step, and a status that says whose fault it is."""

import ast
import re
from functools import cache

import pytest
from click.testing import CliRunner
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manage import main
from portal.advice import ADVICE
from portal.config.settings import ProviderSettings, Settings, keys_of
from portal.errors import Outcome
from portal.views import TEMPLATES
from tests.source_tree import ROOT, modules

STEPS = {"again", "choose", "another", "prove", "signed-in", "account", "add", "back", "tab", "wait"}


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


# What an admin reads.

SETTINGS = {*keys_of(Settings), *keys_of(ProviderSettings)}


def test_each_outcome_has_advice_and_no_advice_is_left_over():
    assert list(ADVICE) == list(Outcome), "in the order of the list, so that one finds one's way"


@pytest.mark.parametrize("outcome", Outcome)
def test_advice_is_whole_sentences_that_end_in_something_to_do_or_in_nothing(outcome):
    advice = ADVICE[outcome]
    assert advice[0].isupper()
    assert advice.endswith(".")
    assert "  " not in advice
    assert 40 < len(advice) < 300
    assert re.search(
        r"[Nn]othing to do|[Ll]ook at|[Cc]ompare|[Ww]rite|[Mm]ake|[Cc]orrect|report|They can|[Mm]any at once|"
        r"every sign-in|If that was not meant",
        advice,
    )


def test_the_settings_that_advice_names_are_settings():
    named = {word for advice in ADVICE.values() for word in re.findall(r"\b[a-z]+_[a-z_]+\b", advice)}
    assert named >= {"base_url", "client_id", "client_secret", "secret_key"}
    assert named <= SETTINGS


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.status >= 500])
def test_where_the_fault_is_not_the_person_s_the_admin_is_told_where_to_look(outcome):
    assert "Nothing to do" not in ADVICE[outcome]


def test_the_list_in_the_documentation_is_the_one_in_the_code():
    printed = CliRunner().invoke(main, ["errors"])
    assert printed.exit_code == 0, printed.output
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == printed.output, "run: python manage.py errors > docs/errors.md"


def test_the_list_has_every_code_status_and_sentence():
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    said_of = words(None)
    for outcome in Outcome:
        heading, happened, what_next, _ = said_of[outcome.code]
        section = written.partition(f"\n## {outcome.code}\n")[2].partition("\n## ")[0]
        for said in (str(outcome.status), heading, happened, what_next, ADVICE[outcome]):
            assert said in section, (outcome, said)


# Where they come from.

LISTS = {"_WITHOUT_BUTTONS", "ADVICE"}  # which say something of an outcome, and raise none


def outcomes_named_in(tree: ast.Module) -> set[str]:
    """The outcomes that a module may end a request on."""
    lists = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and {getattr(target, "id", "") for target in node.targets} & LISTS
    ]
    left_out = {id(inner) for node in lists for inner in ast.walk(node)}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Outcome"
        and id(node) not in left_out
    }


@cache
def raised_anywhere() -> set[str]:
    return set().union(*map(outcomes_named_in, modules().values()))


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_raised_somewhere(outcome):
    assert outcome.name in raised_anywhere(), f"nothing ends on {outcome.code}: take it off the list"


def test_an_outcome_that_is_only_listed_would_be_found():
    """The negative control."""
    tree = ast.parse("ADVICE = {Outcome.DENIED: ''}\n_BY_STATUS = {404: Outcome.NOT_FOUND}")
    assert outcomes_named_in(tree) == {"NOT_FOUND"}


@cache
def named_in_tests() -> set[str]:
    folders = [ROOT / "tests" / name for name in ("flows", "embedding")]
    tests = [file for folder in folders for file in folder.glob("test_*.py") if file.name != "test_every_page.py"]
    return {name for file in tests for name in re.findall(r"\bOutcome\.([A-Z_]+)\b", file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_reached_through_the_front_door_by_a_test(outcome):
    """By name, in a test that isn't made for all of them alike."""
    assert outcome.name in named_in_tests()
