"""The checker itself: where it is in a condition, what it knows there, what it has found wrong."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from router.cel import tree
from router.cel.check.types import ANY, BOOL, NUMBERS, Type, TypeKind
from router.cel.tree import Node

_SHOWN: Final = 60
"""Characters of the condition that a message repeats."""
_LISTED: Final = 8
"""Names that a hint lists."""

Rule = Callable[["Checker", Any], Type]
"""The type of one kind of node; what is wrong with it is reported."""
Rules = Mapping[type[Node], Rule]


NamesField = tree.Field | tree.OptionalField | tree.Has


class TypeProblem(msgspec.Struct, frozen=True):
    """What is wrong with a part of a condition. ``offset`` and ``length`` are in its characters."""

    offset: int
    length: int
    message: str
    hint: str = ""
    is_warning: bool = False
    """Whether it may be meant as it stands."""


class Checker:
    """Infers types by ``rules``, which call back into it."""

    def __init__(self, rules: Rules, source: str, names: Mapping[str, Type]) -> None:
        self._rules = rules
        self._source = source
        self._names = dict(names)
        self._lets: dict[int, Type] = {}
        """By the identity of their bodies."""
        self.problems: list[TypeProblem] = []

    def type(self, node: Node) -> Type:
        """The type of a node; its problems are kept."""
        return self._rules[type(node)](self, node)

    def bool(self, node: Node) -> Type:
        """As ``type``, for a node that must be true or false."""
        found = self.type(node)
        if not found.can_be(TypeKind.BOOL):
            self.report(
                node, f"{self.is_a(node, found)}, not true or false", "compare it with something"
            )
        return BOOL

    def name(self, name: str) -> Type:
        return self._names.get(name, ANY)

    def let(self, node: tree.Let) -> Type:
        known = self._lets.get(id(node.body))
        if known is None:
            inner = Checker(self._rules, node.source, self._names)
            inner._lets = self._lets
            known = self._lets[id(node.body)] = inner.type(node.body)
        return known

    def within(self, variables: Mapping[str, Type], body: Callable[[], Type]) -> Type:
        """The type of a macro's body, in which its variables are known."""
        outer = self._names
        self._names = {**outer, **variables}
        try:
            return body()
        finally:
            self._names = outer

    def report(self, node: Node, message: str, hint: str = "") -> None:
        self.problems.append(TypeProblem(node.offset, node.length, message, hint))

    def report_name(self, node: NamesField, message: str, hint: str) -> None:
        """Report at the name of the field that a node asks for, where it can be told."""
        end = node.offset + node.length
        at = self._source.rfind(node.name, node.operand.offset + node.operand.length, end)
        place = (node.offset, node.length) if at < 0 else (at, len(node.name))
        self.problems.append(TypeProblem(*place, message, hint))

    def written(self, node: Node) -> str:
        """The node as it stands in the condition, on one line and not too long."""
        text = " ".join(self._source[node.offset : node.offset + node.length].split())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

    def is_a(self, node: Node, found: Type) -> str:
        """``data.status is text``."""
        return f"{self.written(node)} is {described(found)}"


def described(found: Type) -> str:
    """What a type is called. Numbers are all the same but in arithmetic."""
    return TypeKind.NUMBER.value if found.kind in NUMBERS else found.kind.value


def choice(what: str, names: Iterable[str]) -> str:
    names = sorted(names)
    more = ", …" if len(names) > _LISTED else ""
    return f"{what}: {', '.join(names[:_LISTED])}{more}"


def one_of(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
