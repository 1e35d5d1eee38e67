"""The fields of an event that an expression reads, as paths.

They are all that its value can depend on, and perhaps more: the value of an expression is the same for
an event that has these fields only. A path ends where the analysis ends: ``data.a[data.b]`` reads all of
``data.a``.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from router.cel.tree import (
    Call,
    Field,
    Has,
    IndexAccess,
    Let,
    Literal,
    Macro,
    Name,
    Node,
    OptionalField,
    OptionalIndexAccess,
)
from router.field_paths import Each, FieldPath

_Scope = Mapping[str, FieldPath | None]
"""The fields that names stand for; None for a variable that is no field."""
_ROOTS: Final[_Scope] = {"event": (), "message": (), "data": ("data",)}
_SELECTIONS: Final = frozenset({"filter"})
"""Macros whose result has elements of the list itself."""


def paths_read(node: Node) -> frozenset[FieldPath]:
    """Return the paths of the fields that an expression reads; ``()`` is the whole event."""
    return frozenset(_read(node, _ROOTS))


def _read(node: Node, scope: _Scope) -> Iterator[FieldPath]:
    path = _path(node, scope)
    if path is not None:
        yield path
        return
    match node:
        case Let(body=body):
            yield from _read(body, _ROOTS)
        case Has(operand=operand, name=name) if (of := _path(operand, scope)) is not None:
            yield (*of, name)
        case Call(function="size", arguments=(Macro() as counted,)):
            yield from _of_macro(counted, scope)
        case Macro():
            yield from _of_macro(node, scope)
            if node.macro in _SELECTIONS:  # its elements may be read as a whole
                yield from _read(node.over, scope)
        case _:
            for child in node.children():
                yield from _read(child, scope)


def _of_macro(node: Macro, scope: _Scope) -> Iterator[FieldPath]:
    """Yield what a macro reads of each element, and of the list if it reads no element."""
    elements = _elements(node.over, scope)
    # The first of two variables is an index or a key.
    inner = {**scope, **dict.fromkeys(node.variables), node.variables[-1]: elements}
    found = [path for part in node.children()[1:] for path in _read(part, inner)]
    yield from found
    if elements is None or not any(path[: len(elements)] == elements for path in found):
        yield from _read(node.over, scope)
    elif isinstance(node.over, Macro):
        yield from _of_macro(node.over, scope)


def _elements(node: Node, scope: _Scope) -> FieldPath | None:
    """Return the path of the elements of a list or map; None if they are no field."""
    if isinstance(node, Macro) and node.macro in _SELECTIONS:
        return _elements(node.over, scope)
    path = _path(node, scope)
    return None if path is None else (*path, Each.MEMBER)


def _path(node: Node, scope: _Scope) -> FieldPath | None:
    """Return the field that a node reads; None if the node is not just a field."""
    step: str | Each
    match node:
        case Let(body=body):
            return _path(body, _ROOTS)
        case Name(name=name):
            return scope.get(name)
        case Field(operand=operand, name=name) | OptionalField(operand=operand, name=name):
            step = name
        case (
            IndexAccess(operand=operand, index=Literal(value=str(name)))
            | OptionalIndexAccess(operand=operand, index=Literal(value=str(name)))
        ):
            step = name
        case (
            IndexAccess(operand=operand, index=Literal(value=int()))
            | OptionalIndexAccess(operand=operand, index=Literal(value=int()))
        ):
            step = Each.MEMBER
        case _:
            return None
    above = _path(operand, scope)
    return None if above is None else (*above, step)
