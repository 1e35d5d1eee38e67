"""The condition language: CEL over JSON events, as a small library.

``compile_condition(text)`` returns a Condition; ``condition.verdict(event)`` returns a Verdict.
``compile_expression(text)`` returns an Expression; ``expression.value(event)`` returns a value of
any type. Both accept ``names``: further names that the text may use, each an Expression or a
Constant. The package is pure: no I/O, no clock. docs/reference/conditions.md specifies the language. Source:
CEL language definition (github.com/google/cel-spec, doc/langdef.md).
"""

from router.cel.condition import Condition, Verdict, compile_condition
from router.cel.explain import EvaluatedPart
from router.cel.expression import Expression, compile_expression
from router.cel.json_values import as_json, as_text
from router.cel.literals import regular_expression
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
    "regular_expression",
]
