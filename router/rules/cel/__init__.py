"""The condition language: CEL over JSON events, as a small library.

``compile_condition(text)`` -> Condition; ``condition.verdict(event)`` -> Verdict. Pure: no I/O, no
clock. Source: CEL language definition (github.com/google/cel-spec, doc/langdef.md);
docs/conditions.md says what is supported.
"""

from router.errors import ConditionError
from router.rules.cel.condition import Condition, Step, Verdict, compile_condition
from router.rules.cel.match import compile_match

__all__ = [
    "Condition",
    "ConditionError",
    "Step",
    "Verdict",
    "compile_condition",
    "compile_match",
]
