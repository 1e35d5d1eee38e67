"""The parts of a condition whose cost grows with the values of an event, outside macros too.

One search of a large list takes milliseconds. A few of them are free, so that usual conditions pay
nothing; a condition with more of them charges each to the budget of its evaluation.
"""

from typing import Final

from router.cel.functions import FUNCTIONS
from router.cel.tree import (
    Binary,
    Call,
    ExternalConstant,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    unwrap_lets,
    walk,
)

FREE_SEARCHES: Final = 2
"""Searches of a condition that charges none of them."""
_BETWEEN_VALUES: Final = frozenset({"==", "!=", "+"})
_CONSTANTS: Final = (Literal, ExternalConstant, ListLiteral, MapLiteral)
_CHEAP: Final = frozenset({"startsWith", "size"})


def is_search(node: Node) -> bool:
    """Return whether the cost of a node, without its operands, grows with values of the event."""
    match node:
        case Binary(operator="in", right=right):
            return not isinstance(unwrap_lets(right), _CONSTANTS)
        case Binary(operator=operator, left=left, right=right) if operator in _BETWEEN_VALUES:
            return not any(isinstance(unwrap_lets(side), Literal) for side in (left, right))
        case Call(function=function, arguments=arguments):
            is_constant = all(isinstance(unwrap_lets(each), Literal) for each in arguments)
            return FUNCTIONS[function].is_metered and function not in _CHEAP and not is_constant
        case _:
            return False


def charges_searches(root: Node) -> bool:
    """Return whether a condition has so many searches that each is charged."""
    return sum(map(is_search, walk(root))) > FREE_SEARCHES
