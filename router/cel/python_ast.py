"""Pieces of Python's own syntax tree, and one function made of them.

No source text anywhere, so nothing can be injected: names come from a closed set or are made here,
what comes from a condition is a constant, and the builtins are empty.
"""

import ast
from collections.abc import Callable
from typing import Any

from router.cel.values import ERROR


class _Placed:
    """Python wants a place for each node; they stand nowhere, and to say so one by one is slow."""

    lineno: int = 1
    col_offset: int = 0
    end_lineno: int | None = 1
    end_col_offset: int | None = 0


class PyAssign(_Placed, ast.Assign):
    pass


class PyAttribute(_Placed, ast.Attribute):
    pass


class PyBoolOp(_Placed, ast.BoolOp):
    pass


class PyCall(_Placed, ast.Call):
    pass


class PyCompare(_Placed, ast.Compare):
    pass


class PyConstant(_Placed, ast.Constant):
    pass


class PyFunctionDef(_Placed, ast.FunctionDef):
    pass


class PyIfExp(_Placed, ast.IfExp):
    pass


class PyLambda(_Placed, ast.Lambda):
    pass


class PyList(_Placed, ast.List):
    pass


class PyName(_Placed, ast.Name):
    pass


class PyNamedExpr(_Placed, ast.NamedExpr):
    pass


class PyReturn(_Placed, ast.Return):
    pass


class PySubscript(_Placed, ast.Subscript):
    pass


class PyTuple(_Placed, ast.Tuple):
    pass


class Parameter(_Placed, ast.arg):
    pass


class Code:
    """The names that one function uses: constants of ours, and temporaries."""

    def __init__(self) -> None:
        self._globals: dict[str, Any] = {"__builtins__": {}, "ERROR": ERROR}
        self._names: dict[int, str] = {id(ERROR): "ERROR"}
        self._temporaries = 0

    def constant(self, value: Any) -> ast.expr:
        """A name for an object of ours."""
        name = self._names.get(id(value))
        if name is None:
            # The globals keep the object, so that no other gets its identity.
            name = self._names[id(value)] = f"k{len(self._names)}"
            self._globals[name] = value
        return load(name)

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        return PyCall(self.constant(function), list(arguments), [])

    def is_class(self, value: ast.expr, kind: type) -> ast.expr:
        """``value.__class__ is kind``."""
        name = PyAttribute(value, "__class__", ast.Load())
        return compare(name, ast.Is(), self.constant(kind))

    def function(self, statements: list[ast.stmt], result: ast.expr) -> Callable[[Any, Any], Any]:
        """A function of the event and its data. Raises RecursionError or MemoryError if too deep."""
        definition = PyFunctionDef(
            name="condition",
            args=arguments("event", "data"),
            body=[*statements, PyReturn(result)],
            decorator_list=[],
        )
        module = ast.Module([definition], [])
        made: dict[str, Any] = self._globals
        exec(compile(module, "<condition>", "exec"), made)  # noqa: S102 - built from nodes
        function: Callable[[Any, Any], Any] = made["condition"]
        return function


def load(name: str) -> ast.Name:
    return PyName(name, ast.Load())


def assign(name: str, value: ast.expr) -> ast.stmt:
    return PyAssign([PyName(name, ast.Store())], value)


def named(name: str, value: ast.expr) -> ast.expr:
    """``(name := value)``."""
    return PyNamedExpr(PyName(name, ast.Store()), value)


def listed(items: list[ast.expr]) -> ast.expr:
    return PyList(items, ast.Load())


def element(of: str, place: int) -> ast.expr:
    """``of[place]``."""
    return PySubscript(load(of), PyConstant(place), ast.Load())


def compare(left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> ast.expr:
    return PyCompare(left, [comparison], [right])


def both(*parts: ast.expr) -> ast.expr:
    return PyBoolOp(ast.And(), list(parts))


def either(*parts: ast.expr) -> ast.expr:
    return PyBoolOp(ast.Or(), list(parts))


def thunk(body: ast.expr, *parameters: str) -> ast.expr:
    return PyLambda(arguments(*parameters), body)


def arguments(*names: str) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[],
        args=[Parameter(name) for name in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
