"""Event -> the codes of the atoms that hold for it, without looking at the others.

A tree of the fields that atoms name, each with its tables (``tables.py``). The walk goes down event
and tree at once and meets only the fields that both have, so its cost follows the smaller of the
two, and the codes that are found; an atom on the elements of a list costs a step for each element.

Invariant: each atom that holds has its code collected. A code may be collected more than once.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final, TypeVar

from router.rules.index.atoms import AnyElement, Atom, Predicate
from router.rules.index.codegen import generate_lookup
from router.rules.index.lookup_tables import (
    Codes,
    Collect,
    Placed,
    by_constant,
    elements,
    patterns,
    prefixes,
    same,
    thresholds,
)

T = TypeVar("T")

_CROWDED: Final = 10_000
"""Codes found in the elements of a list after which those that came twice are dropped."""
_FEW: Final = 40
"""Fields of one map up to which they are asked one after the other, by code made for them."""
_ABSENT: Final = object()


class AtomLookup:
    """Filled by ``add``, closed once, then asked by ``collect``."""

    def __init__(self) -> None:
        self._root = _Field()
        self.collect: Collect = self._root.collect_fields
        """Appends the codes of all atoms that hold for an event. Raises UnsureError where it
        cannot tell."""

    def add(self, atom: Atom, code: int) -> None:
        """Give a code, to be collected when the atom holds."""
        field = self._root
        for step in atom.path:
            field = field.below(step)
        field.added.append((atom, code))

    def close(self) -> None:
        """Make the tables."""
        self._root.close()
        if self._root.is_small:
            self.collect = generate_lookup(self._root)


class _Field:
    """What is asked of a field, and of the fields in it."""

    __slots__ = ("added", "element", "fields", "present", "strings", "tables")

    def __init__(self) -> None:
        self.added: list[tuple[Atom, int]] = []
        self.fields: dict[str, _Field] = {}
        self.element: _Field | None = None
        self.strings: Codes = {}
        """Codes by the text that the value equals. Most atoms are of this kind."""
        self.tables: dict[type, tuple[Collect, ...]] = {}
        """What else is asked of the value, by its class; of a map, beside its fields."""
        self.present: list[int] = []
        """Codes for any value at all."""

    @property
    def is_small(self) -> bool:
        return 0 < len(self.fields) <= _FEW

    @property
    def has_strings_only(self) -> bool:
        return not (self.present or self.tables or self.fields)

    def below(self, step: str | AnyElement) -> "_Field":
        if isinstance(step, str):
            return self.fields.setdefault(step, _Field())
        if self.element is None:
            self.element = _Field()
        return self.element

    def close(self) -> None:
        for field in self.fields.values():
            field.close()
        by_test: dict[Predicate, list[Placed]] = {}
        for atom, code in self.added:
            by_test.setdefault(atom.test, []).append((atom.value, code))
        self.added = []
        equal = by_constant(by_test.pop(Predicate.EQUAL, []))
        self.strings = equal.pop(str, {})
        tables: dict[type, list[Collect]] = {kind: [same(codes)] for kind, codes in equal.items()}
        for kind, collect in self._more(by_test):
            tables.setdefault(kind, []).append(collect)
        self.tables = {kind: tuple(collects) for kind, collects in tables.items()}

    def _more(self, by_test: dict[Predicate, list[Placed]]) -> Iterator[tuple[type, Collect]]:
        """What is asked beside equality, and the class of value that it is asked of."""
        self.present = [code for _, code in by_test.pop(Predicate.PRESENT, [])]
        sets, too_large = patterns(by_test.pop(Predicate.PATTERN, []))
        self.present += too_large
        yield from ((str, each) for each in sets)
        if Predicate.PREFIX in by_test:
            yield str, prefixes(by_test.pop(Predicate.PREFIX))
        for test, placed in by_test.items():
            yield from thresholds(test, placed)
        if self.element is not None:
            self.element.close()
            collect: Collect = self._collect_elements
            if self.element.has_strings_only:
                collect = elements(self.element.strings)
            yield list, collect
            yield dict, collect

    def collect_fields(self, value: dict[str, Any], codes: list[int]) -> None:
        """What is asked of the fields in a map, going over the smaller of map and fields."""
        fields = self.fields
        for name in fields.keys() & value.keys():
            fields[name].collect(value[name], codes)

    def collect(self, value: Any, codes: list[int]) -> None:
        """What is asked of a value that is there."""
        codes += self.present
        kind = value.__class__
        if kind is str:
            codes += self.strings.get(value, ())
        for collect in self.tables.get(kind, ()):
            collect(value, codes)
        if kind is dict:
            self.collect_fields(value, codes)

    def _collect_elements(self, value: Collection[Any], codes: list[int]) -> None:
        assert self.element is not None  # noqa: S101 - else it is in no table
        collect = self.element.collect
        found: list[int] = []
        crowded = _CROWDED
        for each in value:
            collect(each, found)
            if len(found) > crowded:
                found = list(set(found))
                crowded = max(_CROWDED, 2 * len(found))
        codes += found
