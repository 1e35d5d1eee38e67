"""What compiled conditions call: values, operators and functions of CEL over JSON.

A value is what JSON gives (dict, list, str, int, float, bool, None), an error is ``ERROR``, which
every operator passes on. Nothing here raises: a stranger's event cannot.

Three traps of Python: ``True == 1`` (a CEL bool is no number), integers without end (CEL's have 64
bits and overflow is an error), and ``1 == 1.0`` (here CEL agrees: numbers compare as numbers).
Source: CEL language definition, "Values", "Equality", "Ordering", "Macros".
"""

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

from router.rules.cel.lexer import INT_MAX, INT_MIN

CONCAT_LIMIT: Final = 64 * 1024
"""Characters or items that a ``+`` may make."""
ITERATIONS_LIMIT: Final = 10_000
"""Turns of all macros together in one evaluation."""


class _Error:
    """The value of what has none. Not equal to anything, itself included."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return "error"


ERROR: Final = _Error()


class Budget:
    """How many turns an evaluation has left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = ITERATIONS_LIMIT

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


class Once:
    """A let's value, computed when it is first asked for."""

    __slots__ = ("_compute", "_is_known", "_value")

    def __init__(self, compute: Callable[[], Any]) -> None:
        self._compute = compute
        self._is_known = False

    def __call__(self) -> Any:
        if not self._is_known:
            self._value = self._compute()
            self._is_known = True
        return self._value


def is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float


def field(operand: Any, name: str) -> Any:
    return operand.get(name, ERROR) if operand.__class__ is dict else ERROR


def has(operand: Any, name: str) -> Any:
    return name in operand if operand.__class__ is dict else ERROR


def item(operand: Any, index: Any) -> Any:
    if operand.__class__ is dict:
        return operand.get(index, ERROR) if index.__class__ is str else ERROR
    if operand.__class__ is list and is_number(index) and index == int(index):
        position = int(index)
        return operand[position] if 0 <= position < len(operand) else ERROR
    return ERROR


def equal(left: Any, right: Any) -> Any:
    if left is ERROR or right is ERROR:
        return ERROR
    return same(left, right)


def unequal(left: Any, right: Any) -> Any:
    if left is ERROR or right is ERROR:
        return ERROR
    return not same(left, right)


def same(left: Any, right: Any) -> bool:
    """Equality of values: across types it is false, never an error."""
    if is_number(left):
        return is_number(right) and bool(left == right)
    if left.__class__ is not right.__class__:
        return False
    if left.__class__ is list:
        return len(left) == len(right) and all(map(same, left, right))
    if left.__class__ is dict:
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def ordered(left: Any, right: Any) -> Any:
        if is_number(left):
            return compare(left, right) if is_number(right) else ERROR
        if left.__class__ is right.__class__ and (left.__class__ is str or left.__class__ is bool):
            return compare(left, right)
        return ERROR

    return ordered


less: Final = _ordering(operator.lt)
less_equal: Final = _ordering(operator.le)
greater: Final = _ordering(operator.gt)
greater_equal: Final = _ordering(operator.ge)


def contained(value: Any, container: Any) -> Any:
    if value is ERROR or container is ERROR:
        return ERROR
    if container.__class__ is list:
        return any(same(value, each) for each in container)
    if container.__class__ is dict:
        if value.__class__ is str:
            return value in container
        # A number or bool could be a key in CEL, only not in JSON; null could not.
        return False if is_number(value) or value.__class__ is bool else ERROR
    return ERROR


def add(left: Any, right: Any) -> Any:
    if left.__class__ is right.__class__ and (left.__class__ is str or left.__class__ is list):
        return left + right if len(left) + len(right) <= CONCAT_LIMIT else ERROR
    return _arithmetic(operator.add, left, right)


def subtract(left: Any, right: Any) -> Any:
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
    if left.__class__ is not int or right.__class__ is not int or right == 0:
        return ERROR
    return _arithmetic(lambda a, b: a - b * _truncated(a, b), left, right)


def _truncated(left: Any, right: Any) -> Any:
    # Toward zero, as CEL says; Python's // rounds down.
    if left.__class__ is float:
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _arithmetic(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Both int or both float: CEL has no mixed arithmetic; int64, overflow is an error."""
    if left.__class__ is not right.__class__ or not is_number(left):
        return ERROR
    if left.__class__ is float:
        return compute(left, right)
    if not (INT_MIN <= left <= INT_MAX and INT_MIN <= right <= INT_MAX):
        return ERROR
    result = compute(left, right)
    return result if INT_MIN <= result <= INT_MAX else ERROR


def negative(value: Any) -> Any:
    if value.__class__ is float:
        return -value
    return -value if value.__class__ is int and INT_MIN < value <= INT_MAX else ERROR


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


def listing(items: list[Any]) -> Any:
    return ERROR if any(each is ERROR for each in items) else items


def mapping(keys: list[Any], values: list[Any]) -> Any:
    made = dict(zip(map(str, keys), values, strict=True))
    if any(key.__class__ is not str for key in keys) or len(made) != len(keys):
        return ERROR
    return ERROR if any(each is ERROR for each in values) else made


def _text(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of texts: an error for anything else."""

    def checked(*arguments: Any) -> Any:
        if all(argument.__class__ is str for argument in arguments):
            return function(*arguments)
        return ERROR

    return checked


_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

starts_with: Final = _text(str.startswith)
ends_with: Final = _text(str.endswith)
contains: Final = _text(lambda text, part: part in text)
lower_ascii: Final = _text(lambda text: text.translate(_LOWER))
upper_ascii: Final = _text(lambda text: text.translate(_UPPER))
trim: Final = _text(str.strip)


def size(value: Any) -> Any:
    return len(value) if value.__class__ in {str, list, dict} else ERROR


def matches(text: Any, pattern: Any) -> Any:
    """``pattern`` is compiled RE2: linear time, whatever the text."""
    return pattern.search(text) is not None if text.__class__ is str else ERROR


def every(over: Any, body: Callable[[Any], Any], budget: Budget) -> Any:
    return _quantified(over, body, budget, decisive=False)


def some(over: Any, body: Callable[[Any], Any], budget: Budget) -> Any:
    return _quantified(over, body, budget, decisive=True)


def _quantified(over: Any, body: Callable[[Any], Any], budget: Budget, *, decisive: bool) -> Any:
    result: Any = not decisive
    for each in over if over.__class__ in {list, dict} else (ERROR,):
        if each is ERROR or not budget.spend():
            return ERROR
        value = body(each)
        if value is decisive:
            return decisive
        if value is not (not decisive):
            result = ERROR
    return result


def exactly_one(over: Any, body: Callable[[Any], Any], budget: Budget) -> Any:
    kept = kept_of(over, body, budget)
    return ERROR if kept is ERROR else len(kept) == 1


def kept_of(over: Any, body: Callable[[Any], Any], budget: Budget) -> Any:
    """filter: the elements (of a map: the keys) for which the body is true."""
    if over.__class__ not in {list, dict}:
        return ERROR
    kept = []
    for each in over:
        value = body(each) if budget.spend() else ERROR
        if value.__class__ is not bool:
            return ERROR
        if value:
            kept.append(each)
    return kept


def mapped(over: Any, body: Callable[[Any], Any], budget: Budget) -> Any:
    if over.__class__ not in {list, dict}:
        return ERROR
    made = []
    for each in over:
        value = body(each) if budget.spend() else ERROR
        if value is ERROR:
            return ERROR
        made.append(value)
    return made
