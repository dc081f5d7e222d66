"""Our modules as syntax trees, for tests that read the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of ours with its syntax tree, the sandbox's among them."""
    paths = [*ROOT.glob("portal/**/*.py"), *ROOT.glob("providers/**/*.py"), ROOT / "manage.py"]
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def is_sandbox(module: str) -> bool:
    return is_within(module, "providers.sandbox")


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imports(module: str, *, late: bool | None = None) -> Iterator[str]:
    """What a module imports: at its top, late (within a function), or both. A submodule is meant where one is named."""
    tree = modules()[module]
    top = {node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    for node in ast.walk(tree):
        if late is not None and late is (node in top):
            continue
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), names=names):
                for alias in names:
                    submodule = f"{source}.{alias.name}"
                    yield submodule if submodule in modules() else source


OURS = sorted(module for module in modules() if not is_sandbox(module))
