"""Which part of a condition decided it for an event, and what that part read.

The condition is followed from the top: of an ``&&`` that is false, a part that is false; of an ``||``
that is true, one that is true; of what is an error, a part that is one. Where all parts decide
together (an ``||`` that is false), the whole of it does.
"""

from typing import Any, Final

import msgspec

from router.cel import tree
from router.cel.compiler import compile_value
from router.cel.condition import Condition
from router.cel.json_values import as_text
from router.cel.tree import Node
from router.cel.values import ERROR

_SHOWN: Final = 200
"""Characters of a value."""
_VERDICTS: Final = {True: "true", False: "false", None: "neither true nor false"}
_LEAVES: Final = (tree.Field, tree.IndexAccess, tree.Has, tree.Call, tree.Let)


class Reading(msgspec.Struct, frozen=True):
    """What a part of a condition read. ``value`` is ``ERROR`` where there is none."""

    text: str
    value: Any


class Part(msgspec.Struct, frozen=True):
    """A part of a condition. ``offset`` and ``length`` are in its characters."""

    text: str
    offset: int
    length: int
    value: Any
    """True, false or ``ERROR``."""
    readings: tuple[Reading, ...]

    @property
    def verdict(self) -> str:
        """``false: data.count = 2``."""
        verdict = _VERDICTS[self.value] if self.value.__class__ is bool else _VERDICTS[None]
        readings = ", ".join(f"{each.text} = {_shown(each.value)}" for each in self.readings)
        return verdict + (f": {readings}" if readings else "")


def deciding_part(condition: Condition, event: dict[str, Any]) -> Part:
    """The part that made the condition what it is for an event. Slow; never raises."""
    return _Follower(event).follow(condition.tree, condition.source, None)


class _Follower:
    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event

    def _value(self, node: Node) -> Any:
        return compile_value(node)(self._event, self._event.get("data", ERROR))

    def follow(self, node: Node, source: str, place: Node | None) -> Part:
        """``place`` stands for the node in the condition's own text, where it is behind a name."""
        inner = self._decisive(node)
        if inner is not None:
            return self.follow(inner, source, place)
        if isinstance(node, tree.Let):
            return self.follow(node.body, node.source, place or node)
        shown = place or node
        texts = {_written(source, each): each for each in _read(node) if each is not node}
        return Part(
            _written(source, node),
            shown.offset,
            shown.length,
            self._value(node),
            tuple(Reading(text, self._value(each)) for text, each in texts.items()),
        )

    def _decisive(self, node: Node) -> Node | None:
        """The one below a node that decided it; None where it is the node itself."""
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


def _read(node: Node) -> list[Node]:
    """What a part reads, but for literals and the insides of macros, whose variables have many values."""
    if isinstance(node, tree.Macro):
        return _read(node.over)
    if isinstance(node, tree.Field | tree.Let):
        return [node]
    below = [each for child in node.children() for each in _read(child)]
    if isinstance(node, _LEAVES) and not isinstance(node, tree.Has):
        return [*below, node] if below else []
    return below


def _shown(value: Any) -> str:
    if value is ERROR:
        return "nothing"
    text = as_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _written(source: str, node: Node) -> str:
    return " ".join(source[node.offset : node.offset + node.length].split())
