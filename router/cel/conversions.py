"""Conversions between types: ``int(x)``, ``string(x)`` and so on. ERROR if there is none.

Source: CEL language definition, "List of Standard Definitions", type conversions.
"""

import math
import re
from typing import Any, Final

from router.cel import limits, times
from router.cel.values import ERROR, DurationValue, TimestampValue, Uint

_NUMBER_LENGTH: Final = 400
"""Characters of a number in a string; the longest float has about 330."""
_INTEGER: Final = re.compile(r"[+-]?0*(\d{1,20})", re.ASCII)
_FLOAT: Final = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)
_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False"), False),
}


def to_int(value: Any) -> Any:
    """``int``: from a number (rounded toward zero), digits, a bool, a timestamp (seconds)."""
    kind = value.__class__
    if kind is float:
        # Exclusive, because INT_MAX as a float is 2**63, which does not fit 64 bits.
        inside = limits.INT_MIN < value < limits.INT_MAX
        return int(value) if inside else ERROR
    if kind is TimestampValue:
        return value.nanoseconds // 10**9
    whole = int(value) if kind is bool else _whole(value)
    return whole if whole is not None and limits.INT_MIN <= whole <= limits.INT_MAX else ERROR


def to_uint(value: Any) -> Any:
    """``uint``: from a number (rounded toward zero) or a string of digits."""
    if value.__class__ is float:
        return Uint(value) if 0 <= value < limits.UINT_MAX else ERROR
    if value.__class__ is str and value.startswith("-"):
        return ERROR
    whole = _whole(value)
    return Uint(whole) if whole is not None and 0 <= whole <= limits.UINT_MAX else ERROR


def _whole(value: Any) -> int | None:
    kind = value.__class__
    if kind is int or kind is Uint:
        return int(value)
    if kind is str and len(value) <= _NUMBER_LENGTH and _INTEGER.fullmatch(value):
        return int(value)
    return None


def to_double(value: Any) -> Any:
    """``double``: from a number, or from a string such as ``2.5``, ``1e3``, ``inf``."""
    kind = value.__class__
    if kind is float:
        return value
    if kind is int or kind is Uint:
        try:
            return float(value)
        except OverflowError:
            return ERROR
    if kind is str and len(value) <= _NUMBER_LENGTH and _FLOAT.fullmatch(value):
        return float(value)
    return ERROR


def to_bool(value: Any) -> Any:
    """``bool``: from a bool, or from the strings 1 t true True TRUE 0 f false False FALSE."""
    if value.__class__ is bool:
        return value
    return _BOOLS.get(value, ERROR) if value.__class__ is str else ERROR


def to_string(value: Any) -> Any:
    """``string``: from anything except null, lists, maps and optionals."""
    kind = value.__class__
    if kind is str:
        return value
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Uint:
        return str(int(value)) if limits.INT_MIN <= value <= limits.UINT_MAX else ERROR
    if kind is float:
        return _float_text(value)
    if kind is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ERROR
    if kind is TimestampValue:
        return times.timestamp_text(value)
    return times.duration_text(value) if kind is DurationValue else ERROR


def _float_text(value: float) -> str:
    """Return the shortest text that parses to the same float; no point for a whole number."""
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")


def to_bytes(value: Any) -> Any:
    """``bytes``: from a string, in UTF-8."""
    if value.__class__ is str and len(value) <= limits.RESULT_SIZE:
        try:
            return value.encode()
        except UnicodeEncodeError:
            return ERROR
    return value if value.__class__ is bytes else ERROR


def to_dyn(value: Any) -> Any:
    """``dyn``: the value itself. The function exists for CEL's own type checker."""
    return value
