"""Private and undocumented names of libraries, as the source of a package uses them.

An approximation in two parts. The source shows which names are imported, and which attributes of
other objects begin with an underscore. The classes show which attributes of ``self`` are inherited
from a library.
"""

import ast
import functools
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from support.repository_text import no_collections, nodes_of

_NAMEDTUPLE = {"_asdict", "_fields", "_make", "_replace"}
_OWN = {"self", "cls"}


@functools.cache
def dotted_names(tree: ast.Module) -> frozenset[str]:
    """Return all names that a module imports, with what it reads of them: ``aiohttp.web.Response``."""
    bound: dict[str, str] = {}
    for node in nodes_of(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            bound |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            for each in node.names:
                first = each.name.partition(".")[0]
                bound[each.asname or first] = each.name if each.asname else first

    def dotted(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return bound.get(node.id, "")
        if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    read = {dotted(node) for node in nodes_of(tree) if isinstance(node, ast.Attribute)}
    return frozenset({*bound.values(), *read} - {""})


def private_attributes(tree: ast.Module) -> Iterator[str]:
    """Yield each private attribute of an object of another module, once per use."""
    own = {*_attributes_of_self(tree), *_defined_anywhere(tree), *_NAMEDTUPLE}
    for node in nodes_of(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            yield node.attr


def attributes(tree: ast.Module) -> set[str]:
    """Return the names of all attributes that a module reads or writes."""
    return {node.attr for node in nodes_of(tree) if isinstance(node, ast.Attribute)}


def inherited_private_names(module: ModuleType, tree: ast.Module, library: str) -> Iterator[str]:
    """Yield each private name of a base in ``library`` that a class of ``module`` uses or replaces.

    Once per use.
    """
    for node in tree.body:
        kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if not isinstance(kind, type):
            continue
        bases = [base for base in kind.__mro__ if base.__module__.partition(".")[0] == library]
        theirs = {name for base in bases for name in _private_names_of(base)}
        used = [*_attributes_of_self(node), *_defined(node)] if theirs else []
        yield from (name for name in used if name in theirs)


def modules_of(root: Path, package: str) -> Iterator[tuple[Path, ModuleType]]:
    """Yield the modules of a package that can be imported without starting anything."""
    for path in sorted((root / package).rglob("*.py")):
        if path.name != "__main__.py":
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield path, importlib.import_module(name.removesuffix(".__init__"))


@functools.cache
def _private_names_of(base: type) -> set[str]:
    names = {*vars(base)}
    for node in _classes_of(base.__module__):
        if node.name == base.__name__:
            names |= {*_attributes_of_self(node)}
    return {name for name in names if _is_private(name)}


@functools.cache
def _classes_of(module: str) -> list[ast.ClassDef]:
    """Return the classes at the top of a module; an empty list if it is not written in Python."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return []
    with no_collections():
        tree = ast.parse(Path(spec.origin).read_bytes())
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _attributes_of_self(tree: ast.AST) -> Iterator[str]:
    for node in nodes_of(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in _OWN
        ):
            yield node.attr


def _defined(body: ast.stmt) -> Iterator[str]:
    """Yield what a class defines in its body: methods and class attributes."""
    for node in getattr(body, "body", []):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _defined_anywhere(tree: ast.Module) -> Iterator[str]:
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from _defined(node)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
