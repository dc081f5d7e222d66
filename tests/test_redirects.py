"""Where every redirect of ours leads, read from the code: nobody is sent to what a request asked for (T20, T23)."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

import pytest

from tests.source_tree import OURS, modules

# The expressions that the addresses come from.
REDIRECTS = {
    "portal.app": {"config.origin + request.full_path.rstrip()"},
    "portal.dance": {"self.session.authorization_url()"},  # from the configuration and the flow alone
    "portal.landing": {
        "question()",  # one of two pages of ours
        "url_for()",
        "flow.next if flow else '/'",
        "flow.next",
        "next_target()",
        "here.config.home_url or front_page()",
    },
    "portal.views.auth": {"here.config.origin + url_for()"},
}
READERS = (
    "portal.testing.",
    "portal.setup.",
    "providers.",
)  # of what others answer: they send no response of their own
LOCATIONS = {"portal.landing": ["headers['Location'] += '#'"]}  # ends the fragment that Facebook leaves


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def calls(name: str, within: ast.AST) -> Iterator[ast.Call]:
    """The calls of a function of this name, however it is reached."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def sources(value: ast.expr, function: ast.FunctionDef, trees: Collection[ast.AST]) -> set[str]:
    """Where a value comes from: a name is followed to its assignments, a parameter to the callers of its function, in
    whatever module."""
    match value:
        case ast.Name(id=name):
            given = [(assigned, function) for assigned in assignments(name, function)]
            if not given and name in parameters(function):
                given = list(arguments(name, function, trees))
            return {source for one, by in given for source in sources(one, by, trees)} or {name}
        case ast.Call(func=ast.Name(id="_at_home"), args=[inner]):  # the front page, or what it was given
            return sources(inner, function, trees)
        case ast.Call(func=called):
            return {f"{ast.unparse(called)}()"}
        case ast.JoinedStr(values=parts):
            inner = [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
            return {" + ".join(source for part in inner for source in sorted(sources(part, function, trees)))}
        case _:
            return {ast.unparse(value)}


def parameters(function: ast.FunctionDef) -> list[str]:
    positional = [argument.arg for argument in function.args.args if argument.arg != "self"]
    return positional + [argument.arg for argument in function.args.kwonlyargs]


def arguments(
    name: str, function: ast.FunctionDef, trees: Collection[ast.AST]
) -> Iterator[tuple[ast.expr, ast.FunctionDef]]:
    """What the callers of a function give for a parameter, each with the function that calls."""
    place = parameters(function).index(name)
    for by in (by for tree in trees for by in functions(tree)):
        for call in calls(function.name, by):
            named = [keyword.value for keyword in call.keywords if keyword.arg == name]
            yield from ((value, by) for value in named or call.args[place : place + 1])


def assignments(name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                if any(isinstance(part, ast.Name) and part.id == name for part in parts):
                    yield node.value


def redirects_in(tree: ast.AST, trees: Collection[ast.AST]) -> set[str]:
    return {
        source
        for function in functions(tree)
        for call in calls("redirect", function)
        for source in sources(call.args[0], function, trees)
    }


def ours() -> list[ast.AST]:
    return [modules()[module] for module in OURS]


def test_every_redirect_leads_where_somebody_has_looked():
    """T23."""
    found = {module: redirects_in(modules()[module], ours()) for module in OURS}
    assert {module: leads_to for module, leads_to in found.items() if leads_to} == REDIRECTS


@pytest.mark.parametrize(
    "naive",
    [
        "def view():\n    return redirect(request.args.get('next'))",
        "def view():\n    target = request.args.get('next')\n    return flask.redirect(target)",
        "def go(to):\n    return redirect(to)\ndef view():\n    return go(request.args.get('next'))",
        "class A:\n    def go(self, *, to):\n        redirect(to)\ndef view():\n    a.go(to=request.args.get('next'))",
    ],
)
def test_a_redirect_to_what_was_asked_for_would_be_found(naive):
    """The negative control."""
    tree = ast.parse(naive)
    assert redirects_in(tree, [tree]) == {"request.args.get()"}


def test_one_that_only_passes_the_front_page_would_be_found_as_well():
    tree = ast.parse("def go(to):\n    return redirect(_at_home(to))\ndef view():\n    go(request.url)")
    assert redirects_in(tree, [tree]) == {"request.url"}


def test_a_redirect_by_a_function_of_another_module_would_be_found():
    below, above = ast.parse("def go(to):\n    return redirect(to)"), ast.parse("def view():\n    go(request.url)")
    assert redirects_in(below, [below, above]) == {"request.url"}


def test_no_location_is_written_by_hand():
    found: dict[str, list[str]] = {}
    for module in (module for module in OURS if not module.startswith(READERS)):
        for node in ast.walk(modules()[module]):
            if isinstance(node, ast.Assign | ast.AugAssign) and re.search(r"(?i)\blocation\b", ast.unparse(node)):
                found.setdefault(module, []).append(ast.unparse(node))
    assert found == LOCATIONS


def test_a_flow_leads_only_to_a_rebuilt_target():
    leads_to = {
        source
        for module in OURS
        for function in functions(modules()[module])
        for call in calls("begin", function)
        for keyword in call.keywords
        if keyword.arg == "next"
        for source in sources(keyword.value, function, ours())
    }
    assert leads_to == {"next_target()", "url_for()"}
