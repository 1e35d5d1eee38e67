"""The syntax tree of a condition. Every node knows its place in the source.

``offset`` and ``length`` are in characters. The tree is public: the index and the linter read it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Base of all nodes. Nodes compare by identity, because Python has ``True == 1``."""

    offset: int
    length: int

    def children(self) -> "tuple[Node, ...]":
        """The sub-expressions, in reading order."""
        return ()


class Literal(Node, frozen=True, kw_only=True):
    """A text, number, bool, null; also bytes, Uint, and Type for the name of a type."""

    value: Any


class Name(Node, frozen=True, kw_only=True):
    """A root (``event``, ``data``, ``message``) or the variable of a macro."""

    name: str


class Let(Node, frozen=True, kw_only=True):
    """A name that stands for an expression.

    ``body`` is the expression's tree; the places in it are places in ``source``.
    """

    name: str
    body: Node
    source: str

    def children(self) -> tuple[Node, ...]:
        return (self.body,)


class ExternalConstant(Node, frozen=True, kw_only=True):
    """A name that stands for a value of JSON: a lookup table."""

    name: str
    value: Any


class Field(Node, frozen=True, kw_only=True):
    """``operand.name``: an error where there is no such field."""

    operand: Node
    name: str

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class OptionalField(Node, frozen=True, kw_only=True):
    """``operand.?name``: an optional, absent where there is no such field."""

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
    """``operand[?index]``: an optional, absent where there is no such element."""

    operand: Node
    index: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand, self.index)


class Has(Node, frozen=True, kw_only=True):
    """``has(operand.name)``: true for null too; an error where the operand is."""

    operand: Node
    name: str

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Not(Node, frozen=True, kw_only=True):
    operand: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Negative(Node, frozen=True, kw_only=True):
    operand: Node

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Logic(Node, frozen=True, kw_only=True):
    """``&&`` or ``||`` over two or more parts, in their order."""

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
    """A function of ``functions.FUNCTIONS``; as a method, its target is the first argument."""

    function: str
    arguments: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.arguments


class ListLiteral(Node, frozen=True, kw_only=True):
    """``[a, ?b]``: an item with a question mark is an optional, and left out where it is absent."""

    items: tuple[Node, ...]
    optional: frozenset[int] = frozenset()
    """Which items have a question mark."""

    def children(self) -> tuple[Node, ...]:
        return self.items


class MapLiteral(Node, frozen=True, kw_only=True):
    """``{key: a, ?other: b}``: as a ListLiteral."""

    entries: tuple[tuple[Node, Node], ...]
    optional: frozenset[int] = frozenset()
    """Which entries have a question mark."""

    def children(self) -> tuple[Node, ...]:
        return tuple(node for entry in self.entries for node in entry)


class Macro(Node, frozen=True, kw_only=True):
    """``over.all(variable, body)`` and its like; ``keep`` is map's filter where it has one.

    With two variables they are index and element, or key and value.
    """

    macro: str
    over: Node
    variables: tuple[str, ...]
    body: Node
    keep: Node | None = None

    def children(self) -> tuple[Node, ...]:
        return (self.over, *(() if self.keep is None else (self.keep,)), self.body)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in reading order."""
    yield node
    for child in node.children():
        yield from walk(child)


def unwrap_lets(node: Node) -> Node:
    """What the node stands for: a let's body, and so on until it is no let."""
    while isinstance(node, Let):
        node = node.body
    return node


def is_json(node: Node) -> bool:
    """Whether its value, if any, is one of JSON: it is read from the event."""
    node = unwrap_lets(node)
    while isinstance(node, Field):
        node = unwrap_lets(node.operand)
    return isinstance(node, Name) and node.name in {"event", "data", "message"}


def path(node: Node) -> tuple[str, ...] | None:
    """``("data", "status")`` for ``data.status``; None for anything but plain fields of a root.

    A let is what it stands for.
    """
    names: list[str] = []
    node = unwrap_lets(node)
    while isinstance(node, Field):
        names.append(node.name)
        node = unwrap_lets(node.operand)
    if not isinstance(node, Name):
        return None
    return (node.name, *reversed(names))
