"""The value of each part of a condition for an event, and why a part has no value.

Slow. Never raises.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from router.cel.compiler import compile_values
from router.cel.functions import MACROS
from router.cel.tree import (
    Binary,
    Call,
    ExternalConstant,
    Field,
    Has,
    IndexAccess,
    Let,
    Literal,
    Logic,
    Macro,
    Name,
    Node,
    OptionalField,
    OptionalIndexAccess,
)
from router.cel.values import ERROR, MAPS, Optional, describe_type


class EvaluatedPart(msgspec.Struct, frozen=True):
    """A part of a condition and its value."""

    text: str
    offset: int
    """In characters of the condition. A part of a let has the position of the let's name."""
    length: int
    value: Any
    error: str = ""
    """Why there is no value, ``""`` if there is one."""


class Explainer:
    """Evaluates all parts of a tree, including parts that do not affect the result."""

    def __init__(self, tree: Node, source: str) -> None:
        self._tree = tree
        self._source = source
        self._nodes = _in_order(tree)
        self._values = compile_values(tree, self._nodes)

    def parts(self, event: dict[str, Any]) -> tuple[EvaluatedPart, ...]:
        """Return the parts worth showing, in the order of evaluation."""
        values = self._evaluate(event)
        parts = []
        for node, text, shown_at in _parts(self._tree, self._source):
            value = values[id(node)]
            error = _why(node, values) if value is ERROR else ""
            parts.append(
                EvaluatedPart(
                    text, shown_at.offset, shown_at.length, None if error else value, error
                )
            )
        return tuple(parts)

    def reason(self, event: dict[str, Any]) -> str:
        """Return why the whole is neither true nor false, or ``""`` if it is one of them."""
        values = self._evaluate(event)
        value = values[id(self._tree)]
        if value is ERROR:
            return _why(self._tree, values)
        return (
            "" if isinstance(value, bool) else f"{describe_type(value)} is neither true nor false"
        )

    def error(self, event: dict[str, Any]) -> str:
        """Return why the whole has no value, or ``""`` if it has one."""
        values = self._evaluate(event)
        return _why(self._tree, values) if values[id(self._tree)] is ERROR else ""

    def _evaluate(self, event: dict[str, Any]) -> dict[int, Any]:
        values = self._values(event, event.get("data", ERROR))
        return {id(node): value for node, value in zip(self._nodes, values, strict=True)}


def _in_order(tree: Node) -> list[Node]:
    """Return the nodes that have one value per event, each once and after the nodes below it."""
    found: list[Node] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        for child in _operands(node):
            visit(child)
        found.append(node)

    visit(tree)
    return found


def _operands(node: Node) -> tuple[Node, ...]:
    """Return the sub-expressions that have one value per event: not the body of a macro."""
    if isinstance(node, Macro):
        return (node.over,)
    if isinstance(node, Call) and node.function == "matches":
        return node.arguments[:1]
    return node.children()


_Part = tuple[Node, str, Node]
"""A node, its text, and the node whose position in the condition is shown."""


def _parts(tree: Node, source: str) -> Iterator[_Part]:
    """Yield comparisons, calls, fields and names, but no literals. A let follows its parts, once."""
    lets: set[str] = set()

    def collect(node: Node, source: str, let: Node | None) -> Iterator[_Part]:
        if isinstance(node, Let):
            if node.name in lets:
                return
            lets.add(node.name)
            yield from collect(node.body, node.source, let or node)
        elif isinstance(node, Field):
            if isinstance(owner := _owner(node), Let):
                yield from collect(owner, source, let)
        else:
            for child in _operands(node):
                yield from collect(child, source, let)
        if not isinstance(node, Literal | Name | ExternalConstant | Logic):
            text = source[node.offset : node.offset + node.length]
            yield node, text, let or node

    return collect(tree, source, None)


def _owner(field: Node) -> Node:
    """Return the operand of a chain of fields: ``data`` of ``data.a.b``."""
    while isinstance(field, Field):
        field = field.operand
    return field


def _why(node: Node, values: dict[int, Any]) -> str:
    """Return why a node has no value: the reason of its innermost part without one."""
    if isinstance(node, Let):
        return f"{node.name}: {_why(node.body, values)}"
    operands = _operands(node)
    for child in operands:
        if values[id(child)] is ERROR:
            return _why(child, values)
    return _reason(node, [values[id(child)] for child in operands])


def _reason(node: Node, operands: list[Any]) -> str:
    kinds = [describe_type(value) for value in operands]
    match node:
        case Name(name=name):
            return f"the event has no {name}"
        case Field(name=name) | Has(name=name) | OptionalField(name=name):
            owner = operands[0].value if isinstance(operands[0], Optional) else operands[0]
            if owner.__class__ in MAPS:
                return f"no such field: {_path(node)}"
            return f"{_path(node)}: {describe_type(owner)} has no fields"
        case IndexAccess() | OptionalIndexAccess():
            return f"no such element in {kinds[0]}: {_path(node)}"
        case Binary(operator=operator):
            return f"{kinds[0]} {operator} {kinds[1]} has no value"
        case Call(function="value") if isinstance(operands[0], Optional):
            return f"{_path(node.arguments[0])} is absent"
        case Call(function=function):
            return f"{function}() takes no {', '.join(kinds)}"
        case Macro(macro=macro) if operands and MACROS[macro].is_loop:
            return f"{macro}() has no value: its body fails, or it takes too many iterations"
        case _:
            return f"no value for {', '.join(kinds)}"


def _path(node: Node) -> str:
    match node:
        case Name(name=name) | Let(name=name) | ExternalConstant(name=name):
            return name
        case Field(operand=operand, name=name) | Has(operand=operand, name=name):
            return f"{_path(operand)}.{name}"
        case OptionalField(operand=operand, name=name):
            return f"{_path(operand)}.?{name}"
        case IndexAccess(operand=operand, index=Literal(value=str() | int() as index)):
            return f"{_path(operand)}[{msgspec.json.encode(index).decode()}]"
        case OptionalIndexAccess(operand=operand, index=Literal(value=str() | int() as index)):
            return f"{_path(operand)}[?{msgspec.json.encode(index).decode()}]"
        case IndexAccess(operand=operand) | OptionalIndexAccess(operand=operand):
            return f"{_path(operand)}[…]"
        case _:
            return "…"
