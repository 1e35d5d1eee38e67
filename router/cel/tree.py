"""The syntax tree of a condition.

The tree is public: the rule index and the type check read it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Base of all nodes. Nodes compare by identity, because Python has ``True == 1``."""

    offset: int
    """The first character in the source."""
    length: int
    """Characters in the source."""

    def children(self) -> "tuple[Node, ...]":
        """Return the sub-expressions in reading order."""
        return ()


class Literal(Node, frozen=True, kw_only=True):
    """A string, number, bool or null; also bytes, Uint, and TypeValue for the name of a type."""

    value: Any


class Name(Node, frozen=True, kw_only=True):
    """A root (``event``, ``data``, ``message``) or the variable of a macro."""

    name: str


class Let(Node, frozen=True, kw_only=True):
    """The name of an expression."""

    name: str
    body: Node
    """The expression's tree. Its offsets are positions in ``source``."""
    source: str
    """The expression's text."""

    def children(self) -> tuple[Node, ...]:
        return (self.body,)


class ExternalConstant(Node, frozen=True, kw_only=True):
    """The name of a JSON value: a lookup table."""

    name: str
    value: Any


class Field(Node, frozen=True, kw_only=True):
    """``operand.name``: an error if there is no such field."""

    operand: Node
    name: str

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class OptionalField(Node, frozen=True, kw_only=True):
    """``operand.?name``: an optional, absent if there is no such field."""

    operand: Node
    name: str

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class IndexAccess(Node, frozen=True, kw_only=True):
    """``operand[index]``."""

    operand: Node
    index: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand, self.index)


class OptionalIndexAccess(Node, frozen=True, kw_only=True):
    """``operand[?index]``: an optional, absent if there is no such element."""

    operand: Node
    index: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand, self.index)


class Has(Node, frozen=True, kw_only=True):
    """``has(operand.name)``: true for null too; an error if the operand is an error."""

    operand: Node
    name: str

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Not(Node, frozen=True, kw_only=True):
    """``!operand``."""

    operand: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Negative(Node, frozen=True, kw_only=True):
    """``-operand``."""

    operand: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Logic(Node, frozen=True, kw_only=True):
    """``&&`` or ``||`` of two or more parts, in their order."""

    operator: str
    parts: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.parts


class Binary(Node, frozen=True, kw_only=True):
    """``==  !=  <  <=  >  >=  in  +  -  *  /  %``."""

    operator: str
    left: Node
    right: Node

    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


class Conditional(Node, frozen=True, kw_only=True):
    """``condition ? then : otherwise``."""

    condition: Node
    then: Node
    otherwise: Node

    def children(self) -> tuple[Node, ...]:
        return (self.condition, self.then, self.otherwise)


class Call(Node, frozen=True, kw_only=True):
    """A call of one of ``functions.FUNCTIONS``. The object of a method is the first argument."""

    function: str
    arguments: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.arguments


class ListLiteral(Node, frozen=True, kw_only=True):
    """``[a, ?b]``: an item with a question mark is an optional, omitted if it is absent."""

    items: tuple[Node, ...]
    optional: frozenset[int] = frozenset()
    """Positions of items with a question mark."""

    def children(self) -> tuple[Node, ...]:
        return self.items


class MapLiteral(Node, frozen=True, kw_only=True):
    """``{key: a, ?other: b}``: question marks as in ListLiteral."""

    entries: tuple[tuple[Node, Node], ...]
    optional: frozenset[int] = frozenset()
    """Positions of entries with a question mark."""

    def children(self) -> tuple[Node, ...]:
        return tuple(node for entry in self.entries for node in entry)


class Macro(Node, frozen=True, kw_only=True):
    """``over.all(variable, body)`` or another of ``functions.MACROS``."""

    macro: str
    over: Node
    variables: tuple[str, ...]
    """Two are index and element, or key and value."""
    body: Node
    condition: Node | None = None
    """Selects the items of ``map(x, condition, body)`` and the like. None if there is none."""

    def children(self) -> tuple[Node, ...]:
        return (self.over, *(() if self.condition is None else (self.condition,)), self.body)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all nodes below it, in reading order."""
    yield node
    for child in node.children():
        yield from walk(child)


def unwrap_lets(node: Node) -> Node:
    """Return the body of a let, repeatedly, until the node is no let."""
    while isinstance(node, Let):
        node = node.body
    return node


def is_json(node: Node) -> bool:
    """Return whether a node is a field of the event, so that any value of it is a JSON value."""
    node = unwrap_lets(node)
    while isinstance(node, Field):
        node = unwrap_lets(node.operand)
    return isinstance(node, Name) and node.name in {"event", "data", "message"}


def path(node: Node) -> tuple[str, ...] | None:
    """Return ``("data", "status")`` for ``data.status``; None if it is not a plain field of a root.

    Lets are expanded.
    """
    names: list[str] = []
    node = unwrap_lets(node)
    while isinstance(node, Field):
        names.append(node.name)
        node = unwrap_lets(node.operand)
    if not isinstance(node, Name):
        return None
    return (node.name, *reversed(names))
