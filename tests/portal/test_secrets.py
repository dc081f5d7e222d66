"""What opens something has no printable form, and no record of ours shows one by its `repr` (T70)."""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
import logging
import pickle
import re

import pytest

import providers
from portal.callback import Callback
from portal.config import Secret
from portal.flow import Flow
from portal.sessions import Ticket
from tests.source_tree import modules

CANARY = "cAnArY-7Qx-0123456789"
NAMED = re.compile(r"(^|_)(secrets?|tokens?|states?|nonces?|verifiers?|codes?|csrf_keys|secret_keys|token_keys)$")
HARMLESS = {"keep_tokens"}  # named like one, and none


@pytest.fixture(params=[CANARY, CANARY.encode()], ids=["text", "bytes"])
def secret(request):
    return Secret(request.param)


def test_a_secret_shows_itself_in_no_way_that_things_are_printed(secret, caplog):
    logging.getLogger("test").warning("%s %r %s %10.8s %s", secret, secret, [secret], secret, {"a": secret})
    told = f"{secret} {secret!r} {secret!s:.30} {secret:>40} {secret!a}" + f"{secret:.3}" + caplog.text
    told += str([secret]) + "%s" % secret  # noqa: UP031
    assert "cAn" not in told
    assert told.count("Secret(...)") >= 8


@pytest.mark.parametrize(
    "way", [json.dumps, pickle.dumps, vars, "".join, lambda secret: "x" + secret, lambda secret: secret[:3], iter]
)
def test_what_would_give_it_away_by_the_way_fails_and_names_nothing(way, secret):
    with pytest.raises(TypeError) as caught:
        way(["x", secret] if way is "".join else secret)
    assert "cAn" not in str(caught.value)


def test_a_text_that_only_hides_its_repr_would_slip_through():
    """The negative control: why a secret is no `str`."""

    class Hidden(str):
        __slots__ = ()

        def __repr__(self) -> str:
            return "Hidden(...)"

        __str__ = __repr__

    assert CANARY not in f"{Hidden(CANARY)!s} {Hidden(CANARY)!r}"
    assert CANARY in json.dumps(Hidden(CANARY))
    assert CANARY in "".join([Hidden(CANARY)])
    assert "cAn" in Hidden(CANARY)[:3] + ""


def test_a_secret_equals_its_like_and_its_plain_value():
    assert Secret("s-1") == Secret("s-1") == "s-1"
    assert Secret(b"s-1") == Secret(b"s-1") == b"s-1"
    assert Secret("s-1") != Secret("s-2")
    assert Secret("s-1") != Secret(b"s-1")
    assert Secret("s-1") != None  # noqa: E711
    assert Secret("ü\udc80") == "ü\udc80"
    assert {Secret("s-1"): 1}["s-1"] == 1
    assert not Secret("")
    assert len(Secret("s-1")) == 3


def test_copies_of_what_holds_it_hold_the_same(secret):
    assert copy.deepcopy([secret])[0] is secret
    assert copy.copy(secret).plain == secret.plain


def test_a_provider_s_secret_is_one_however_it_comes():
    for given in (CANARY, Secret(CANARY)):
        provider = providers.load("github", {"client_id": "id", "client_secret": given})
        assert provider.client_secret.plain == CANARY
        assert CANARY not in f"{provider} {provider!r} {dataclasses.asdict(provider)}"
    assert not providers.load("github", {"client_id": "id", "client_secret": ""}).client_secret


def test_what_lives_for_a_request_shows_no_secret_either():
    flow = Flow(
        purpose="sign-in", provider="github", issuer="i", state=CANARY, nonce=CANARY, verifier=CANARY, next="/", began=0
    )
    told = f"{flow} {Callback(CANARY, 'code', CANARY, None)} {Ticket(CANARY, 'hash')}"
    assert CANARY not in told
    assert "github" in told


def fields_in_the_open(tree: ast.Module) -> list[str]:
    """The annotated fields of a module's classes that are named like a secret, and would be in a dataclass's `repr`."""
    return [
        f"{record.name}.{field.target.id}"
        for record in ast.walk(tree)
        if isinstance(record, ast.ClassDef) and record.name != "Console"  # what fields are called
        if any("dataclass" in ast.unparse(line) for line in record.decorator_list)
        for field in record.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if NAMED.search(field.target.id) and field.target.id not in HARMLESS
        if ast.unparse(field.annotation).startswith(("str", "bytes", "tuple[str", "tuple[bytes", "Mapping"))
        if "repr=False" not in ast.unparse(field)
    ]


@pytest.mark.parametrize("module", sorted(name for name in modules() if not name.startswith("providers.sandbox")))
def test_no_record_of_ours_has_a_secret_in_its_repr(module):
    assert fields_in_the_open(modules()[module]) == []


def test_a_record_that_had_one_would_be_found():
    """The negative control."""
    careless = "@dataclass(frozen=True)\nclass Ticket:\n    secret: str\n    client_secret: str = field(repr=False)\n"
    assert fields_in_the_open(ast.parse(careless)) == ["Ticket.secret"]
