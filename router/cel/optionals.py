"""Functions on optional values, which may be absent.

Source: CEL specification, "Optional Values" (github.com/google/cel-spec/wiki/proposal-246).
"""

from collections.abc import Callable
from typing import Any, Final

from router.cel.values import ERROR, NONE, NUMBERS, SIZED, DurationValue, Optional, TimestampValue

_ZEROS: Final = frozenset({DurationValue(0), TimestampValue(0)})


def of(value: Any) -> Any:
    """``optional.of``: an optional that has this value."""
    return ERROR if value is ERROR else Optional(value)


def none() -> Any:
    """``optional.none``: an absent optional."""
    return NONE


def of_non_zero(value: Any) -> Any:
    """``optional.ofNonZeroValue``: absent for null, false, 0, and empty values."""
    if value is ERROR:
        return ERROR
    kind = value.__class__
    is_zero = value is None or (kind in SIZED and not value)
    is_zero = is_zero or ((kind is bool or kind in NUMBERS) and not value)
    return (
        NONE
        if is_zero or (kind in {DurationValue, TimestampValue} and value in _ZEROS)
        else of(value)
    )


def has_value(optional: Any) -> Any:
    """``hasValue``."""
    return optional.value is not ERROR if optional.__class__ is Optional else ERROR


def value_of(optional: Any) -> Any:
    """``value``: ERROR if the optional is absent."""
    return optional.value if optional.__class__ is Optional else ERROR


def value_or(optional: Any, otherwise: Callable[[], Any]) -> Any:
    """``orValue``: the value, or else the value of ``otherwise``, evaluated only if needed."""
    if optional.__class__ is not Optional:
        return ERROR
    return otherwise() if optional.value is ERROR else optional.value


def or_else(optional: Any, otherwise: Callable[[], Any]) -> Any:
    """``or``: the optional if it has a value, or else ``otherwise``, evaluated only if needed."""
    if optional.__class__ is not Optional or optional.value is not ERROR:
        return optional if optional.__class__ is Optional else ERROR
    other = otherwise()
    return other if other.__class__ is Optional else ERROR
