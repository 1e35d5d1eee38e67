"""The condition language: CEL over JSON events, as a small library.

``compile_condition(text)`` -> Condition; ``condition.verdict(event)`` -> Verdict.
``compile_expression(text)`` -> Expression; ``expression.value(event)`` -> any value. Both take
``names``: what else may stand in the text, as Expression or Constant. Pure: no I/O, no clock. Source: CEL language definition (github.com/google/cel-spec, doc/langdef.md);
docs/conditions.md says what is supported.
"""

from router.cel.condition import Condition, Verdict, compile_condition
from router.cel.explain import EvaluatedPart
from router.cel.expression import Expression, compile_expression
from router.cel.json_values import as_json, as_text
from router.cel.match import compile_match
from router.cel.names import Constant, Names, identifier_problem
from router.cel.values import ERROR
from router.errors import ConditionError

__all__ = [
    "ERROR",
    "Condition",
    "ConditionError",
    "Constant",
    "EvaluatedPart",
    "Expression",
    "Names",
    "Verdict",
    "as_json",
    "as_text",
    "compile_condition",
    "compile_expression",
    "compile_match",
    "identifier_problem",
]
