"""The text of the repository's files, read once in a process, for tests that look at all of them.

To parse all modules takes seconds, so that a test first asks whether a text can have what it looks for.
"""

import ast
import contextlib
import functools
import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "router"


@functools.cache
def router_modules() -> Sequence[Path]:
    """Return the modules of the router, in order."""
    return sorted(PACKAGE.rglob("*.py"))


@functools.cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Look for no garbage while trees are built, which all stay: it takes three times as long."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@functools.cache
def trees() -> Mapping[Path, ast.Module]:
    """Return what is written in each module."""
    with no_collections():
        return {path: ast.parse(text_of(path)) for path in router_modules()}


@functools.cache
def nodes_of(tree: ast.AST) -> Sequence[ast.AST]:
    """Return a tree's nodes; to find them takes as long as to parse them."""
    with no_collections():
        return tuple(ast.walk(tree))
