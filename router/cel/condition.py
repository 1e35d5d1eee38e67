"""A compiled condition: its verdict on an event, and the reason."""

import enum
import functools
from typing import Any, Final

from router.cel import literals
from router.cel.compiler import Evaluate, compile_branches
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
    """The result of a condition for an event."""

    MATCH = "match"
    """The condition is true."""
    NO_MATCH = "no match"
    """The condition is false."""
    ERROR = "error"
    """The condition has no bool value, for example because a field is missing. Not a match."""


# Constants, because access to an enum member takes half as long as a verdict.
_MATCH: Final = Verdict.MATCH
_NO_MATCH: Final = Verdict.NO_MATCH
_ERROR: Final = Verdict.ERROR


class Condition:
    """A condition, compiled at its first use. ``compile_condition`` and ``compile_match`` make one.

    Attributes:
        source: The text in CEL.
        tree: The syntax tree.
        is_true: The first half of ``verdict``, for hot paths: a function of the event and its data
            (``ERROR`` if it has none).
        is_false: The second half. Call ``is_true`` first.
    """

    def __init__(self, source: str, tree: Node) -> None:
        """Check the tree. Raise ConditionError."""
        _require_bool(tree)
        literals.check(tree)
        self.source = source
        self.tree = tree
        # Compiled lazily, because most of thousands of rules never evaluate an event.
        self.is_true: Evaluate = self._compile_and_evaluate
        self.is_false: Evaluate

    def verdict(self, event: dict[str, Any]) -> Verdict:
        """Evaluate an event: the whole CloudEvent as decoded from JSON. Never raise."""
        data = event.get("data", ERROR)
        if self.is_true(event, data):
            return _MATCH
        return _NO_MATCH if self.is_false(event, data) else _ERROR

    def _compile_and_evaluate(self, event: Any, data: Any) -> Any:
        """Compile at the first event, and return whether the condition is true for it."""
        try:
            self.is_true, self.is_false = compile_branches(self.tree)
        except (RecursionError, MemoryError):
            # Retried at the next event, because only this caller's stack may be nearly full.
            self.is_false = _never
            return False
        return self.is_true(event, data)

    def reason(self, event: dict[str, Any]) -> str:
        """Return why the verdict is ERROR: the innermost part without a value. Else ``""``."""
        return self._explainer.reason(event)

    def explain(self, event: dict[str, Any]) -> tuple[EvaluatedPart, ...]:
        """Return the value of each part, in the order of evaluation. Slow. Never raise."""
        return self._explainer.parts(event)

    @functools.cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.tree, self.source)


def _never(_event: Any, _data: Any) -> bool:
    return False


def compile_condition(source: str, names: Names = NO_NAMES) -> Condition:
    """Compile a condition in CEL.

    Args:
        source: The text.
        names: Expressions and values that the text may use by name.

    Raises:
        ConditionError: With the position of the error in the text.
    """
    return Condition(source, parse(source, names))


def _require_bool(whole: Node) -> None:
    """Raise ConditionError if the condition can be neither true nor false."""
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
