"""The condition language: CEL over JSON events, as a small library.

``compile_condition(text)`` -> Condition; ``condition.verdict(event)`` -> Verdict.
``compile_expression(text)`` -> Expression; ``expression.value(event)`` -> any value. Both take
``names``: what else may stand in the text, as Expression or Constant. Pure: no I/O, no clock. Source: CEL language definition (github.com/google/cel-spec, doc/langdef.md);
docs/conditions.md says what is supported.
"""

from router.errors import ConditionError
from router.rules.cel.condition import Condition, Verdict, compile_condition
from router.rules.cel.explain import Step
from router.rules.cel.expression import Expression, compile_expression
from router.rules.cel.match import compile_match
from router.rules.cel.names import Constant, Names, identifier_problem
from router.rules.cel.plain import as_json, as_text
from router.rules.cel.values import ERROR

__all__ = [
    "ERROR",
    "Condition",
    "ConditionError",
    "Constant",
    "Expression",
    "Names",
    "Step",
    "Verdict",
    "as_json",
    "as_text",
    "compile_condition",
    "compile_expression",
    "compile_match",
    "identifier_problem",
]
