"""The operators of CEL: access, comparison, arithmetic. They return ERROR and never raise.

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
    LookupTable,
    Optional,
    TimestampValue,
    Uint,
    deep_equal,
    lookup_key,
)


def field(operand: Any, name: str) -> Any:
    """``operand.name``. A field of an optional is an optional."""
    if operand.__class__ in MAPS:
        return operand.get(name, ERROR)
    return optional_field(operand, name) if operand.__class__ is Optional else ERROR


def optional_field(operand: Any, name: str) -> Any:
    """``operand.?name``: absent if there is no such field, or if the operand is absent."""
    if operand.__class__ is Optional:
        operand = operand.value
        if operand is ERROR:
            return Optional(ERROR)
    if operand.__class__ in MAPS:
        return Optional(operand.get(name, ERROR))
    return ERROR


def has(operand: Any, name: str) -> Any:
    """``has(operand.name)``: true for null, an error if the operand is no map."""
    if operand.__class__ in MAPS:
        return name in operand
    if operand.__class__ is not Optional:
        return ERROR
    found: Any = optional_field(operand, name)
    return ERROR if found is ERROR else found.value is not ERROR


def item(operand: Any, index: Any) -> Any:
    """``operand[index]``. An element of an optional is an optional."""
    kind = operand.__class__
    if kind in MAPS:
        key = lookup_key(index)
        if key is ERROR:
            return ERROR
        return operand.get(key, operand.missing_row if kind is LookupTable else ERROR)
    if kind is list and index.__class__ in NUMBERS and index == index // 1:
        # Not int(index), because it raises for infinity.
        return operand[int(index)] if 0 <= index < len(operand) else ERROR
    if kind is Optional:
        if operand.value is ERROR:
            return ERROR if index is ERROR else operand
        found = item(operand.value, index)
        absent = operand.value.__class__ in MAPS and lookup_key(index) is not ERROR
        return ERROR if found is ERROR and not absent else Optional(found)
    return ERROR


def optional_item(operand: Any, index: Any) -> Any:
    """``operand[?index]``: absent if there is no such element."""
    if operand.__class__ is Optional:
        operand = operand.value
        if operand is ERROR:
            return ERROR if index is ERROR else Optional(ERROR)
    if index is ERROR:
        return ERROR
    if operand.__class__ in MAPS:
        key = lookup_key(index)
        return Optional(ERROR if key is ERROR else operand.get(key, ERROR))
    return Optional(item(operand, index)) if _is_list_index(operand, index) else ERROR


def _is_list_index(operand: Any, index: Any) -> bool:
    return operand.__class__ is list and index.__class__ is int


def equal(left: Any, right: Any) -> Any:
    """``left == right``."""
    if left.__class__ is str and right.__class__ is str:
        return left == right
    if left is ERROR or right is ERROR:
        return ERROR
    return deep_equal(left, right)


def unequal(left: Any, right: Any) -> Any:
    """``left != right``."""
    if left.__class__ is str and right.__class__ is str:
        return left != right
    if left is ERROR or right is ERROR:
        return ERROR
    result = deep_equal(left, right)
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
    """``value in container``: whether it is an element of a list or a key of a map."""
    if container.__class__ is list:
        return ERROR if value is ERROR else _is_element(value, container)
    if container.__class__ in MAPS:
        key = lookup_key(value)
        return ERROR if key is ERROR else key in container
    return ERROR


def _is_element(value: Any, container: list[Any]) -> Any:
    kind = value.__class__
    if kind in CONTAINERS or kind is Optional:
        return _equals_any(value, container)
    if kind is bool or value is None:
        return any(each is value for each in container)
    if kind in NUMBERS and value in {0, 1}:
        # Python's "in" finds False and True as well, because they equal 0 and 1.
        return any(each == value and each.__class__ is not bool for each in container)
    # Python's "in" compares by identity first, but NaN is not equal to itself.
    return bool(value == value) and value in container  # noqa: PLR0124


def _equals_any(value: Any, container: list[Any]) -> Any:
    if len(container) > limits.COMPARISONS:
        return ERROR
    # An element that takes too many comparisons must not hide an equal one.
    is_costly = False
    for each in container:
        result = deep_equal(value, each)
        if result is True:
            return True
        is_costly = is_costly or result is ERROR
    return ERROR if is_costly else False


_JOINED: Final = frozenset({str, bytes, list})


def add(left: Any, right: Any) -> Any:
    """``left + right``."""
    kind = left.__class__
    if kind is right.__class__ and kind in _JOINED:
        return left + right if len(left) + len(right) <= limits.RESULT_SIZE else ERROR
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
    """``left - right``."""
    kind = left.__class__
    if kind is TimestampValue and right.__class__ is DurationValue:
        return times.timestamp_of(left.nanoseconds - right.nanoseconds)
    if kind is right.__class__ and (kind is TimestampValue or kind is DurationValue):
        return times.duration_of(left.nanoseconds - right.nanoseconds)
    return _arithmetic(operator.sub, left, right)


def multiply(left: Any, right: Any) -> Any:
    """``left * right``."""
    return _arithmetic(operator.mul, left, right)


def divide(left: Any, right: Any) -> Any:
    """``left / right``: integers toward zero, floats by IEEE 754."""
    if left.__class__ is float and right.__class__ is float and right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1, right)
    return ERROR if right == 0 else _arithmetic(_truncated, left, right)


def remainder(left: Any, right: Any) -> Any:
    """``left % right`` of integers, with the sign of ``left``."""
    if left.__class__ is float or right.__class__ is float or right == 0:
        return ERROR
    return _arithmetic(lambda one, other: one - other * _truncated(one, other), left, right)


def _truncated(left: Any, right: Any) -> Any:
    # Toward zero, as CEL requires; Python's // rounds down.
    if left.__class__ is float:
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _arithmetic(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Compute with two numbers of one type, as CEL requires. Overflow of 64 bits is an error."""
    kind = left.__class__
    if kind is not right.__class__:
        return ERROR
    if kind is float:
        return compute(left, right)
    if kind is int:
        # An integer of JSON may exceed 64 bits.
        if not (fits_64_bits(left) and fits_64_bits(right)):
            return ERROR
        result = compute(left, right)
        return result if fits_64_bits(result) else ERROR
    if kind is not Uint:
        return ERROR
    result = compute(int(left), int(right))
    return Uint(result) if 0 <= result <= limits.UINT_MAX else ERROR


def fits_64_bits(value: int) -> bool:
    """Return whether an integer fits 64 bits."""
    return limits.INT_MIN <= value <= limits.INT_MAX


def negative(value: Any) -> Any:
    """``-value``."""
    if value.__class__ is float:
        return -value
    fitting = value.__class__ is int and limits.INT_MIN < value <= limits.INT_MAX
    return -value if fitting else ERROR


def negation(value: Any) -> Any:
    """``!value``."""
    return not value if value.__class__ is bool else ERROR


def logic_and(parts: Iterable[Callable[[], Any]]) -> Any:
    """``&&`` as a value: false if a part is false, even if other parts are errors."""
    return _absorb(parts, decisive=False)


def logic_or(parts: Iterable[Callable[[], Any]]) -> Any:
    """``||`` as a value: true if a part is true, even if other parts are errors."""
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
"""Operators with two operands, except && and ||."""
METERED: Final = frozenset({"==", "!=", "in", "+"})
"""Operators that are charged in macros, because they take longer for larger values."""
