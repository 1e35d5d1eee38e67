"""The atoms by which a condition is found: as few and as telling as there are.

One atom of a conjunction is enough to find its rule, and each branch of a disjunction needs one of
its own. Which of several: the one that the fewest conditions share, weighed by how often a test of
its kind holds. A threshold holds for half of all numbers and a field is mostly there, so they are
taken only where nothing better is said.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.rules.index.atoms import AllOf, AnyOf, Atom, Formula, Predicate, comparable_class

_WEIGHTS: Final = {
    Predicate.EQUAL: 1,
    Predicate.PREFIX: 2,
    Predicate.PATTERN: 3,
    Predicate.BELOW: 4,
    Predicate.AT_MOST: 4,
    Predicate.ABOVE: 4,
    Predicate.AT_LEAST: 4,
    Predicate.PRESENT: 8,
}
_ALONE: Final = frozenset({Predicate.EQUAL, Predicate.PREFIX, Predicate.PATTERN})
"""Tests that hold for one value and not for another; of the rest, all of a field count as one."""


class AccessPath(msgspec.Struct, frozen=True):
    """If none of the atoms holds the condition is not true; if ``exact`` it is if one holds."""

    atoms: tuple[Atom, ...]
    exact: bool


class Selectivity:
    """How many conditions share each atom."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        self._counts = Counter(
            bucket for formula in formulas for bucket in {_bucket(atom) for atom in _atoms(formula)}
        )

    def choose(self, formula: Formula) -> AccessPath | None:
        """The access with the least cost; None where nothing restricts the condition."""
        found = self._cheapest(formula)
        return None if found is None else found[1]

    def _cheapest(self, formula: Formula) -> tuple[int, AccessPath] | None:
        match formula:
            case Atom(test=test, exact=exact):
                return _WEIGHTS[test] * self._counts[_bucket(formula)], AccessPath(
                    (formula,), exact
                )
            case AllOf(parts=parts):
                return self._cheapest_of(parts)
            case AnyOf(parts=parts):
                return self._all_of(parts)

    def _cheapest_of(self, parts: tuple[Formula, ...]) -> tuple[int, AccessPath] | None:
        found = [each for part in parts if (each := self._cheapest(part)) is not None]
        if not found:
            return None
        cost, access = min(found, key=lambda each: each[0])
        return cost, access if len(parts) == 1 else AccessPath(access.atoms, exact=False)

    def _all_of(self, parts: tuple[Formula, ...]) -> tuple[int, AccessPath] | None:
        total = 0
        atoms: list[Atom] = []
        exact = True
        for part in parts:
            found = self._cheapest(part)
            if found is None:
                return None
            total += found[0]
            atoms += found[1].atoms
            exact &= found[1].exact
        return total, AccessPath(tuple(dict.fromkeys(atoms)), exact)


def _atoms(formula: Formula) -> Iterator[Atom]:
    if isinstance(formula, Atom):
        yield formula
        return
    for part in formula.parts:
        yield from _atoms(part)


def _bucket(atom: Atom) -> Any:
    if atom.test in _ALONE:
        return atom.path, atom.test, comparable_class(atom.value), atom.value
    return atom.path, atom.test
