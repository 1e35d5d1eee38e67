"""The lookup of a small tree of fields as one straight function, generated as ``ast`` nodes.

Calls and loops cost more than the table lookups themselves. The function therefore asks a few
fields one after the other:

    t2 = t1("status")          # t1 is value.get
    if t2.__class__ is str:
        t3 = k4(t2)            # k4 is the table's get
        if t3 is not None:
            codes += t3

Names of fields are constants in the code only; ``router.cel.python_ast`` makes variable names.
"""

import ast
from collections.abc import Mapping
from typing import Any, Final, Protocol

from router.cel.python_ast import (
    FunctionBuilder,
    PyConstant,
    PyExpr,
    PyIf,
    PySlice,
    assign,
    attribute,
    call,
    compare,
    extend,
    load,
    subscript,
)
from router.rules.index.lookup_tables import Codes, Collect, Threshold

_ABSENT: Final = object()
_VALUE: Final = "value"
_CODES: Final = "codes"


class FieldTables(Protocol):
    """A node of the tree of fields: what is asked of a field and of the fields in it."""

    @property
    def fields(self) -> "Mapping[str, Any]":
        """The nodes of the fields in this one, by name."""

    @property
    def strings(self) -> Codes:
        """Codes by the string that the value equals."""

    @property
    def tables(self) -> Mapping[type, tuple[Collect, ...]]:
        """The other tables, by the class of the value."""

    @property
    def present(self) -> list[int]:
        """Codes for any value."""

    @property
    def is_small(self) -> bool:
        """Whether the fields in this one are few enough for generated code."""

    def collect_fields(self, value: dict[str, Any], codes: list[int]) -> None:
        """Append the codes of the fields in this one."""


def generate_lookup(root: FieldTables) -> Collect:
    """Return a function that does what ``root.collect_fields`` and the root's map tables do."""
    return _LookupGenerator().function(root)


class _LookupGenerator:
    def __init__(self) -> None:
        self._builder = FunctionBuilder()

    def function(self, root: FieldTables) -> Collect:
        body = [*self._calls(root.tables.get(dict, ()), _VALUE), *self._fields(root, _VALUE)]
        return self._builder.function("lookup", (_VALUE, _CODES), body)

    def _fields(self, field: FieldTables, value: str) -> list[ast.stmt]:
        """The lookups of the fields in the map that is in the variable ``value``."""
        if not field.is_small:
            return self._calls((field.collect_fields,), value) if field.fields else []
        get = self._builder.temporary()
        return [
            assign(get, attribute(load(value), "get")),
            *(
                statement
                for name, inner in field.fields.items()
                for statement in self._field(name, inner, get)
            ),
        ]

    def _field(self, name: str, field: FieldTables, get: str) -> list[ast.stmt]:
        value = self._builder.temporary()
        by_class = self._by_class(field, value)
        absent = self._constant(_ABSENT)
        if by_class and not field.present:
            # An absent field reads as None, which needs a default only if null has a table.
            default = [absent] if type(None) in field.tables else []
            return [assign(value, call(load(get), PyConstant(name), *default)), *by_class]
        read = assign(value, call(load(get), PyConstant(name), absent))
        body = [extend(_CODES, self._constant(field.present)), *by_class]
        return [read, PyIf(compare(load(value), ast.IsNot(), absent), body, [])]

    def _by_class(self, field: FieldTables, value: str) -> list[ast.stmt]:
        kinds = dict.fromkeys(
            [*([str] if field.strings else []), *field.tables, *([dict] if field.fields else [])]
        )
        chain: list[ast.stmt] = []
        for kind in reversed(kinds):
            body: list[ast.stmt] = []
            if kind is str and field.strings:
                body += self._equal(field.strings, value)
            body += self._calls(field.tables.get(kind, ()), value, is_float=kind is float)
            if kind is dict:
                body += self._fields(field, value)
            chain = [PyIf(self._builder.is_class(load(value), kind), body, chain)]
        return chain

    def _equal(self, strings: Codes, value: str) -> list[ast.stmt]:
        found = self._builder.temporary()
        return [
            assign(found, self._builder.call(strings.get, load(value))),
            PyIf(
                compare(load(found), ast.IsNot(), PyConstant(None)),
                [extend(_CODES, load(found))],
                [],
            ),
        ]

    def _calls(
        self, tables: tuple[Collect, ...], value: str, *, is_float: bool = False
    ) -> list[ast.stmt]:
        return [
            self._threshold(table, value)
            if isinstance(table, Threshold) and not is_float  # a float may be NaN
            else PyExpr(self._builder.call(table, load(value), load(_CODES)))
            for table in tables
        ]

    def _threshold(self, threshold: Threshold, value: str) -> ast.stmt:
        """``codes += coded[: bisect(bounds, value)]``, or from that position on."""
        position = self._builder.call(
            threshold.bisect, self._constant(threshold.bounds), load(value)
        )
        part = PySlice(lower=position) if threshold.upward else PySlice(upper=position)
        return extend(_CODES, subscript(self._constant(threshold.codes), part))

    def _constant(self, value: Any) -> ast.expr:
        return self._builder.constant(value)
