"""Pieces of Python's own syntax tree, and functions built from them.

The compiler of conditions and the lookup of the rule index generate code with this module. No
source text is made, so nothing can be injected: variable names come from a closed set or are made
here, everything from a condition is a constant, and the builtins are empty.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Any

from router.cel.values import ERROR


class _Positioned:
    """Gives a node a position, because ``compile`` requires one of each node.

    A class attribute is cheaper than ``ast.fix_missing_locations``, which visits each node.
    """

    lineno: int = 1
    col_offset: int = 0
    end_lineno: int | None = 1
    end_col_offset: int | None = 0


class PyAssign(_Positioned, ast.Assign):
    """``name = value``."""


class PyAttribute(_Positioned, ast.Attribute):
    """``value.name``."""


class PyAugAssign(_Positioned, ast.AugAssign):
    """``name += value``."""


class PyBoolOp(_Positioned, ast.BoolOp):
    """``a and b``, ``a or b``."""


class PyCall(_Positioned, ast.Call):
    """``function(argument)``."""


class PyCompare(_Positioned, ast.Compare):
    """``a < b``, ``a is b``."""


class PyConstant(_Positioned, ast.Constant):
    """A constant that Python can write: a string, a number, a bool, None."""


class PyExpr(_Positioned, ast.Expr):
    """An expression that stands as a statement."""


class PyFunctionDef(_Positioned, ast.FunctionDef):
    """``def name(parameter): …``."""


class PyIf(_Positioned, ast.If):
    """``if test: … else: …``."""


class PyIfExp(_Positioned, ast.IfExp):
    """``then if test else otherwise``."""


class PyLambda(_Positioned, ast.Lambda):
    """``lambda parameter: body``."""


class PyList(_Positioned, ast.List):
    """``[a, b]``."""


class PyName(_Positioned, ast.Name):
    """A variable."""


class PyNamedExpr(_Positioned, ast.NamedExpr):
    """``(name := value)``."""


class PyReturn(_Positioned, ast.Return):
    """``return value``."""


class PySlice(_Positioned, ast.Slice):
    """``lower:upper``."""


class PySubscript(_Positioned, ast.Subscript):
    """``value[index]``."""


class PyTuple(_Positioned, ast.Tuple):
    """``(a, b)``."""


class Parameter(_Positioned, ast.arg):
    """The parameter of a function or lambda."""


class FunctionBuilder:
    """Builds one function and names what it uses: objects as constants, and temporary variables."""

    def __init__(self) -> None:
        self._globals: dict[str, Any] = {"__builtins__": {}, "ERROR": ERROR}
        self._names: dict[int, str] = {id(ERROR): "ERROR"}
        self._temporaries = 0

    def constant(self, value: Any) -> ast.expr:
        """Return a name for any Python object."""
        name = self._names.get(id(value))
        if name is None:
            # The globals refer to the object, so that no other object gets its id.
            name = self._names[id(value)] = f"k{len(self._names)}"
            self._globals[name] = value
        return load(name)

    def temporary(self) -> str:
        """Return the name of a new variable."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        """``function(*arguments)`` of a Python function."""
        return call(self.constant(function), *arguments)

    def is_class(self, value: ast.expr, kind: type) -> ast.expr:
        """``value.__class__ is kind``."""
        return compare(attribute(value, "__class__"), ast.Is(), self.constant(kind))

    def function(
        self, name: str, parameter_names: Iterable[str], body: list[ast.stmt]
    ) -> Callable[[Any, Any], Any]:
        """Compile the function.

        Raises:
            RecursionError: The code is nested too deeply.
            MemoryError: The code is nested too deeply for Python's parser.
        """
        definition = PyFunctionDef(
            name=name, args=parameters(*parameter_names), body=body, decorator_list=[]
        )
        module = ast.Module([definition], [])
        namespace: dict[str, Any] = self._globals
        exec(compile(module, f"<{name}>", "exec"), namespace)  # noqa: S102 - built from nodes
        function: Callable[[Any, Any], Any] = namespace[name]
        return function


def load(name: str) -> ast.Name:
    """Read a variable."""
    return PyName(name, ast.Load())


def assign(name: str, value: ast.expr) -> ast.stmt:
    """``name = value``."""
    return PyAssign([PyName(name, ast.Store())], value)


def extend(name: str, value: ast.expr) -> ast.stmt:
    """``name += value``."""
    return PyAugAssign(PyName(name, ast.Store()), ast.Add(), value)


def walrus(name: str, value: ast.expr) -> ast.expr:
    """``(name := value)``."""
    return PyNamedExpr(PyName(name, ast.Store()), value)


def attribute(value: ast.expr, name: str) -> ast.expr:
    """``value.name``."""
    return PyAttribute(value, name, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    """``function(*arguments)``."""
    return PyCall(function, list(arguments), [])


def list_of(items: list[ast.expr]) -> ast.expr:
    """``[*items]``."""
    return PyList(items, ast.Load())


def tuple_of(items: list[ast.expr]) -> ast.expr:
    """``(*items,)``."""
    return PyTuple(items, ast.Load())


def subscript(value: ast.expr, index: ast.expr) -> ast.expr:
    """``value[index]``."""
    return PySubscript(value, index, ast.Load())


def compare(left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> ast.expr:
    """``left < right`` or another comparison."""
    return PyCompare(left, [comparison], [right])


def all_of(*parts: ast.expr) -> ast.expr:
    """``a and b and …``."""
    return PyBoolOp(ast.And(), list(parts))


def any_of(*parts: ast.expr) -> ast.expr:
    """``a or b or …``."""
    return PyBoolOp(ast.Or(), list(parts))


def lambda_of(body: ast.expr, *parameter_names: str) -> ast.expr:
    """``lambda *parameter_names: body``."""
    return PyLambda(parameters(*parameter_names), body)


def parameters(*names: str) -> ast.arguments:
    """The parameters of a function or lambda, all of them positional."""
    return ast.arguments(
        posonlyargs=[],
        args=[Parameter(name) for name in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
