"""Chooses the atoms by which the index finds a condition: few, and selective.

One atom of a conjunction suffices to find its rule; each part of a disjunction needs its own. Of
several atoms, the one that the fewest conditions share is chosen, weighted by how often a test of
its kind is true. A threshold is true for half of all numbers, and most fields are present, so that
these atoms are chosen only if there are no others.
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
_BY_CONSTANT: Final = frozenset({Predicate.EQUAL, Predicate.PREFIX, Predicate.PATTERN})
"""Predicates that few constants of a field satisfy together. All thresholds of a field, and all its
tests of presence, count as one atom, because one value satisfies many of them."""


class AccessPath(msgspec.Struct, frozen=True):
    """The atoms by which a condition is found. If none is true, the condition is not true."""

    atoms: tuple[Atom, ...]
    exact: bool
    """Whether the condition is true if one of the atoms is."""


class Selectivity:
    """How many of the conditions share each atom."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        self._counts = Counter(
            bucket for formula in formulas for bucket in {_bucket(atom) for atom in _atoms(formula)}
        )

    def choose(self, formula: Formula) -> AccessPath | None:
        """Return the access path of the least cost. None if no atom restricts the condition."""
        found = self._cheapest(formula)
        return None if found is None else found[1]

    def _cheapest(self, formula: Formula) -> tuple[int, AccessPath] | None:
        match formula:
            case Atom(predicate=predicate, exact=exact):
                cost = _WEIGHTS[predicate] * self._counts[_bucket(formula)]
                return cost, AccessPath((formula,), exact)
            case AllOf(parts=parts):
                return self._cheapest_of(parts)
            case AnyOf(parts=parts):
                return self._sum_of(parts)

    def _cheapest_of(self, parts: tuple[Formula, ...]) -> tuple[int, AccessPath] | None:
        found = [each for part in parts if (each := self._cheapest(part)) is not None]
        if not found:
            return None
        cost, path = min(found, key=lambda each: each[0])
        return cost, path if len(parts) == 1 else AccessPath(path.atoms, exact=False)

    def _sum_of(self, parts: tuple[Formula, ...]) -> tuple[int, AccessPath] | None:
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
    """Return the key under which an atom is counted."""
    if atom.predicate in _BY_CONSTANT:
        return atom.path, atom.predicate, comparable_class(atom.value), atom.value
    return atom.path, atom.predicate
