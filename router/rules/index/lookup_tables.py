"""Tables of one field, which map a value to the codes of the tests that it passes.

| table | tests | cost of a lookup |
|---|---|---|
| ``same_as`` | equal to a constant | one hash |
| ``thresholds`` | below or above a constant | one bisection for each of the four operators |
| ``prefixes`` | starts with a constant | one bisection, and one step per matching prefix |
| ``patterns`` | regular expressions | one pass over the string, for any number of patterns |

plus the codes found. A table is a function that appends to a list of codes; its value must be of a
class that the table was built for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

from router.regex import instruction_count, set_search
from router.rules.index.atoms import Constant, Predicate, comparable_class

Collect = Callable[[Any, list[int]], None]
"""A table: appends the codes that it finds for a value."""
Codes = dict[Any, list[int]]
"""Codes by the constant that a value equals. All constants are of one class."""
CodedConstant = tuple[Constant, int]
"""The constant of a test, and the code of the test."""

# Instructions of an RE2 program. A pattern of some words has about 20, ``\\pL{20}`` has 23,000.
_LARGEST_PATTERN: Final = 10_000
_LARGEST_SET: Final = 200_000
# Bytes for the automaton of a set. RE2 discards a full automaton and continues, only slower.
_MEMORY_PER_INSTRUCTION: Final = 160
_LEAST_MEMORY: Final = 4 << 20

_DEDUPLICATE_ABOVE: Final = 50
"""Elements of a list above which repeated elements are looked up once."""


class InconclusiveLookupError(Exception):
    """Raised when a table cannot find which tests a value passes: it may pass any of them."""


def by_constant(tests: Iterable[CodedConstant]) -> dict[type, Codes]:
    """Return codes by the class of a value and by the constant that it equals."""
    found: dict[type, Codes] = {}
    for kind, constants in _by_class(tests):
        codes: Codes = {}
        for constant, code in constants:
            codes.setdefault(constant, []).append(code)
        found |= dict.fromkeys(_comparable_values(kind), codes)
    return found


def same_as(codes: Codes) -> Collect:
    """Return a table of equality with the constants of one class."""

    def collect(value: Any, found: list[int]) -> None:
        found += codes.get(value, ())

    return collect


class Threshold(msgspec.Struct, frozen=True):
    """A table of one of ``<  <=  >  >=`` with constants of one class."""

    bisect: Callable[[list[Any], Any], int]
    bounds: list[Any]
    """The constants, sorted."""
    codes: list[int]
    """The code of each bound."""
    upward: bool
    """Whether a value passes the tests of the bounds above it, or of those below it."""

    def __call__(self, value: Any, found: list[int]) -> None:
        if value != value:  # noqa: PLR0124 - NaN cannot be sorted among the bounds
            raise InconclusiveLookupError
        position = self.bisect(self.bounds, value)
        found += self.codes[position:] if self.upward else self.codes[:position]


def thresholds(
    predicate: Predicate, tests: Iterable[CodedConstant]
) -> Iterator[tuple[type, Threshold]]:
    """Yield the tables of one of the four operators, each with the class of its values."""
    bisect = bisect_left if predicate in {Predicate.ABOVE, Predicate.AT_MOST} else bisect_right
    upward = predicate in {Predicate.BELOW, Predicate.AT_MOST}
    for kind, constants in _by_class(tests):
        constants.sort(key=lambda each: each[0])  # type: ignore[arg-type,return-value]
        bounds: list[Any] = [bound for bound, _ in constants]
        table = Threshold(bisect, bounds, [code for _, code in constants], upward)
        yield from ((each, table) for each in _comparable_values(kind))


def elements(strings: Codes) -> Collect:
    """Return a table of lists, and of maps' keys, that contain a string."""

    def collect(value: Collection[Any], codes: list[int]) -> None:
        if len(value) > _DEDUPLICATE_ABOVE:
            value = {each for each in value if each.__class__ is str}
        for each in value:
            if each.__class__ is str:
                found = strings.get(each)
                if found is not None:
                    codes += found

    return collect


def prefixes(tests: Iterable[CodedConstant]) -> Collect:
    """Return a table of the prefixes of a string.

    All prefixes of a string are prefixes of one another, so that each is linked to the next shorter
    one. In sorted order, a string follows its prefixes, and every string between a prefix and the
    string starts with that prefix. The chain of links from the nearest predecessor therefore
    contains them all.
    """
    by_prefix: dict[str, list[int]] = {}
    for prefix, code in tests:
        by_prefix.setdefault(str(prefix), []).append(code)
    ordered = sorted(by_prefix)
    codes_of = [by_prefix[prefix] for prefix in ordered]
    shorter: list[int] = []  # position of the next shorter prefix, -1 for none
    for prefix in ordered:
        position = len(shorter) - 1
        while position >= 0 and not prefix.startswith(ordered[position]):
            position = shorter[position]
        shorter.append(position)

    def collect(value: str, codes: list[int]) -> None:
        position = bisect_right(ordered, value) - 1
        while position >= 0:
            if value.startswith(ordered[position]):
                codes += codes_of[position]
            position = shorter[position]

    return collect


def patterns(tests: Iterable[CodedConstant]) -> tuple[list[Collect], list[int]]:
    """Return tables of patterns, as few as possible.

    Returns:
        The tables, and the codes of patterns that are too large for a table.
    """
    sets: list[Collect] = []
    too_large: list[int] = []
    some: list[CodedConstant] = []
    size = 0
    for pattern, code in tests:
        own = instruction_count(str(pattern))
        if own is None or own > _LARGEST_PATTERN:
            too_large.append(code)
            continue
        if size + own > _LARGEST_SET:
            sets.append(_pattern_set(some, size))
            some, size = [], 0
        some.append((pattern, code))
        size += own
    if some:
        sets.append(_pattern_set(some, size))
    return sets, too_large


def _pattern_set(tests: Iterable[CodedConstant], size: int) -> Collect:
    """Return a table that searches a string for all patterns."""
    by_pattern: dict[str, list[int]] = {}
    for pattern, code in tests:
        by_pattern.setdefault(str(pattern), []).append(code)
    memory = max(_LEAST_MEMORY, size * _MEMORY_PER_INSTRUCTION)
    search = set_search(list(by_pattern), max_memory=memory)
    codes_of = list(by_pattern.values())

    def collect(value: str, codes: list[int]) -> None:
        try:
            found = search(value)
        except UnicodeEncodeError:  # a lone surrogate, which a string of an event may contain
            raise InconclusiveLookupError from None
        if found is None:
            raise InconclusiveLookupError
        for position in found:
            codes += codes_of[position]

    return collect


def _by_class(tests: Iterable[CodedConstant]) -> Iterator[tuple[type, list[CodedConstant]]]:
    """Yield the tests by the class of their constants, with floats among the integers."""
    found: dict[type, list[CodedConstant]] = {}
    for constant, code in tests:
        found.setdefault(comparable_class(constant), []).append((constant, code))
    yield from found.items()


def _comparable_values(kind: type) -> tuple[type, ...]:
    """Return the classes of the values that may equal a constant of a class."""
    return (int, float) if kind is int else (kind,)
