"""Where a line belongs, as data: who may import whom, and who must not know what."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.source_tree import OURS, ROOT, imports, is_sandbox, is_within, modules

# From the ground up. A module may import what stands below it, or beside it in its own row; never in a circle.
LAYERS = [
    [
        "providers._faults",
        "providers._documents",
        "providers._domains",
        "providers._secrets",
        "providers._withdrawal",
    ],
    [
        "providers._answers",
        "providers._calls",
        "providers._kept",
        "providers._keys",
        "providers._discovery",
        "providers._signed_request",
    ],
    ["providers._claims", "providers._id_token", "providers._userinfo"],
    ["providers.base"],
    ["providers.*"],  # oidc and the provider modules: a new one is one new file
    ["providers"],
    ["portal.errors", "portal.models", "portal.files"],
    [
        "portal.linking",
        "portal.crypto",
        "portal.certificate",
        "portal.addresses",
        "portal.lifetimes",
        "portal.protected",
        "portal.domain_pass",
        "portal.user_agent",
        "portal.logs.*",
        "portal.config.*",
        "portal.storage",
    ],
    ["portal.advice"],
    ["portal.storage.*"],
    ["portal.kept", "portal.lease"],
    ["portal.records", "portal.canary", "portal.live"],
    [
        "portal.pending",
        "portal.revocation",
        "portal.remains",
        "portal.history",
        "portal.oversight",
        "portal.admins",
    ],
    ["portal.seals"],
    ["portal.census"],
    ["portal.rotation"],
    ["portal.devices", "portal.invitations", "portal.ways"],
    ["portal.membership"],
    ["portal.removals"],
    ["portal.accounts"],
    ["portal.avatar_ids"],
    ["portal.user"],
    ["portal.sessions", "portal.security", "portal.hop", "portal.flow", "portal.backchannel", "portal.callback"],
    ["portal.refresh", "portal.authorised", "portal.revoker"],
    ["portal.pictures"],
    ["portal.renewal", "portal.outbox"],
    ["portal.readiness", "portal.sweep", "portal.tokens"],
    ["portal.retention"],
    ["portal.telling"],
    ["portal.parts"],
    ["portal.places", "portal.current"],
    ["portal.login_manager"],
    ["portal.signals"],
    ["portal.landing"],
    ["portal.dance", "portal.views.*"],
    ["portal.app"],
    ["portal.testing.*"],  # for applications' tests; nothing else imports it
    ["portal.catalogue"],
    ["portal.admin.*"],
    ["portal.commands", "portal.key_commands", "portal.local_https", "portal.setup.*"],
    ["portal"],
    ["manage"],
]

# What a module must not know, however the rows would allow it.
BLIND = {
    "providers": ["portal", "flask", "werkzeug", "sqlalchemy"],
    "portal.errors": ["portal", "providers", "flask"],
    "portal.models": ["portal", "providers", "flask"],
    "portal.crypto": ["providers", "flask", "portal.models", "portal.storage"],
    "portal.certificate": ["portal", "providers", "flask"],
    "portal.storage": ["providers", "flask", "werkzeug", "portal.linking", "portal.crypto"],
    "portal.records": ["flask", "werkzeug", "requests", "portal.storage", "portal.linking"],
    "portal.pending": ["flask", "werkzeug", "requests", "portal.storage", "portal.linking"],
    "portal.canary": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.seals": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.census": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.rotation": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.devices": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.kept": ["flask", "werkzeug", "requests", "portal.storage"],
    "portal.lease": ["providers", "flask", "werkzeug", "requests", "portal.crypto", "portal.kept"],
    "portal.live": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.refresh": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.authorised": ["flask", "werkzeug", "portal.storage", "portal.crypto", "portal.lease"],
    "portal.renewal": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.revocation": ["flask", "werkzeug", "requests", "portal.storage", "portal.linking"],
    "portal.revoker": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.outbox": ["providers", "flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.removals": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.telling": ["flask", "werkzeug", "portal.storage", "portal.crypto"],
    "portal.tokens": ["flask", "werkzeug", "portal.storage.sql", "portal.storage.datastore"],
    "portal.membership": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.accounts": ["flask", "werkzeug", "requests", "portal.storage.sql", "portal.storage.datastore"],
    "portal.flow": ["providers", "portal.models", "portal.storage", "portal.accounts"],
    "portal.backchannel": ["providers", "flask", "portal.models", "portal.storage"],
    "portal.avatar_ids": ["portal.models", "portal.storage", "portal.accounts", "providers", "flask"],
    "portal.pictures": ["portal.models", "portal.storage", "portal.accounts", "portal.sessions", "flask"],
    "portal.signals": ["providers", "portal.models", "portal.storage", "portal.accounts"],
    "portal.landing": ["portal.storage", "portal.models", "portal.crypto", "portal.flow", "requests"],
    "portal.dance": ["portal.storage", "portal.membership", "portal.crypto", "sqlalchemy"],
    "portal.views": ["portal.storage", "portal.crypto", "sqlalchemy", "requests"],
}
PURE = {"__future__", "dataclasses", "enum", "typing"}  # all that the rules may import
# Everybody else gets the providers as they are configured.
REGISTRY_USERS = {"portal.app", "portal.config", "portal.setup.choices"}
LATE = {"portal.storage": "portal.storage.", "providers": "providers."}  # so that a laptop on SQLite loads no gRPC


def layer_of(module: str) -> int:
    """The row of a module. `package.*` stands for a package and all in it that no row names itself."""
    for fits in (lambda name: name == module, lambda name: name.endswith(".*") and is_within(module, name[:-2])):
        for row, names in enumerate(LAYERS):
            if any(map(fits, names)):
                return row
    pytest.fail(f"{module} is in no row of LAYERS: say where it belongs")


def upward(module: str) -> list[str]:
    """What a module imports from above."""
    known = (name for name in imports(module, late=False) if name in modules() and not is_sandbox(name))
    return [name for name in known if layer_of(name) > layer_of(module)]


def in_order() -> list[str]:
    """All modules, each after what it imports. Raises CycleError, which names the circle."""
    graph = {module: set(imports(module, late=False)) & set(modules()) - {module} for module in modules()}
    return list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", OURS)
def test_imports_point_downward(module):
    assert upward(module) == []


def test_imports_never_go_in_a_circle():
    assert len(in_order()) == len(modules())


def test_an_import_from_above_and_a_circle_would_be_found(monkeypatch):
    """The negative control."""
    monkeypatch.setitem(modules(), "portal.crypto", ast.parse("from portal.flow import Flow\nfrom portal import app"))
    assert upward("portal.crypto") == ["portal.flow", "portal.app"]
    with pytest.raises(CycleError):
        in_order()


@pytest.mark.parametrize("module", sorted({*OURS} - {"manage"}))  # each of its commands loads what it needs
def test_only_a_store_and_a_provider_are_imported_late(module):
    ours = {imported for imported in imports(module, late=True) if imported in modules()}
    assert all(imported.startswith(LATE.get(module, "nothing")) for imported in ours)


def test_what_is_imported_late_is_imported_nowhere_else():
    for module in OURS:
        stores = {name for name in imports(module, late=False) if re.match(r"portal\.storage\.(sql|datastore)", name)}
        assert not stores or module.startswith("portal.storage."), module


@pytest.mark.parametrize(("package", "unknown"), BLIND.items(), ids=BLIND)
def test_a_module_does_not_know_what_is_not_its_business(package, unknown):
    watched = [module for module in OURS if is_within(module, package)]
    assert watched
    seen = {
        (module, imported)
        for module in watched
        for imported in imports(module)
        for name in unknown
        if is_within(imported, name) and not is_within(imported, package)
    }
    assert seen == set()


def test_the_rules_import_nothing_that_could_know_more_than_the_facts():
    assert set(imports("portal.linking")) <= PURE


def test_the_dance_knows_a_user_and_no_other_record():
    """It is told who is signed in; kinds and keys are none of its business."""
    assert names_from("portal.models", in_module="portal.dance") <= {"User"}


def names_from(source: str, *, in_module: str) -> set[str]:
    """What a module imports by name from another."""
    return {
        alias.name
        for node in ast.walk(modules()[in_module])
        if isinstance(node, ast.ImportFrom) and node.module == source
        for alias in node.names
    }


def test_only_accounts_and_membership_ask_for_a_decision_and_the_command_that_explains_one():
    asking = {
        module: {name for name in names_from("portal.linking", in_module=module) if name.startswith("decide")}
        for module in OURS
    }
    assert {module: decisions for module, decisions in asking.items() if decisions} == {
        "portal.accounts": {"decide"},
        "portal.commands": {"decide"},
        "portal.membership": {"decide", "decide_unlink"},
    }


def test_only_the_configuration_and_the_application_know_the_registry():
    importing = {module for module in OURS if module.startswith("portal") and "providers" in set(imports(module))}
    assert importing <= REGISTRY_USERS


def test_a_provider_is_asked_for_by_its_configured_name_only():
    allowed = {"providers", "providers.base"}
    for module in OURS:
        if module.startswith("portal") and not is_for_tests(module):
            assert {name for name in imports(module) if is_within(name, "providers")} <= allowed, module


def test_the_sandbox_and_the_portal_do_not_know_each_other():
    """It can only contradict the provider modules if it shares nothing with them."""
    for module in modules():
        known = set(imports(module))
        if is_sandbox(module):
            assert not {name for name in known if is_within(name, "portal")}, module
            assert not {name for name in known if is_within(name, "providers") and not is_sandbox(name)}, module
        elif module != "manage" and not is_for_tests(module):
            assert not {name for name in known if is_sandbox(name)}, module


def is_for_tests(module: str) -> bool:
    return is_within(module, "portal.testing")


def test_what_applications_tests_import_is_imported_by_nothing_else_and_needs_no_test_of_ours():
    for module in modules():
        known = set(imports(module))
        assert is_for_tests(module) or not {name for name in known if is_for_tests(name) or name == "pytest"}, module
        assert not {name for name in known if is_within(name, "tests")}, module


def test_no_view_and_no_template_names_a_provider_in_code():
    named = re.compile(r"github|google|facebook", re.IGNORECASE)
    for file in [*ROOT.glob("portal/views/*.py"), *ROOT.glob("templates/portal/*.html")]:
        text = file.read_text(encoding="utf-8").replace("[providers.github] for instance", "")  # words for an admin
        assert not named.search(text), file


# What is loaded when.


@pytest.fixture
def loaded(tmp_path):
    """Runs lines in a fresh interpreter, where gRPC would fail loudly, and tells which modules it has then."""
    for package in ("grpc", "google"):
        (tmp_path / f"{package}.py").write_text(f"raise RuntimeError('{package} was imported')\n")

    def run(lines: str) -> set[str]:
        answer = subprocess.run(
            [sys.executable, "-c", f"{lines}\nimport sys; print(*sys.modules)"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert answer.returncode == 0, answer.stderr
        return set(answer.stdout.split())

    return run


def test_importing_the_portal_loads_no_store_and_no_provider(loaded):
    modules_then = loaded("import portal")
    assert "portal.app" in modules_then
    assert not modules_then & {
        "sqlalchemy",
        "grpc",
        "google",
        "portal.storage.sql",
        "providers.sandbox",
        "providers.oidc",
    }


def test_a_portal_on_sqlite_loads_the_providers_it_has_and_no_grpc(loaded):
    modules_then = loaded(
        "import os, portal\n"
        "os.environ |= {'GITHUB_OAUTH_CLIENT_ID': 'id', 'GITHUB_OAUTH_CLIENT_SECRET': 'a-client-secret'}\n"
        "portal.create_app()"
    )
    assert modules_then >= {"portal.storage.sql", "providers.github"}
    assert not modules_then & {"grpc", "google", "providers.sandbox", "providers.google", "providers.facebook"}
