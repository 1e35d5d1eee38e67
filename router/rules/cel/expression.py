"""A compiled expression of any type: the values that alerts are told apart by, and names for them."""

from typing import Any

from router.errors import ConditionError
from router.rules.cel.compiler import compile_value
from router.rules.cel.names import NO_NAMES, Names
from router.rules.cel.parser import parse
from router.rules.cel.tree import Node
from router.rules.cel.values import ERROR


class Expression:
    """Made by ``compile_expression``."""

    def __init__(self, source: str, tree: Node) -> None:
        """Raises ConditionError."""
        self.source = source
        self.tree = tree
        try:
            self._value = compile_value(tree)
        except (RecursionError, MemoryError):  # what CPython's compiler says of deep nesting
            raise ConditionError("nested too deeply", offset=0, length=len(source)) from None

    def value(self, event: dict[str, Any]) -> Any:
        """Its value for the whole CloudEvent as decoded from JSON, or ``ERROR``. Never raises."""
        return self._value(event, event.get("data", ERROR))


def compile_expression(source: str, names: Names = NO_NAMES) -> Expression:
    """Compile CEL text, in which ``names`` may stand. Raises ConditionError."""
    return Expression(source, parse(source, names))
