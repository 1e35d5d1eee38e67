"""Severities that depend on the event: an expression in place of ``info``, ``warning`` or ``critical``."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from router.alerts import Severity
from router.cel import ERROR, Expression
from router.cel import as_text as value_text

SEVERITIES: Final = tuple(Severity)
_SHOWN: Final = 60
"""Characters of a value in a sentence."""


class SeverityByValue(msgspec.Struct, frozen=True, kw_only=True):
    """A severity that an expression selects."""

    expression: Expression
    otherwise: Severity
    """The severity if the expression has no value, or one that is no severity."""
    possible: frozenset[Severity] = frozenset(SEVERITIES)
    """The severities that an alert may have."""

    def selected(self, event: dict[str, Any]) -> Severity | None:
        """Return the severity that the expression selects for a CloudEvent; None if it selects none."""
        value = self.expression.value(event)
        return _BY_TEXT.get(value) if isinstance(value, str) else None

    @property
    def text(self) -> str:
        """The expression on one line, cut to a limit."""
        return " ".join(self.expression.source.split())[:_SHOWN]

    def problem(self, event: dict[str, Any]) -> str:
        """Return why the expression selects no severity for an event; ``""`` if it selects one."""
        if self.selected(event) is not None:
            return ""
        value = self.expression.value(event)
        found = "has no value" if value is ERROR else f"is {value_text(value)[:_SHOWN]}"
        return f"{self.text} {found}"


RuleSeverity = Severity | SeverityByValue
"""The severity of a rule's alerts."""

_BY_TEXT: Final = {str(each): each for each in SEVERITIES}


def possible_severities(severity: RuleSeverity) -> frozenset[Severity]:
    """Return the severities that alerts of a rule may have."""
    return severity.possible if isinstance(severity, SeverityByValue) else frozenset({severity})


def severities_of(values: Iterable[Any]) -> frozenset[Severity]:
    """Return those of the values that are severities."""
    return frozenset(
        _BY_TEXT[each] for each in values if isinstance(each, str) and each in _BY_TEXT
    )
