"""A compiled expression of any type: the values that alerts are told apart by, and names for them."""

from typing import Any

from router.cel import literals
from router.cel.compiler import Evaluate, compile_value
from router.cel.names import NO_NAMES, Names
from router.cel.parser import parse
from router.cel.tree import Node
from router.cel.values import ERROR


class Expression:
    """Made by ``compile_expression``."""

    def __init__(self, source: str, tree: Node) -> None:
        """Raises ConditionError."""
        literals.check(tree)
        self.source = source
        self.tree = tree
        self._value: Evaluate = self._first

    def value(self, event: dict[str, Any]) -> Any:
        """Its value for the whole CloudEvent as decoded from JSON, or ``ERROR``. Never raises."""
        return self._value(event, event.get("data", ERROR))

    def _first(self, event: Any, data: Any) -> Any:
        """Compile, at the first event: the value for that one."""
        try:
            self._value = compile_value(self.tree)
        except (RecursionError, MemoryError):
            # The caller's stack is nearly full; the next one's may not be.
            return ERROR
        return self._value(event, data)


def compile_expression(source: str, names: Names = NO_NAMES) -> Expression:
    """Compile CEL text, in which ``names`` may stand. Raises ConditionError."""
    return Expression(source, parse(source, names))
