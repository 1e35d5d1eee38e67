"""Tables of one field: a value -> the codes of the tests that it passes.

| table | tests | a look-up costs |
|---|---|---|
| Equal | is a constant | one hash |
| Thresholds | below or above a constant | a bisection for each of the four operators |
| Prefixes | begins with a constant | a bisection, and a step for each prefix that fits |
| Patterns | regular expressions | one pass over the text, however many patterns there are |

and the codes found. A table is called with a value of a class that it is made for, and appends.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

import msgspec
import re2

from router.rules.index.atoms import Constant, Predicate, comparable_class

Collect = Callable[[Any, list[int]], None]
"""Appends the codes that it finds for a value."""
Codes = dict[Any, list[int]]
"""By the constant that a value equals, all of one class."""
Placed = tuple[Constant, int]
"""What a test compares with, and its code."""

# RE2's programs, in instructions: a pattern of some words has twenty, ``\\pL{20}`` 23,000.
_LARGEST_PATTERN: Final = 10_000
_LARGEST_SET: Final = 200_000
# Bytes that the automaton of a set may take; when it is full RE2 begins anew, only slower.
_MEMORY_PER_INSTRUCTION: Final = 160
_LEAST_MEMORY: Final = 4 << 20


_CROWD: Final = 50
"""Elements of a list beyond which those that are there twice are looked up once."""


class InconclusiveLookupError(Exception):
    """A table cannot tell which tests a value passes; it may pass any."""


def by_constant(tests: Iterable[Placed]) -> dict[type, Codes]:
    """Codes by the class of a value and the constant that it equals."""
    made: dict[type, Codes] = {}
    for kind, placed in _by_class(tests):
        codes: Codes = {}
        for constant, code in placed:
            codes.setdefault(constant, []).append(code)
        made |= dict.fromkeys(_compared_with(kind), codes)
    return made


def same(codes: Codes) -> Collect:
    """Equality with the constants of one class."""

    def collect(value: Any, found: list[int]) -> None:
        found += codes.get(value, ())

    return collect


class Threshold(msgspec.Struct, frozen=True):
    """``<  <=  >  >=`` with constants of one class: the codes on one side of a value."""

    bisect: Callable[[list[Any], Any], int]
    bounds: list[Any]
    codes: list[int]
    upward: bool
    """Whether the bounds above the value are meant, or those below it."""

    def __call__(self, value: Any, found: list[int]) -> None:
        if value != value:  # noqa: PLR0124 - NaN has no place among sorted bounds
            raise InconclusiveLookupError
        place = self.bisect(self.bounds, value)
        found += self.codes[place:] if self.upward else self.codes[:place]


def thresholds(test: Predicate, tests: Iterable[Placed]) -> Iterator[tuple[type, Threshold]]:
    """The tests of one operator, and the class of value that each is for."""
    bisect = bisect_left if test in {Predicate.ABOVE, Predicate.AT_MOST} else bisect_right
    upward = test in {Predicate.BELOW, Predicate.AT_MOST}
    for kind, placed in _by_class(tests):
        placed.sort(key=lambda each: each[0])  # type: ignore[arg-type,return-value]
        bounds: list[Any] = [bound for bound, _ in placed]
        threshold = Threshold(bisect, bounds, [code for _, code in placed], upward)
        yield from ((each, threshold) for each in _compared_with(kind))


def elements(texts: Codes) -> Collect:
    """Lists, and the keys of maps, with a text in them."""

    def collect(value: Collection[Any], codes: list[int]) -> None:
        if len(value) > _CROWD:
            value = {each for each in value if each.__class__ is str}
        for each in value:
            if each.__class__ is str:
                held = texts.get(each)
                if held is not None:
                    codes += held

    return collect


def prefixes(tests: Iterable[Placed]) -> Collect:
    """Beginnings of a text.

    All prefixes of a text are prefixes of one another, so each is kept with the next shorter one.
    In sorted order a text comes after its prefixes and what lies between begins with the shorter
    ones, so the chain of the nearest one before it holds them all.
    """
    by_prefix: dict[str, list[int]] = {}
    for prefix, code in tests:
        by_prefix.setdefault(str(prefix), []).append(code)
    ordered = sorted(by_prefix)
    placed = [by_prefix[prefix] for prefix in ordered]
    shorter: list[int] = []  # place of the next shorter prefix, -1 for none
    for prefix in ordered:
        place = len(shorter) - 1
        while place >= 0 and not prefix.startswith(ordered[place]):
            place = shorter[place]
        shorter.append(place)

    def collect(value: str, codes: list[int]) -> None:
        place = bisect_right(ordered, value) - 1
        while place >= 0:
            if value.startswith(ordered[place]):
                codes += placed[place]
            place = shorter[place]

    return collect


def patterns(tests: Iterable[Placed]) -> tuple[list[Collect], list[int]]:
    """As few sets as can be, and the codes of patterns that are too large for any."""
    sets: list[Collect] = []
    too_large: list[int] = []
    some: list[Placed] = []
    size = 0
    for pattern, code in tests:
        own = re2.compile(str(pattern)).programsize
        if own > _LARGEST_PATTERN:
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


def _pattern_set(tests: Iterable[Placed], size: int) -> Collect:
    """Regular expressions, all of them looked for in one pass.

    RE2's automaton gives up, without a word, where its memory is too small for the patterns. A
    pattern that every text matches is the first of each set, and its absence from the answer
    tells.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max(_LEAST_MEMORY, size * _MEMORY_PER_INSTRUCTION)
    by_pattern: dict[str, list[int]] = {"": []}
    for pattern, code in tests:
        by_pattern.setdefault(str(pattern), []).append(code)
    automaton = re2.Set.SearchSet(options)
    for pattern in by_pattern:
        automaton.Add(pattern)
    automaton.Compile()
    match = automaton.Match
    placed = list(by_pattern.values())
    always = bool(placed[0])

    def collect(value: str, codes: list[int]) -> None:
        try:
            found = match(value.encode())
        except UnicodeEncodeError:  # half of a character; that is a text to conditions
            raise InconclusiveLookupError from None
        if not found or found[0] != 0:
            raise InconclusiveLookupError
        if len(found) > 1 or always:
            for place in found:
                codes += placed[place]

    return collect


def _by_class(tests: Iterable[Placed]) -> Iterator[tuple[type, list[Placed]]]:
    """The tests by the class of what they compare with, floats among the integers."""
    found: dict[type, list[Placed]] = {}
    for constant, code in tests:
        found.setdefault(comparable_class(constant), []).append((constant, code))
    yield from found.items()


def _compared_with(kind: type) -> tuple[type, ...]:
    """The classes of value that a constant of a class is compared with."""
    return (int, float) if kind is int else (kind,)
