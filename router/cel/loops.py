"""Macros over lists and maps, and the budget that all of an evaluation share.

A turn costs one, more where its body is long; within a turn, what grows with the event (a search in
a list, a comparison of maps, a text) costs by its size, so that no event makes a condition slow. Over
the budget there is no value. A body takes one argument: what stands for its variable, or a pair. Source: CEL language definition, "Macros"; two variables: cel-go, ext/README.md,
"TwoVarComprehensions".
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from router.cel import limits
from router.cel.values import CONTAINERS, ERROR, MAPS, NONE, Optional, keys_of, map_of

_CHARACTERS_A_TURN: Final = 1024
_ELEMENTS_A_TURN: Final = 16

Body = Callable[..., Any]


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


class Budget:
    """How many turns an evaluation has left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = limits.TURNS

    def call(self, function: Body, *arguments: Any) -> Any:
        """Call what takes longer for larger arguments, at their price."""
        for argument in arguments:
            self.left -= self._price(argument)
        return function(*arguments) if self.left >= 0 else ERROR

    def _price(self, value: Any) -> int:
        kind = value.__class__
        if kind is str or kind is bytes:
            return len(value) // _CHARACTERS_A_TURN
        if kind not in CONTAINERS:
            return 0
        # No more is counted than there is to spend.
        most = max(0, self.left) * _ELEMENTS_A_TURN
        elements = 0
        pending = [value]
        while pending and elements <= most:
            each = pending.pop()
            elements += len(each)
            inner = each.values() if each.__class__ in MAPS else each
            pending += [part for part in inner if part.__class__ in CONTAINERS]
        return elements // _ELEMENTS_A_TURN


def elements(over: Any) -> Any:
    """For one variable: the elements of a list, the keys of a map; None for what is neither."""
    return keys_of(over) if over.__class__ in CONTAINERS else None


def pairs(over: Any) -> Any:
    """For two variables: index and element of a list, key and value of a map; else None."""
    if over.__class__ is list:
        return enumerate(over)
    return zip(keys_of(over), over.values(), strict=True) if over.__class__ in MAPS else None


def every(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    return _quantified(turns, body, budget, price, decisive=False)


def some(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    return _quantified(turns, body, budget, price, decisive=True)


def _quantified(turns: Any, body: Body, budget: Budget, price: int, *, decisive: bool) -> Any:
    if turns is None:
        return ERROR
    result: Any = not decisive
    for turn in turns:
        budget.left -= price
        if budget.left < 0:
            return ERROR
        value = body(turn)
        if value is decisive:
            return decisive
        if value is not (not decisive):
            result = ERROR
    return result


def exactly_one(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    kept = kept_of(turns, body, budget, price)
    return ERROR if kept is None else len(kept) == 1


def filtered(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    """The elements (of a map: the keys) for which the body is true."""
    kept = kept_of(turns, body, budget, price)
    return ERROR if kept is None else kept


def kept_of(turns: Any, body: Body, budget: Budget, price: int) -> list[Any] | None:
    """The turns for which the body is true; None for an error."""
    if turns is None:
        return None
    kept = []
    for turn in turns:
        budget.left -= price
        value = body(turn) if budget.left >= 0 else ERROR
        if value.__class__ is not bool:
            return None
        if value:
            kept.append(turn)
    return kept


def mapped(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    """What is made of each, in a list."""
    if turns is None:
        return ERROR
    made = []
    for turn in turns:
        budget.left -= price
        value = body(turn) if budget.left >= 0 else ERROR
        if value is ERROR:
            return ERROR
        made.append(value)
    return made


def mapped_values(turns: Any, body: Body, budget: Budget, price: int) -> Any:
    """A map with the same keys (of a list: the indexes) and what is made of each."""
    return ERROR if turns is None else map_of(_entries(turns, body, budget, price))


def _entries(turns: Any, body: Body, budget: Budget, price: int) -> Iterator[tuple[Any, Any]]:
    for turn in turns:
        budget.left -= price
        yield turn[0], body(turn) if budget.left >= 0 else ERROR


def opt_map(optional: Any, body: Body) -> Any:
    """What is made of an optional's value, as an optional; an absent one stays absent."""
    if optional.__class__ is not Optional or optional.value is ERROR:
        return opt_flat_map(optional, body)
    made = body(optional.value)
    return ERROR if made is ERROR else Optional(made)


def opt_flat_map(optional: Any, body: Body) -> Any:
    """What is made of an optional's value; an absent one stays absent."""
    if optional.__class__ is not Optional:
        return ERROR
    return NONE if optional.value is ERROR else body(optional.value)
