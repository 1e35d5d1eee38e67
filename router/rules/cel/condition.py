"""A compiled condition: its verdict on an event, and why."""

import enum
from typing import Any

import msgspec

from router.errors import ConditionError
from router.rules.cel import runtime
from router.rules.cel.compiler import compile_rails, compile_value
from router.rules.cel.names import NO_NAMES, Names
from router.rules.cel.parser import parse
from router.rules.cel.tree import (
    Binary,
    Call,
    Field,
    Given,
    Has,
    Item,
    Let,
    Listing,
    Literal,
    Logic,
    Macro,
    Mapping,
    Name,
    Negative,
    Node,
    bare,
)


class Verdict(enum.Enum):
    """What a condition says of an event."""

    MATCH = "match"
    NO_MATCH = "no match"
    ERROR = "error"
    """A field is missing, say, or of another type. No match, but worth counting."""


class Step(msgspec.Struct, frozen=True):
    """A part of a condition and what it gave. ``error`` is ``""`` where there is a value.

    The parts of a let have their own text, and the place of the let's name.
    """

    text: str
    offset: int
    length: int
    value: Any
    error: str = ""


class Condition:
    """Made by ``compile_condition`` or ``compile_match``."""

    def __init__(self, source: str, tree: Node) -> None:
        """Raises ConditionError."""
        _require_bool(tree)
        self.source = source
        self.tree = tree
        try:
            self._is_true, self._is_false = compile_rails(tree)
        except (RecursionError, MemoryError):  # what CPython's compiler says of deep nesting
            raise ConditionError("nested too deeply", offset=0, length=len(source)) from None

    def verdict(self, event: dict[str, Any]) -> Verdict:
        """Judge an event: the whole CloudEvent as decoded from JSON. Never raises."""
        data = event.get("data", runtime.ERROR)
        if self._is_true(event, data):
            return Verdict.MATCH
        return Verdict.NO_MATCH if self._is_false(event, data) else Verdict.ERROR

    def reason(self, event: dict[str, Any]) -> str:
        """Why the verdict is ERROR: the innermost part that has no value. ``""`` if none is."""
        data = event.get("data", runtime.ERROR)
        value = compile_value(self.tree)(event, data)
        if value is runtime.ERROR:
            return _why(self.tree, event, data)
        return "" if isinstance(value, bool) else f"{_type(value)} is neither true nor false"

    def explain(self, event: dict[str, Any]) -> tuple[Step, ...]:
        """The value of each part, in the order in which it is computed. Slow; never raises."""
        data = event.get("data", runtime.ERROR)
        steps = []
        for node, text, place in _parts(self.tree, self.source):
            value = compile_value(node)(event, data)
            error = _why(node, event, data) if value is runtime.ERROR else ""
            steps.append(Step(text, place.offset, place.length, None if error else value, error))
        return tuple(steps)


def compile_condition(source: str, names: Names = NO_NAMES) -> Condition:
    """Compile CEL text, in which ``names`` may stand. Raises ConditionError."""
    return Condition(source, parse(source, names))


def _require_bool(whole: Node) -> None:
    """Raise ConditionError where it is plain that the condition is neither true nor false."""
    node = bare(whole)
    not_bool = (Listing, Mapping, Negative)
    arithmetic = isinstance(node, Binary) and node.operator in "+-*/%"
    literal = isinstance(node, Literal | Given) and not isinstance(node.value, bool)
    texts = isinstance(node, Call) and node.function in {"size", "lowerAscii", "upperAscii", "trim"}
    lists = isinstance(node, Macro) and node.macro in {"filter", "map"}
    if isinstance(node, not_bool) or arithmetic or literal or texts or lists:
        raise ConditionError(
            "a condition must be true or false",
            offset=whole.offset,
            length=whole.length,
            hint="compare it with something",
        )


_Part = tuple[Node, str, Node]
"""A node, its text, and the node that has its place in the condition."""


def _parts(node: Node, source: str) -> list[_Part]:
    """What is worth showing: comparisons, calls, field reads, names; a let's parts before it, once.

    Not literals, nor the insides of macros, whose variables have many values.
    """
    parts: list[_Part] = []
    lets: set[str] = set()

    def collect(node: Node, source: str, let: Node | None) -> None:
        if isinstance(node, Let):
            if node.name in lets:
                return
            lets.add(node.name)
            collect(node.body, node.source, let or node)
        elif isinstance(node, Field):
            if isinstance(owner := _owner(node), Let):
                collect(owner, source, let)
        else:
            for child in _operands(node):
                collect(child, source, let)
        if not isinstance(node, Literal | Name | Given | Logic):
            parts.append((node, _written(source, node), let or node))

    collect(node, source, None)
    return parts


def _owner(field: Node) -> Node:
    """What the fields are read from: ``data`` of ``data.a.b``."""
    while isinstance(field, Field):
        field = field.operand
    return field


def _why(node: Node, event: Any, data: Any) -> str:
    """Why a node has no value, in the words of its innermost such part."""
    if isinstance(node, Let):
        return f"{node.name}: {_why(node.body, event, data)}"
    for child in _operands(node):
        if compile_value(child)(event, data) is runtime.ERROR:
            return _why(child, event, data)
    values = [compile_value(child)(event, data) for child in _operands(node)]
    match node:
        case Name(name=name):
            return f"the event has no {name}"
        case Field(name=name) | Has(name=name):
            if values[0].__class__ is dict:
                return f"no such field: {_path(node)}"
            return f"{_path(node)}: {_type(values[0])} has no fields"
        case Item():
            return f"no such element in {_type(values[0])}"
        case Binary(operator=operator):
            return f"{_type(values[0])} {operator} {_type(values[1])} has no value"
        case Call(function=function):
            return f"{function}() takes no {', '.join(map(_type, values))}"
        case Macro(macro=macro):
            return f"{macro}() has no value: its body fails, or takes too many turns"
        case _:
            return f"no value for {', '.join(map(_type, values))}"


def _operands(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Macro):
        return (node.over,)
    if isinstance(node, Call) and node.function == "matches":
        return node.arguments[:1]
    return node.children()


def _path(node: Node) -> str:
    match node:
        case Name(name=name) | Let(name=name) | Given(name=name):
            return name
        case Field(operand=operand, name=name) | Has(operand=operand, name=name):
            return f"{_path(operand)}.{name}"
        case _:
            return "…"


_TYPES = {
    str: "text",
    bool: "bool",
    int: "number",
    float: "number",
    list: "list",
    dict: "map",
    type(None): "null",
}


def _type(value: Any) -> str:
    return _TYPES.get(value.__class__, "nothing")


def _written(source: str, node: Node) -> str:
    return source[node.offset : node.offset + node.length]
