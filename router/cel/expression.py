"""A compiled expression of any type, for example the ``by`` of a rule, a label, or a let."""

import functools
from typing import Any

from router.cel import literals
from router.cel.compiler import Evaluate, compile_value
from router.cel.explain import Explainer
from router.cel.names import NO_NAMES, Names
from router.cel.parser import parse
from router.cel.tree import Node
from router.cel.values import ERROR


class Expression:
    """An expression, compiled at its first use. ``compile_expression`` makes one.

    Attributes:
        source: The text in CEL.
        tree: The syntax tree.
    """

    def __init__(self, source: str, tree: Node) -> None:
        """Check the tree. Raise ConditionError."""
        literals.check(tree)
        self.source = source
        self.tree = tree
        self._value: Evaluate = self._compile_and_evaluate

    def value(self, event: dict[str, Any]) -> Any:
        """Return the value for a whole CloudEvent as decoded from JSON, or ``ERROR``. Never raise."""
        return self._value(event, event.get("data", ERROR))

    def reason(self, event: dict[str, Any]) -> str:
        """Return why there is no value: the innermost part without one. Else ``""``. Slow."""
        return self._explainer.error(event)

    @functools.cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.tree, self.source)

    def _compile_and_evaluate(self, event: Any, data: Any) -> Any:
        """Compile at the first event, and return the value for it."""
        try:
            self._value = compile_value(self.tree)
        except (RecursionError, MemoryError):
            # Retried at the next event, because only this caller's stack may be nearly full.
            return ERROR
        return self._value(event, data)


def compile_expression(source: str, names: Names = NO_NAMES) -> Expression:
    """Compile an expression in CEL, which may use ``names``. Raise ConditionError."""
    return Expression(source, parse(source, names))
