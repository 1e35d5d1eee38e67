"""Macros over lists and maps, and the budget that all macros of an evaluation share.

An iteration costs one unit, more if its body is long. Operations in a body that grow with the event
(a search in a list, a comparison of maps, a string) cost by their size, so that no event makes a
condition slow. A macro that exceeds the budget has no value. A body takes one argument: the value
of its variable, or a pair of values. Source: CEL language definition, "Macros"; two variables:
cel-go, ext/README.md, "TwoVarComprehensions".
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from router.cel import limits
from router.cel.values import CONTAINERS, ERROR, MAPS, NONE, Optional, keys_of, make_map

_CHARACTERS_PER_UNIT: Final = 1024
_CHARACTERS_PER_ELEMENT: Final = 8
"""Characters that a search outside macros visits in the time of one element."""
_ELEMENTS_PER_UNIT: Final = 16

Body = Callable[..., Any]


class LazyValue:
    """The value of a let, evaluated at the first use."""

    __slots__ = ("_evaluate", "_is_known", "_value")

    def __init__(self, evaluate: Callable[[], Any]) -> None:
        self._evaluate = evaluate
        self._is_known = False

    def __call__(self) -> Any:
        if not self._is_known:
            self._value = self._evaluate()
            self._is_known = True
        return self._value


class Budget:
    """The iterations and searches that remain to an evaluation."""

    __slots__ = ("remaining", "searched")

    def __init__(self) -> None:
        self.remaining = limits.ITERATIONS
        self.searched = 0

    def search(self, function: Body, *arguments: Any) -> Any:
        """Charge for the length of the arguments and call ``function``; ERROR if over budget."""
        for value in arguments:
            kind = value.__class__
            if kind is str or kind is bytes:
                self.searched += len(value) // _CHARACTERS_PER_ELEMENT
            elif kind in CONTAINERS:
                self.searched += len(value)
        return function(*arguments) if self.searched <= limits.SEARCHED else ERROR

    def call(self, function: Body, *arguments: Any) -> Any:
        """Charge for the size of the arguments and call ``function``; ERROR if over budget."""
        for argument in arguments:
            if self.remaining >= 0:
                self.remaining -= self._price(argument)
        return function(*arguments) if self.remaining >= 0 else ERROR

    def _price(self, value: Any) -> int:
        kind = value.__class__
        if kind is str or kind is bytes:
            return len(value) // _CHARACTERS_PER_UNIT
        if kind not in CONTAINERS:
            return 0
        # Counting stops when the budget is exceeded, because counting takes time, too.
        most = max(0, self.remaining) * _ELEMENTS_PER_UNIT
        elements = 0
        pending = [value]
        while pending and elements <= most:
            each = pending.pop()
            elements += len(each)
            if elements > most:
                break
            inner = each.values() if each.__class__ in MAPS else each
            pending += [part for part in inner if part.__class__ in CONTAINERS]
        return elements // _ELEMENTS_PER_UNIT


def elements(over: Any) -> Any:
    """Return the items for one variable: elements of a list or keys of a map; else None."""
    return keys_of(over) if over.__class__ in CONTAINERS else None


def pairs(over: Any) -> Any:
    """Return the items for two variables: index and element, or key and value; else None."""
    if over.__class__ is list:
        return enumerate(over)
    return zip(keys_of(over), over.values(), strict=True) if over.__class__ in MAPS else None


def for_all(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``all``: whether the body is true of each item."""
    return _quantify(items, body, budget, price, decisive=False)


def exists(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``exists``: whether the body is true of an item."""
    return _quantify(items, body, budget, price, decisive=True)


def _quantify(items: Any, body: Body, budget: Budget, price: int, *, decisive: bool) -> Any:
    if items is None:
        return ERROR
    result: Any = not decisive
    for item in items:
        budget.remaining -= price
        if budget.remaining < 0:
            return ERROR
        value = body(item)
        if value is decisive:
            return decisive
        if value is not (not decisive):
            result = ERROR
    return result


def exists_one(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``exists_one``: whether the body is true of exactly one item."""
    selected = select(items, body, budget, price)
    return ERROR if selected is None else len(selected) == 1


def filter_items(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``filter``: the elements of a list, or keys of a map, of which the body is true."""
    selected = select(items, body, budget, price)
    return ERROR if selected is None else selected


def select(items: Any, body: Body, budget: Budget, price: int) -> list[Any] | None:
    """Return the items of which the body is true, or None for an error."""
    if items is None:
        return None
    selected = []
    for item in items:
        budget.remaining -= price
        value = body(item) if budget.remaining >= 0 else ERROR
        if value.__class__ is not bool:
            return None
        if value:
            selected.append(item)
    return selected


def map_items(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``map``, ``transformList``: the body's values, in a list."""
    if items is None:
        return ERROR
    values = []
    for item in items:
        budget.remaining -= price
        value = body(item) if budget.remaining >= 0 else ERROR
        if value is ERROR:
            return ERROR
        values.append(value)
    return values


def transform_map(items: Any, body: Body, budget: Budget, price: int) -> Any:
    """``transformMap``: a map of the same keys (indexes of a list) and the body's values."""
    return ERROR if items is None else make_map(_entries(items, body, budget, price))


def _entries(items: Any, body: Body, budget: Budget, price: int) -> Iterator[tuple[Any, Any]]:
    for item in items:
        budget.remaining -= price
        yield item[0], body(item) if budget.remaining >= 0 else ERROR


def opt_map(optional: Any, body: Body) -> Any:
    """``optMap``: the body's value as an optional; absent if ``optional`` is absent."""
    if optional.__class__ is not Optional or optional.value is ERROR:
        return opt_flat_map(optional, body)
    value = body(optional.value)
    return ERROR if value is ERROR else Optional(value)


def opt_flat_map(optional: Any, body: Body) -> Any:
    """``optFlatMap``: the body's value, itself an optional; absent if ``optional`` is absent."""
    if optional.__class__ is not Optional:
        return ERROR
    return NONE if optional.value is ERROR else body(optional.value)
