"""`pip install .`: the package carries all it needs, and an application runs on it where no checkout is near."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.source_tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = ("portal", "providers", "templates", "pyproject.toml", "requirements.in", "README.md", "LICENSE")
# Run by the other Python, away from here: the sandbox, the bookshelf and somebody who signs in and adds a book.
VISIT = """
import secrets, sys
sys.path.append(sys.argv[1])  # where the bookshelf lies
import portal, providers.sandbox
from portal.testing import HOME, Person
from bookshelf import create_app

inside = sys.prefix
assert portal.__file__.startswith(inside) and providers.sandbox.__file__.startswith(inside), portal.__file__
with providers.sandbox.running_sandbox(redirect_base=HOME) as stand_ins:
    settings = {"base_url": HOME, "store": f"sqlite:///{sys.argv[1]}/portal.db", "providers": stand_ins.settings,
                "secret_key": secrets.token_urlsafe(32), "token_keys": secrets.token_urlsafe(32)}
    ada = Person(create_app(PORTAL=settings, SECRET_KEY="of-the-bookshelf-itself"))
    ada.signs_in_with("github")
    page = ada.opens("/")
    assert page.status_code == 200 and "Ada Lovelace" in page.text, page.text
    for address in ada.opens("/account") and ada.sees.addresses:
        if "portal-static" in address:
            assert ada.opens(address).status_code == 200, address
assert not [name for name in sys.modules if name.startswith("tests")]
print("came back as Ada")
"""


def packages() -> set[str]:
    """Every folder with modules, as a package's name."""
    found = {path.parent for top in ("portal", "providers") for path in (ROOT / top).rglob("__init__.py")}
    return {".".join(folder.relative_to(ROOT).parts) for folder in found}


def test_every_package_is_listed() -> None:
    """One that is forgotten is missing only where the checkout is."""
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages() | {"portal.templates"}


def test_what_it_needs_is_written_once() -> None:
    assert PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": "requirements.in"}
    assert "dependencies" not in PROJECT["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout, and nothing that was left there gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / "source" / name)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(folder / "source")], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.full
def test_each_of_our_files_is_in_it_and_no_others(wheel: Path) -> None:
    ours = {
        str(path.relative_to(ROOT))
        for top in ("portal", "providers", "templates")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as files:
        names = {name for name in files.namelist() if ".dist-info/" not in name}
        (about,) = (name for name in files.namelist() if name.endswith("/METADATA"))
        metadata = files.read(about).decode()
    assert names == {f"portal/{name}" if name.startswith("templates/") else name for name in ours}
    assert "Requires-Dist: Flask-Dance" in metadata
    assert "License-Expression: MIT" in metadata


@pytest.mark.full
def test_the_bookshelf_runs_on_it_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(wheel) as files:
        files.extractall(site)
    libraries = [path for path in map(Path, sys.path) if path.name in {"site-packages", "dist-packages"}]
    (site / "libraries.pth").write_text("".join(f"{path}\n" for path in libraries))
    shutil.copytree(ROOT / "examples" / "bookshelf", tmp_path / "elsewhere" / "bookshelf")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "PYTHON"))}
    visit = subprocess.run(
        [home / "bin" / "python", "-I", "-W", "ignore", "-c", VISIT, tmp_path / "elsewhere"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert visit.stdout == "came back as Ada\n", visit.stderr


@pytest.mark.full
def test_a_wheel_without_the_templates_would_be_found(wheel: Path, tmp_path: Path) -> None:
    """The negative control: the package as it would be if only modules were packed."""
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path, [name for name in files.namelist() if "templates" not in name])
    found = subprocess.run(
        [sys.executable, "-c", "import portal"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True
    )
    assert found.returncode != 0
