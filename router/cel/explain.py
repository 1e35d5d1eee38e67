"""What each part of a condition gave for an event, and why one has no value. Slow; never raises."""

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
from router.cel.values import ERROR, MAPS, Optional, word_for


class EvaluatedPart(msgspec.Struct, frozen=True):
    """A part of a condition and what it gave. ``error`` is ``""`` where there is a value.

    The parts of a let have their own text, and the place of the let's name.
    """

    text: str
    offset: int
    length: int
    value: Any
    error: str = ""


class Explainer:
    """Computes all parts of a tree, those too that another decides without."""

    def __init__(self, tree: Node, source: str) -> None:
        self._tree = tree
        self._source = source
        self._nodes = _in_order(tree)
        self._values = compile_values(tree, self._nodes)

    def steps(self, event: dict[str, Any]) -> tuple[EvaluatedPart, ...]:
        """The parts that are worth showing, in the order in which they are computed."""
        values = self._computed(event)
        steps = []
        for node, text, place in _parts(self._tree, self._source):
            value = values[id(node)]
            error = _why(node, values) if value is ERROR else ""
            steps.append(
                EvaluatedPart(text, place.offset, place.length, None if error else value, error)
            )
        return tuple(steps)

    def reason(self, event: dict[str, Any]) -> str:
        """Why the whole is neither true nor false; ``""`` where it is one of them."""
        values = self._computed(event)
        value = values[id(self._tree)]
        if value is ERROR:
            return _why(self._tree, values)
        return "" if isinstance(value, bool) else f"{word_for(value)} is neither true nor false"

    def _computed(self, event: dict[str, Any]) -> dict[int, Any]:
        values = self._values(event, event.get("data", ERROR))
        return {id(node): value for node, value in zip(self._nodes, values, strict=True)}


def _in_order(tree: Node) -> list[Node]:
    """The nodes that have one value for an event, each after those below it, and once."""
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
    """The sub-expressions that have one value each: of a macro, not what stands for every turn."""
    if isinstance(node, Macro):
        return (node.over,)
    if isinstance(node, Call) and node.function == "matches":
        return node.arguments[:1]
    return node.children()


_Part = tuple[Node, str, Node]
"""A node, its text, and the node that has its place in the condition."""


def _parts(tree: Node, source: str) -> Iterator[_Part]:
    """Comparisons, calls, field reads, names; a let's parts before it, once. No literals."""
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
    """What the fields are read from: ``data`` of ``data.a.b``."""
    while isinstance(field, Field):
        field = field.operand
    return field


def _why(node: Node, values: dict[int, Any]) -> str:
    """Why a node has no value, in the words of its innermost such part."""
    if isinstance(node, Let):
        return f"{node.name}: {_why(node.body, values)}"
    operands = _operands(node)
    for child in operands:
        if values[id(child)] is ERROR:
            return _why(child, values)
    return _reason(node, [values[id(child)] for child in operands])


def _reason(node: Node, operands: list[Any]) -> str:
    kinds = [word_for(value) for value in operands]
    match node:
        case Name(name=name):
            return f"the event has no {name}"
        case Field(name=name) | Has(name=name) | OptionalField(name=name):
            owner = operands[0].value if isinstance(operands[0], Optional) else operands[0]
            if owner.__class__ in MAPS:
                return f"no such field: {_path(node)}"
            return f"{_path(node)}: {word_for(owner)} has no fields"
        case IndexAccess() | OptionalIndexAccess():
            return f"no such element in {kinds[0]}"
        case Binary(operator=operator):
            return f"{kinds[0]} {operator} {kinds[1]} has no value"
        case Call(function="value") if isinstance(operands[0], Optional):
            return f"{_path(node.arguments[0])} is absent"
        case Call(function=function):
            return f"{function}() takes no {', '.join(kinds)}"
        case Macro(macro=macro) if operands and not MACROS[macro].is_optional:
            return f"{macro}() has no value: its body fails, or takes too many turns"
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
        case _:
            return "…"
