"""The part of a condition that decided its result for an event, and the fields that it read.

The search starts at the top. In a false ``&&`` it continues in a false part, in a true ``||`` in a
true part, in an error in a part that is an error. If all parts decide together (a false ``||``),
the search stops at the whole.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from router.cel import tree
from router.cel.compiler import compile_value
from router.cel.condition import Condition
from router.cel.json_values import as_text
from router.cel.paths_read import paths_read
from router.cel.tree import Node
from router.cel.values import ERROR
from router.field_paths import FieldPath

_SHOWN: Final = 200
"""Characters of a value."""
_VERDICTS: Final = {True: "true", False: "false", None: "neither true nor false"}
_LEAVES: Final = (tree.Field, tree.IndexAccess, tree.Has, tree.Call, tree.Let)
_PRESENCE: Final = (tree.Has, tree.OptionalField, tree.OptionalIndexAccess)


class Operand(msgspec.Struct, frozen=True):
    """A field or other value that a part of a condition read."""

    text: str
    value: Any
    """``ERROR`` if there is none."""


class DecidingPart(msgspec.Struct, frozen=True):
    """A part of a condition."""

    text: str
    offset: int
    """In characters of the condition."""
    length: int
    value: Any
    """True, false or ``ERROR``."""
    operands: tuple[Operand, ...]
    tests_presence: bool = False
    """Whether a missing field may make it true or false, instead of an error."""
    paths: frozenset[FieldPath] = frozenset()
    """The fields that its value can depend on."""

    @property
    def verdict(self) -> str:
        """``false: data.count = 2``."""
        verdict = _VERDICTS[self.value] if self.value.__class__ is bool else _VERDICTS[None]
        return verdict + (f": {self.values}" if self.values else "")

    @property
    def values(self) -> str:
        """``data.count = 2, data.x = nothing``."""
        return ", ".join(f"{each.text} = {_shown(each.value)}" for each in self.operands)


def deciding_part(condition: Condition, event: dict[str, Any]) -> DecidingPart:
    """Return the part that decided the condition's result for an event. Slow. Never raise."""
    return _Search(event).search(condition.tree, condition.source, None)


def condition_parts(condition: Condition, event: dict[str, Any]) -> tuple[DecidingPart, ...]:
    """Return the parts that must all be true for an event to match, each with its value.

    A condition without ``&&`` is one part. Slow. Never raise.
    """
    return tuple(_Search(event).parts(condition.tree, condition.source, None))


class _Search:
    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event

    def _value(self, node: Node) -> Any:
        return compile_value(node)(self._event, self._event.get("data", ERROR))

    def search(self, node: Node, source: str, let: Node | None) -> DecidingPart:
        """Search ``node``. ``let`` is its let in the condition's own text, if it is part of one."""
        inner = self._decisive(node)
        if inner is not None:
            return self.search(inner, source, let)
        if isinstance(node, tree.Let):
            return self.search(node.body, node.source, let or node)
        return self._part(node, source, let)

    def parts(self, node: Node, source: str, let: Node | None) -> Iterator[DecidingPart]:
        """Yield the parts of nested ``&&``, those behind the name of an expression, too."""
        if isinstance(node, tree.Let) and isinstance(node.body, tree.Let | tree.Logic):
            yield from self.parts(node.body, node.source, let or node)
        elif isinstance(node, tree.Logic) and node.operator == "&&":
            for part in node.parts:
                yield from self.parts(part, source, let)
        else:
            yield self._part(node, source, let)

    def _part(self, node: Node, source: str, let: Node | None) -> DecidingPart:
        shown = let or node
        operands = {_text(source, each): each for each in _operands(node) if each is not node}
        return DecidingPart(
            _text(source, node),
            shown.offset,
            shown.length,
            self._value(node),
            tuple(Operand(text, self._value(each)) for text, each in operands.items()),
            _tests_presence(node),
            paths_read(node),
        )

    def _decisive(self, node: Node) -> Node | None:
        """Return the child that decided a node, or None if the node itself did."""
        match node:
            case tree.Not(operand=operand):
                return operand if isinstance(operand, tree.Logic | tree.Not) else None
            case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
                value = self._value(condition)
                return (
                    {True: then, False: otherwise}.get(value) if value.__class__ is bool else None
                )
            case tree.Logic(operator=operator, parts=parts):
                return self._decisive_part(operator, parts)
            case _:
                return None

    def _decisive_part(self, operator: str, parts: tuple[Node, ...]) -> Node | None:
        values = [(part, self._value(part)) for part in parts]
        for part, value in values:
            if value is (operator == "||"):
                return part
        return next((part for part, value in values if value.__class__ is not bool), None)


def _operands(node: Node) -> list[Node]:
    """Return the operands of a part: no literals, and no body of a macro (it has many values)."""
    if isinstance(node, tree.Macro):
        return _operands(node.over)
    if isinstance(node, tree.Field | tree.Let):
        return [node]
    below = [each for child in node.children() for each in _operands(child)]
    if isinstance(node, _LEAVES) and not isinstance(node, tree.Has):
        return [*below, node] if below else []
    return below


def _tests_presence(node: Node) -> bool:
    return isinstance(node, _PRESENCE) or any(map(_tests_presence, node.children()))


def _shown(value: Any) -> str:
    if value is ERROR:
        return "nothing"
    text = as_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _text(source: str, node: Node) -> str:
    return " ".join(source[node.offset : node.offset + node.length].split())
