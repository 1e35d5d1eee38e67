"""Hints about values of the wrong type: how the value that was meant is written."""

from collections.abc import Sequence
from typing import Any, Final

from router.configuration.yaml.document import Scalar
from router.configuration.yaml.scalars import plain_value
from router.datatypes import Duration, Share
from router.suggestions import closest_match

_SHOWN: Final = 60
"""Characters of a value that a hint repeats."""
_OTHER_CHOICES: Final = {
    **dict.fromkeys(
        ("error", "high", "page", "crit", "fatal", "emergency", "alert", "p1"), "critical"
    ),
    **dict.fromkeys(("warn", "medium", "minor", "p2"), "warning"),
    **dict.fromkeys(("low", "debug", "notice", "information", "none", "p3"), "info"),
    **dict.fromkeys(("off", "disabled", "dry_run", "dry-run", "test", "silent"), "shadow"),
    **dict.fromkeys(("on", "enabled", "active"), "live"),
}
"""Values by the words of other systems."""


def scalar_hint(node: Scalar, kind: Any, choices: Sequence[str]) -> str:
    """Return a hint for a scalar that is no value of its type; ``""`` if there is none.

    Args:
        node: The scalar.
        kind: The type of the value.
        choices: The values that the type has, if it has a few.
    """
    if choices:
        return _choice_hint(node.text, choices)
    if kind is str and node.text:
        return f'write "{node.text[:_SHOWN]}"'
    if kind in {int, float, bool}:
        return _unquoted_hint(node, kind)
    if kind is Share:
        return _percent_hint(node)
    return _duration_hint(node.text) if kind is Duration else ""


def _duration_hint(text: str) -> str:
    if text.isdecimal():
        return f"write {text[:_SHOWN]}s for seconds"
    meant = Duration.meant_by(text)
    return f"write {meant}" if meant else ""


def _choice_hint(text: str, choices: Sequence[str]) -> str:
    other = _OTHER_CHOICES.get(text.lower(), "")
    by_case = {each.lower(): each for each in choices}
    same = other if other in choices else by_case.get(text.lower().strip())
    match = same or closest_match(text, choices)
    if match:
        return f'did you mean "{match}"?'
    is_expression = "critical" in choices and any(sign in text for sign in "?=<>.[")
    return "an expression needs {{ }} around it" if is_expression else ""


def _unquoted_hint(node: Scalar, kind: Any) -> str:
    """Return how a number or a boolean is written."""
    if not node.is_plain:
        return "write it without quotes"
    meaning = plain_value(node.text)
    first = meaning.trap.partition(" ")[0]
    word = (first if first in {"true", "false"} else "") if kind is bool else meaning.number
    return f"write {word}" if word else ""


def _percent_hint(node: Scalar) -> str:
    """Return how a number is written that was meant as per cent."""
    value = plain_value(node.text).value if node.is_plain else None
    is_percent = isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= 100
    return f"write {value:g}%" if is_percent else ""
