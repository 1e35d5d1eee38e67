"""A compiled condition: its verdict on an event, and why."""

import enum
import functools
from typing import Any, Final

from router.cel import literals
from router.cel.compiler import Evaluate, compile_rails
from router.cel.explain import EvaluatedPart, Explainer
from router.cel.functions import FUNCTIONS, MACROS
from router.cel.names import NO_NAMES, Names
from router.cel.parser import parse
from router.cel.tree import (
    Binary,
    Call,
    ExternalConstant,
    ListLiteral,
    Literal,
    Macro,
    MapLiteral,
    Negative,
    Node,
    OptionalField,
    OptionalIndexAccess,
    unwrap_lets,
)
from router.cel.values import ERROR
from router.errors import ConditionError


class Verdict(enum.Enum):
    """What a condition says of an event."""

    MATCH = "match"
    NO_MATCH = "no match"
    ERROR = "error"
    """A field is missing, say, or of another type. No match, but worth counting."""


# Reading a member of an enum costs half of what a verdict does.
_MATCH: Final = Verdict.MATCH
_NO_MATCH: Final = Verdict.NO_MATCH
_ERROR: Final = Verdict.ERROR


class Condition:
    """Made by ``compile_condition`` or ``compile_match``.

    ``is_true`` and, asked after it, ``is_false`` are the halves of ``verdict``: functions of the event
    and its data (``ERROR`` for none), for whoever asks often.
    """

    def __init__(self, source: str, tree: Node) -> None:
        """Raises ConditionError."""
        _require_bool(tree)
        literals.check(tree)
        self.source = source
        self.tree = tree
        # Most of thousands of rules never meet an event that they must judge.
        self.is_true: Evaluate = self._first
        self.is_false: Evaluate

    def verdict(self, event: dict[str, Any]) -> Verdict:
        """Judge an event: the whole CloudEvent as decoded from JSON. Never raises."""
        data = event.get("data", ERROR)
        if self.is_true(event, data):
            return _MATCH
        return _NO_MATCH if self.is_false(event, data) else _ERROR

    def _first(self, event: Any, data: Any) -> Any:
        """Compile, at the first event: whether it is true for that one."""
        try:
            self.is_true, self.is_false = compile_rails(self.tree)
        except (RecursionError, MemoryError):
            # The caller's stack is nearly full; the next one's may not be.
            self.is_false = _never
            return False
        return self.is_true(event, data)

    def reason(self, event: dict[str, Any]) -> str:
        """Why the verdict is ERROR: the innermost part that has no value. ``""`` if none is."""
        return self._explainer.reason(event)

    def explain(self, event: dict[str, Any]) -> tuple[EvaluatedPart, ...]:
        """The value of each part, in the order in which it is computed. Slow; never raises."""
        return self._explainer.steps(event)

    @functools.cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.tree, self.source)


def _never(_event: Any, _data: Any) -> bool:
    return False


def compile_condition(source: str, names: Names = NO_NAMES) -> Condition:
    """Compile CEL text, in which ``names`` may stand. Raises ConditionError."""
    return Condition(source, parse(source, names))


def _require_bool(whole: Node) -> None:
    """Raise ConditionError where it is plain that the condition is neither true nor false."""
    hint = "compare it with something"
    match unwrap_lets(whole):
        case Literal(value=value) | ExternalConstant(value=value):
            is_bool = isinstance(value, bool)
        case Call(function=function):
            is_bool = FUNCTIONS[function].result in {"bool", "dyn"}
        case Macro(macro=macro):
            is_bool = MACROS[macro].result == "bool"
        case Binary(operator=operator):
            is_bool = operator not in "+-*/%"
        case OptionalField() | OptionalIndexAccess():
            is_bool = False
            hint = "add .orValue(false)"
        case node:
            is_bool = not isinstance(node, ListLiteral | MapLiteral | Negative)
    if not is_bool:
        raise ConditionError(
            "a condition must be true or false",
            offset=whole.offset,
            length=whole.length,
            hint=hint,
        )
