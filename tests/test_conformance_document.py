"""docs/conformance.md is whole, and every test it names exists and expects what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.flows import test_conformance
from tests.flows.conformance import ACCEPTED, REFUSED

DOCUMENT = (Path(__file__).parents[1] / "docs" / "conformance.md").read_text()
OUTCOMES = {  # what each of the tests that are named proves
    "test_a_good_issuer_signs_in_with_one_call_more_for_its_keys": "signed in",
    "test_what_is_odd_but_right_signs_in": "signed in",
    "test_a_key_changed_just_before_signing_is_found_as_well": "signed in",
    "test_a_new_key_is_fetched_once_and_the_sign_in_succeeds": "signed in",
    "test_what_is_wrong_signs_nobody_in": "refused",
    "test_a_discovery_document_of_another_issuer_is_a_page_before_anything_starts": "refused",
}


class Row(NamedTuple):
    names: str
    wanted: str
    here: str
    test: str


def rows(text: str) -> list[Row]:
    found = re.findall(r"^\| (`[^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return [Row(*cells) for cells in found]


def wrong(row: Row) -> Iterator[str]:
    """What is not as it should be about one row."""
    if row.test.startswith("not applicable, because "):
        if (row.wanted, row.here) != ("–", "–"):
            yield "not applicable, and yet something is expected"
        return
    named = re.fullmatch(r"`flows/test_conformance\.py::(\w+)(?:\[([\w-]+)\])?`", row.test)
    if named is None or named[1] not in OUTCOMES or not hasattr(test_conformance, named[1]):
        yield f"no test and no reason: {row.test}"
        return
    known = parameters_of(named[1])
    if named[2] not in (known or [None]):
        yield f"{named[1]} has no parameter {named[2]}"
    if row.here != OUTCOMES[named[1]]:
        yield f"said to be {row.here}, and tested to be {OUTCOMES[named[1]]}"


def parameters_of(test: str) -> list[object]:
    marks = [mark for mark in getattr(getattr(test_conformance, test), "pytestmark", []) if mark.name == "parametrize"]
    values = [value for mark in marks for value in mark.args[1]]
    return [getattr(value, "values", [value])[0] for value in values]


@pytest.mark.parametrize("row", rows(DOCUMENT), ids=lambda row: row.names)
def test_every_row_names_a_test_that_expects_what_it_says_or_a_reason(row: Row) -> None:
    assert list(wrong(row)) == []


def test_the_plans_are_whole() -> None:
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
    assert {name: len(rows(text)) for name, text in sections.items()} == {
        "Basic RP": 14,
        "Config RP": 6,
        "Other OpenID Connect tests of relying parties": 11,
        "FAPI 2.0": 25,
        "Our own": 0,
    }


def test_every_test_that_the_text_names_exists() -> None:
    named = re.findall(r"`flows/test_conformance\.py::(\w+)", DOCUMENT)
    assert [test for test in named if not hasattr(test_conformance, test)] == []


def test_where_we_do_otherwise_than_the_list_wants_the_text_says_why() -> None:
    odd = {row.names for row in rows(DOCUMENT) if row.wanted not in (row.here, "–", "either")}
    assert odd == {"`oidcc-client-test-idtoken-sig-none`"}
    assert "**`idtoken-sig-none`**" in DOCUMENT


@pytest.mark.parametrize(
    "row",
    [
        Row("`a`", "refused", "refused", "`flows/test_conformance.py::test_what_is_wrong_signs_nobody_in[kind]`"),
        Row("`a`", "refused", "refused", "`flows/test_conformance.py::test_what_is_wrong_signs_nobody_in`"),
        Row(
            "`a`", "signed in", "signed in", "`flows/test_conformance.py::test_what_is_wrong_signs_nobody_in[expired]`"
        ),
        Row("`a`", "refused", "refused", "`flows/test_conformance.py::test_nothing`"),
        Row("`a`", "refused", "refused", "later"),
        Row("`a`", "refused", "–", "not applicable, because it is late"),
    ],
)
def test_a_row_that_is_wrong_would_be_found(row: Row) -> None:
    """The negative control."""
    assert list(wrong(row))


def test_those_two_run_every_row_of_their_tables() -> None:
    assert parameters_of("test_what_is_wrong_signs_nobody_in") == [*REFUSED]
    assert parameters_of("test_what_is_odd_but_right_signs_in") == [*ACCEPTED]
