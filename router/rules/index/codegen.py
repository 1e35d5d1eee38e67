"""The look-up of a small tree of fields as one straight function, built as ``ast`` nodes.

A walk over tables costs more in calls and loops than in look-ups. So what is asked of a few fields
is written out, one field after the other:

    field_1 = value_0.get("status")
    if field_1.__class__ is str:
        codes_1 = table_1(field_1)
        if codes_1 is not None:
            codes += codes_1

Names of fields stand in the code as constants only; the names of variables are made here, and the
builtins are empty.
"""

import ast
from typing import Any, Final, Protocol

from router.rules.index.lookup_tables import Codes, Collect, Threshold

_ABSENT: Final = object()
_CODES: Final = "codes"


class FieldRead(Protocol):
    """A node of the tree of fields."""

    @property
    def fields(self) -> "dict[str, Any]": ...
    @property
    def texts(self) -> Codes: ...
    @property
    def tables(self) -> dict[type, tuple[Collect, ...]]: ...
    @property
    def present(self) -> list[int]: ...
    @property
    def is_small(self) -> bool: ...
    def collect_fields(self, value: dict[str, Any], codes: list[int]) -> None: ...


def unrolled(root: FieldRead) -> Collect:
    """As ``root.collect_fields``, and what else is asked of the root."""
    return _Writer().function(root)


class _Writer:
    def __init__(self) -> None:
        self._globals: dict[str, Any] = {"__builtins__": {}, "ABSENT": _ABSENT}
        self._variables = 0

    def function(self, root: FieldRead) -> Collect:
        body = [*self._calls(root.tables.get(dict, ()), "value"), *self._fields(root, "value")]
        arguments = ast.arguments([], [ast.arg("value"), ast.arg(_CODES)], None, [], [], None, [])
        definition = ast.FunctionDef("collect", arguments, body, [])
        module = ast.fix_missing_locations(ast.Module([definition], []))
        exec(compile(module, "<lookup>", "exec"), self._globals)  # noqa: S102 - built from nodes
        made: Collect = self._globals["collect"]
        return made

    def _fields(self, field: FieldRead, value: str) -> list[ast.stmt]:
        """What is asked of the fields in a map that is in the variable ``value``."""
        if not field.is_small:
            return self._calls((field.collect_fields,), value) if field.fields else []
        get = self._variable("get")
        return [
            _assign(get, ast.Attribute(_load(value), "get", ast.Load())),
            *(
                statement
                for name, inner in field.fields.items()
                for statement in self._field(name, inner, get)
            ),
        ]

    def _field(self, name: str, field: FieldRead, get: str) -> list[ast.stmt]:
        value = self._variable("field")
        by_class = self._by_class(field, value)
        if by_class and not field.present:
            # None, for an absent field as well, has a table where null is asked for.
            absent = [_load("ABSENT")] if type(None) in field.tables else []
            return [_assign(value, _call(_load(get), ast.Constant(name), *absent)), *by_class]
        found = _assign(value, _call(_load(get), ast.Constant(name), _load("ABSENT")))
        body = [self._add(self._constant(field.present)), *by_class]
        return [found, ast.If(_is(_load(value), _load("ABSENT"), negate=True), body, [])]

    def _by_class(self, field: FieldRead, value: str) -> list[ast.stmt]:
        kinds = dict.fromkeys(
            [*([str] if field.texts else []), *field.tables, *([dict] if field.fields else [])]
        )
        chain: list[ast.stmt] = []
        for kind in reversed(kinds):
            body: list[ast.stmt] = []
            if kind is str and field.texts:
                body += self._equal(field.texts, value)
            body += self._calls(field.tables.get(kind, ()), value, is_float=kind is float)
            if kind is dict:
                body += self._fields(field, value)
            test = _is(ast.Attribute(_load(value), "__class__", ast.Load()), self._constant(kind))
            chain = [ast.If(test, body, chain)]
        return chain

    def _equal(self, texts: Codes, value: str) -> list[ast.stmt]:
        found = self._variable("codes")
        return [
            _assign(found, _call(self._constant(texts.get), _load(value))),
            ast.If(
                _is(_load(found), ast.Constant(None), negate=True), [self._add(_load(found))], []
            ),
        ]

    def _calls(
        self, collects: tuple[Collect, ...], value: str, *, is_float: bool = False
    ) -> list[ast.stmt]:
        return [
            self._threshold(collect, value)
            if isinstance(collect, Threshold) and not is_float  # which may be NaN
            else ast.Expr(_call(self._constant(collect), _load(value), _load(_CODES)))
            for collect in collects
        ]

    def _threshold(self, threshold: Threshold, value: str) -> ast.stmt:
        """``codes += placed[: bisect(bounds, value)]``, or from there on."""
        place = _call(
            self._constant(threshold.bisect), self._constant(threshold.bounds), _load(value)
        )
        part = ast.Slice(lower=place) if threshold.upward else ast.Slice(upper=place)
        return self._add(ast.Subscript(self._constant(threshold.codes), part, ast.Load()))

    def _add(self, codes: ast.expr) -> ast.stmt:
        return ast.AugAssign(ast.Name(_CODES, ast.Store()), ast.Add(), codes)

    def _constant(self, value: Any) -> ast.expr:
        """A name for an object of ours."""
        name = f"known_{len(self._globals)}"
        self._globals[name] = value
        return _load(name)

    def _variable(self, kind: str) -> str:
        self._variables += 1
        return f"{kind}_{self._variables}"


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])


def _is(left: ast.expr, right: ast.expr, *, negate: bool = False) -> ast.expr:
    return ast.Compare(left, [ast.IsNot() if negate else ast.Is()], [right])
