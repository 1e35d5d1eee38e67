"""The operators of CEL: reading, comparing, computing. ERROR where there is no value; none raises.

Source: CEL language definition, "Field Selection", "Equality", "Ordering", "Overloads".
"""

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

from router.cel import limits, times
from router.cel.values import (
    CONTAINERS,
    ERROR,
    MAPS,
    NUMBERS,
    DurationValue,
    Optional,
    TimestampValue,
    Uint,
    lookup_key,
    same,
)


def field(operand: Any, name: str) -> Any:
    """``operand.name``; of an optional, an optional."""
    if operand.__class__ in MAPS:
        return operand.get(name, ERROR)
    return optional_field(operand, name) if operand.__class__ is Optional else ERROR


def optional_field(operand: Any, name: str) -> Any:
    """``operand.?name``: absent where there is no such field, or where the operand is absent."""
    if operand.__class__ is Optional:
        operand = operand.value
        if operand is ERROR:
            return Optional(ERROR)
    if operand.__class__ in MAPS:
        return Optional(operand.get(name, ERROR))
    return ERROR


def has(operand: Any, name: str) -> Any:
    if operand.__class__ in MAPS:
        return name in operand
    if operand.__class__ is not Optional:
        return ERROR
    found: Any = optional_field(operand, name)
    return ERROR if found is ERROR else found.value is not ERROR


def item(operand: Any, index: Any) -> Any:
    """``operand[index]``; of an optional, an optional."""
    kind = operand.__class__
    if kind in MAPS:
        key = lookup_key(index)
        return ERROR if key is ERROR else operand.get(key, ERROR)
    if kind is list and index.__class__ in NUMBERS and index == index // 1:
        # Not int(index): there is none for infinity.
        return operand[int(index)] if 0 <= index < len(operand) else ERROR
    if kind is Optional:
        if operand.value is ERROR:
            return ERROR if index is ERROR else operand
        found = item(operand.value, index)
        absent = operand.value.__class__ in MAPS and lookup_key(index) is not ERROR
        return ERROR if found is ERROR and not absent else Optional(found)
    return ERROR


def optional_item(operand: Any, index: Any) -> Any:
    """``operand[?index]``: absent where there is no such element."""
    if operand.__class__ is Optional:
        operand = operand.value
        if operand is ERROR:
            return ERROR if index is ERROR else Optional(ERROR)
    if index is ERROR:
        return ERROR
    if operand.__class__ in MAPS:
        return Optional(item(operand, index))
    return Optional(item(operand, index)) if _is_position(operand, index) else ERROR


def _is_position(operand: Any, index: Any) -> bool:
    return operand.__class__ is list and index.__class__ is int


def equal(left: Any, right: Any) -> Any:
    if left.__class__ is str and right.__class__ is str:
        return left == right
    if left is ERROR or right is ERROR:
        return ERROR
    return same(left, right)


def unequal(left: Any, right: Any) -> Any:
    if left.__class__ is str and right.__class__ is str:
        return left != right
    if left is ERROR or right is ERROR:
        return ERROR
    result = same(left, right)
    return ERROR if result is ERROR else not result


_ORDERED: Final = frozenset({str, bool, bytes, TimestampValue, DurationValue})


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def ordered(left: Any, right: Any) -> Any:
        kind = left.__class__
        if kind in NUMBERS:
            return compare(left, right) if right.__class__ in NUMBERS else ERROR
        return compare(left, right) if kind is right.__class__ and kind in _ORDERED else ERROR

    return ordered


less: Final = _ordering(operator.lt)
less_equal: Final = _ordering(operator.le)
greater: Final = _ordering(operator.gt)
greater_equal: Final = _ordering(operator.ge)


def contained(value: Any, container: Any) -> Any:
    """``value in container``: an element of a list, a key of a map."""
    if container.__class__ is list:
        return ERROR if value is ERROR else _is_element(value, container)
    if container.__class__ in MAPS:
        key = lookup_key(value)
        return ERROR if key is ERROR else key in container
    return ERROR


def _is_element(value: Any, container: list[Any]) -> Any:
    kind = value.__class__
    if kind in CONTAINERS or kind is Optional:
        return _is_same_as_any(value, container)
    if kind is bool or value is None:
        return any(each is value for each in container)
    if kind in NUMBERS and value in {0, 1}:
        # Python takes False and True for them.
        return any(each == value and each.__class__ is not bool for each in container)
    # Python compares by identity first, and NaN is not even itself.
    return bool(value == value) and value in container  # noqa: PLR0124


def _is_same_as_any(value: Any, container: list[Any]) -> Any:
    if len(container) > limits.COMPARED:
        return ERROR
    # One element that takes too many comparisons does not hide another that is the same.
    is_costly = False
    for each in container:
        result = same(value, each)
        if result is True:
            return True
        is_costly = is_costly or result is ERROR
    return ERROR if is_costly else False


_JOINED: Final = frozenset({str, bytes, list})


def add(left: Any, right: Any) -> Any:
    kind = left.__class__
    if kind is right.__class__ and kind in _JOINED:
        return left + right if len(left) + len(right) <= limits.MADE else ERROR
    if kind is TimestampValue or kind is DurationValue:
        return _add_times(left, right)
    return _arithmetic(operator.add, left, right)


def _add_times(left: Any, right: Any) -> Any:
    moment, length = (right, left) if right.__class__ is TimestampValue else (left, right)
    if length.__class__ is not DurationValue:
        return ERROR
    made = times.timestamp_of if moment.__class__ is TimestampValue else times.duration_of
    return made(moment.nanoseconds + length.nanoseconds)


def subtract(left: Any, right: Any) -> Any:
    kind = left.__class__
    if kind is TimestampValue and right.__class__ is DurationValue:
        return times.timestamp_of(left.nanoseconds - right.nanoseconds)
    if kind is right.__class__ and (kind is TimestampValue or kind is DurationValue):
        return times.duration_of(left.nanoseconds - right.nanoseconds)
    return _arithmetic(operator.sub, left, right)


def multiply(left: Any, right: Any) -> Any:
    return _arithmetic(operator.mul, left, right)


def divide(left: Any, right: Any) -> Any:
    if left.__class__ is float and right.__class__ is float and right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1, right)
    return ERROR if right == 0 else _arithmetic(_truncated, left, right)


def remainder(left: Any, right: Any) -> Any:
    if left.__class__ is float or right.__class__ is float or right == 0:
        return ERROR
    return _arithmetic(lambda one, other: one - other * _truncated(one, other), left, right)


def _truncated(left: Any, right: Any) -> Any:
    # Toward zero, as CEL says; Python's // rounds down.
    if left.__class__ is float:
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _arithmetic(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Both of one type: CEL has no mixed arithmetic; 64 bits, overflow is an error."""
    kind = left.__class__
    if kind is not right.__class__:
        return ERROR
    if kind is float:
        return compute(left, right)
    if kind is int:
        # An integer of JSON may be larger than any of CEL's.
        if not (fits(left) and fits(right)):
            return ERROR
        result = compute(left, right)
        return result if fits(result) else ERROR
    if kind is not Uint:
        return ERROR
    result = compute(int(left), int(right))
    return Uint(result) if 0 <= result <= limits.UINT_MAX else ERROR


def fits(value: int) -> bool:
    """Whether it has 64 bits."""
    return limits.INT_MIN <= value <= limits.INT_MAX


def negative(value: Any) -> Any:
    if value.__class__ is float:
        return -value
    fitting = value.__class__ is int and limits.INT_MIN < value <= limits.INT_MAX
    return -value if fitting else ERROR


def negation(value: Any) -> Any:
    return not value if value.__class__ is bool else ERROR


def logic_and(parts: Iterable[Callable[[], Any]]) -> Any:
    """False if any part is, whatever errors the others have."""
    return _absorb(parts, decisive=False)


def logic_or(parts: Iterable[Callable[[], Any]]) -> Any:
    """True if any part is, whatever errors the others have."""
    return _absorb(parts, decisive=True)


def _absorb(parts: Iterable[Callable[[], Any]], *, decisive: bool) -> Any:
    result: Any = not decisive
    for part in parts:
        value = part()
        if value is decisive:
            return decisive
        if value is not (not decisive):
            result = ERROR
    return result


OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "==": equal,
    "!=": unequal,
    "<": less,
    "<=": less_equal,
    ">": greater,
    ">=": greater_equal,
    "in": contained,
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}
"""Those with two operands, but && and ||."""
GROWING: Final = frozenset({"==", "!=", "in", "+"})
"""Operators that take longer for larger values."""
