"""Finds the atoms that are true for an event, without a test of each atom.

The fields that atoms name form a tree, each field with its tables (``lookup_tables.py``). The walk
descends event and tree together and visits only the fields of both, so that its cost is linear in
the smaller of the two, plus the codes found. An atom on the elements of a list costs one step per
element.

Invariant: the code of each true atom is collected. A code may be collected more than once.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from router.rules.index.atoms import AnyElement, Atom, Predicate
from router.rules.index.codegen import generate_lookup
from router.rules.index.lookup_tables import (
    CodedConstant,
    Codes,
    Collect,
    by_constant,
    elements,
    patterns,
    prefixes,
    same_as,
    thresholds,
)

_DEDUPLICATE_ABOVE: Final = 10_000
"""Codes found in the elements of a list after which duplicates are dropped, to bound memory."""
_GENERATED_FIELDS: Final = 40
"""Fields of one map up to which generated code looks them up one after the other."""


def _distinct(value: Collection[Any]) -> Collection[Any]:
    """Return the elements of a large list of scalars without repetitions; other lists as they are."""
    try:
        # True equals 1, so that bools and numbers are not counted as one.
        return set(value) if len(set(map(type, value))) == 1 else value
    except TypeError:  # lists and maps have no hash
        return value


class AtomLookup:
    """The atoms of many conditions. Call ``add`` for each atom, ``build`` once, then ``collect``."""

    def __init__(self) -> None:
        self._root = _FieldNode()
        self.collect: Collect = self._root.collect
        """Appends the codes of all atoms that are true for an event. Raises InconclusiveLookupError
        if it cannot find them."""

    def add(self, atom: Atom, code: int) -> None:
        """Add an atom, and the code to collect if it is true."""
        field = self._root
        for step in atom.path:
            field = field.child(step)
        field.added.append((atom, code))

    def build(self) -> None:
        """Build the tables of the added atoms."""
        self._root.build()
        if self._root.is_small:
            self.collect = generate_lookup(self._root)


class _FieldNode:
    """The tables of a field, and the nodes of the fields in it."""

    __slots__ = ("added", "element", "fields", "present", "strings", "tables")

    def __init__(self) -> None:
        self.added: list[tuple[Atom, int]] = []
        self.fields: dict[str, _FieldNode] = {}
        self.element: _FieldNode | None = None
        self.strings: Codes = {}
        """Codes by the string that the value equals. Most atoms are of this kind."""
        self.tables: dict[type, tuple[Collect, ...]] = {}
        """The other tables, by the class of the value. A map has its fields in addition."""
        self.present: list[int] = []
        """Codes for any value."""

    @property
    def is_small(self) -> bool:
        """Whether generated code looks up the fields in this one."""
        return 0 < len(self.fields) <= _GENERATED_FIELDS

    @property
    def has_strings_only(self) -> bool:
        """Whether all atoms compare the value with strings."""
        return not (self.present or self.tables or self.fields)

    def child(self, step: str | AnyElement) -> "_FieldNode":
        """Return the node one step down, added if there was none."""
        if isinstance(step, str):
            return self.fields.setdefault(step, _FieldNode())
        if self.element is None:
            self.element = _FieldNode()
        return self.element

    def build(self) -> None:
        """Build the tables of this node and the nodes below."""
        for field in self.fields.values():
            field.build()
        by_predicate: dict[Predicate, list[CodedConstant]] = {}
        for atom, code in self.added:
            by_predicate.setdefault(atom.predicate, []).append((atom.value, code))
        self.added = []
        equal = by_constant(by_predicate.pop(Predicate.EQUAL, []))
        self.strings = equal.pop(str, {})
        tables: dict[type, list[Collect]] = {
            kind: [same_as(codes)] for kind, codes in equal.items()
        }
        for kind, table in self._other_tables(by_predicate):
            tables.setdefault(kind, []).append(table)
        self.tables = {kind: tuple(each) for kind, each in tables.items()}

    def _other_tables(
        self, by_predicate: dict[Predicate, list[CodedConstant]]
    ) -> Iterator[tuple[type, Collect]]:
        """Yield the tables for other predicates than equality, with the class of their values."""
        self.present = [code for _, code in by_predicate.pop(Predicate.PRESENT, [])]
        sets, too_large = patterns(by_predicate.pop(Predicate.PATTERN, []))
        self.present += too_large
        yield from ((str, each) for each in sets)
        if Predicate.PREFIX in by_predicate:
            yield str, prefixes(by_predicate.pop(Predicate.PREFIX))
        for predicate, constants in by_predicate.items():
            yield from thresholds(predicate, constants)
        if self.element is not None:
            self.element.build()
            table: Collect = self._collect_elements
            if self.element.has_strings_only:
                table = elements(self.element.strings)
            yield list, table
            yield dict, table

    def collect_fields(self, value: dict[str, Any], codes: list[int]) -> None:
        """Append the codes of the fields in a map: a walk over the smaller of map and node."""
        fields = self.fields
        for name in fields.keys() & value.keys():
            fields[name].collect(value[name], codes)

    def collect(self, value: Any, codes: list[int]) -> None:
        """Append the codes of the field's value."""
        codes += self.present
        kind = value.__class__
        if kind is str:
            codes += self.strings.get(value, ())
        for table in self.tables.get(kind, ()):
            table(value, codes)
        if kind is dict:
            self.collect_fields(value, codes)

    def _collect_elements(self, value: Collection[Any], codes: list[int]) -> None:
        assert self.element is not None  # noqa: S101 - else it is in no table
        collect = self.element.collect
        found: list[int] = []
        limit = _DEDUPLICATE_ABOVE
        for each in _distinct(value) if len(value) > _DEDUPLICATE_ABOVE else value:
            collect(each, found)
            if len(found) > limit:
                found = list(set(found))
                limit = max(_DEDUPLICATE_ABOVE, 2 * len(found))
        codes += found
