"""The checker: the types of the names in scope, and the problems found so far."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from router.cel import tree
from router.cel.check.types import ANY, BOOL, NUMBERS, Type, TypeKind
from router.cel.tree import Node

_SHOWN: Final = 60
"""Characters of the condition that a message quotes."""
_LISTED: Final = 8
"""Names that a hint lists."""

Rule = Callable[["Checker", Any], Type]
"""Returns the type of one kind of node and reports its problems."""
Rules = Mapping[type[Node], Rule]

NamesField = tree.Field | tree.OptionalField | tree.Has
"""Nodes that name a field."""


class TypeProblem(msgspec.Struct, frozen=True):
    """A problem of a part of a condition."""

    offset: int
    """In characters of the condition."""
    length: int
    message: str
    hint: str = ""
    is_warning: bool = False
    """Whether the author may mean it."""


class Checker:
    """Infers types by ``rules``, which call it for the nodes below.

    Attributes:
        problems: The problems found, in the order of the visits.
    """

    def __init__(self, rules: Rules, source: str, names: Mapping[str, Type]) -> None:
        self._rules = rules
        self._source = source
        self._names = dict(names)
        self._lets: dict[int, Type] = {}
        """Types of lets, by the ids of their bodies."""
        self.problems: list[TypeProblem] = []

    def type(self, node: Node) -> Type:
        """Return the type of a node, and append its problems to ``problems``."""
        return self._rules[type(node)](self, node)

    def bool(self, node: Node) -> Type:
        """Return BOOL. Report a node that is neither true nor false."""
        found = self.type(node)
        if not found.can_be(TypeKind.BOOL):
            self.report(
                node, f"{self.is_a(node, found)}, not true or false", "compare it with something"
            )
        return BOOL

    def number(self, node: Node) -> Type:
        """Return the type of a node. Report a node that is no number."""
        found = self.type(node)
        if not found.can_be(TypeKind.NUMBER):
            self.report(node, f"{self.is_a(node, found)}, not a number")
        return found

    def name(self, name: str) -> Type:
        """Return the type of a root or variable."""
        return self._names.get(name, ANY)

    def let(self, node: tree.Let) -> Type:
        """Return the type of a let. Its problems are not appended: its definition is checked."""
        known = self._lets.get(id(node.body))
        if known is None:
            inner = Checker(self._rules, node.source, self._names)
            inner._lets = self._lets
            known = self._lets[id(node.body)] = inner.type(node.body)
        return known

    def within(self, variables: Mapping[str, Type], body: Callable[[], Type]) -> Type:
        """Return the type that ``body`` infers with a macro's variables in scope."""
        outer = self._names
        self._names = {**outer, **variables}
        try:
            return body()
        finally:
            self._names = outer

    def report(self, node: Node, message: str, hint: str = "") -> None:
        """Append a problem of a node."""
        self.problems.append(TypeProblem(node.offset, node.length, message, hint))

    def report_name(self, node: NamesField, message: str, hint: str) -> None:
        """Append a problem at the field's name, or at the node if the name is not found in it."""
        end = node.offset + node.length
        position = self._source.rfind(node.name, node.operand.offset + node.operand.length, end)
        span = (node.offset, node.length) if position < 0 else (position, len(node.name))
        self.problems.append(TypeProblem(*span, message, hint))

    def source_of(self, node: Node) -> str:
        """Return a node's text on one line, cut to a limit."""
        text = " ".join(self._source[node.offset : node.offset + node.length].split())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

    def is_a(self, node: Node, found: Type) -> str:
        """``data.status is text``."""
        return f"{self.source_of(node)} is {type_name(found)}"


def type_name(found: Type) -> str:
    """Return the name of a type for messages. All types of numbers have one name."""
    return TypeKind.NUMBER.value if found.kind in NUMBERS else found.kind.value


def list_names(introduction: str, names: Iterable[str]) -> str:
    """``there are: a, b, …``, in the order of the alphabet."""
    names = sorted(names)
    more = ", …" if len(names) > _LISTED else ""
    return f"{introduction}: {', '.join(names[:_LISTED])}{more}"


def one_of(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
