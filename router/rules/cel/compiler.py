"""Tree -> a Python function, built as ``ast`` nodes: no source text, so nothing can be injected.

Three rails. ``_true(n)`` is code that is true when n is true, ``_false(n)`` when n is false; both
falsy means an error. ``_value(n)`` gives n's value or ``ERROR``. On the first two, ``&&`` and
``||`` are Python's own ``and`` and ``or``, and an error is absorbed in either order for nothing:

    true(a && b) = true(a) and true(b)        false(a && b) = false(a) or false(b)
    true(a || b) = true(a) or true(b)         false(a || b) = false(a) and false(b)
    true(!a) = false(a)                       false(!a) = true(a)

A missing field is a dict's ``get`` with a default: no exception on the hot path. Code grows with
the tree only: each rail visits a node once, and logic in the place of a value is made of thunks.
A let that stands once is compiled in its place; one that stands twice, or in a loop, is computed
when it is first asked for, once an evaluation.
Names in the code come from a closed set or are made here; the builtins are empty.
"""

import ast
from collections.abc import Callable
from typing import Any, Final

import re2

from router.errors import ConditionError
from router.rules.cel import runtime
from router.rules.cel.tree import (
    Binary,
    Call,
    Choice,
    Field,
    Given,
    Has,
    Item,
    Let,
    Listing,
    Literal,
    Logic,
    Macro,
    Mapping,
    Name,
    Negative,
    Node,
    Not,
)

Evaluate = Callable[[Any, Any], Any]
"""Takes the event and its data."""

_OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "==": runtime.equal,
    "!=": runtime.unequal,
    "<": runtime.less,
    "<=": runtime.less_equal,
    ">": runtime.greater,
    ">=": runtime.greater_equal,
    "in": runtime.contained,
    "+": runtime.add,
    "-": runtime.subtract,
    "*": runtime.multiply,
    "/": runtime.divide,
    "%": runtime.remainder,
}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "size": runtime.size,
    "startsWith": runtime.starts_with,
    "endsWith": runtime.ends_with,
    "contains": runtime.contains,
    "matches": runtime.matches,
    "lowerAscii": runtime.lower_ascii,
    "upperAscii": runtime.upper_ascii,
    "trim": runtime.trim,
}
_MACROS: Final[dict[str, Callable[..., Any]]] = {
    "all": runtime.every,
    "exists": runtime.some,
    "exists_one": runtime.exactly_one,
    "filter": runtime.kept_of,
    "map": runtime.mapped,
}
_COMPARISONS: Final[dict[str, type[ast.cmpop]]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_REGEX_MEMORY: Final = 1 << 20


def compile_value(node: Node) -> Evaluate:
    """A function that gives the node's value, or ERROR. Raises ConditionError."""
    return _Compiler(node).function(lambda compiler: compiler.value(node))


def compile_rails(node: Node) -> tuple[Evaluate, Evaluate]:
    """Two functions: whether the node is true, whether it is false. Raises ConditionError."""
    return (
        _Compiler(node).function(lambda compiler: compiler.true(node)),
        _Compiler(node).function(lambda compiler: compiler.false(node)),
    )


class _Compiler:
    """Makes one function."""

    def __init__(self, root: Node) -> None:
        self._shared = _shared(root)
        self._slots: dict[int, str] = {}
        self._bodies: list[tuple[str, Node]] = []
        self._globals: dict[str, Any] = {"__builtins__": {}, "ERROR": runtime.ERROR}
        self._temporaries = 0
        self._variables: dict[str, str] = {}
        self._needs_budget = False

    def function(self, body: Callable[["_Compiler"], ast.expr]) -> Evaluate:
        expression = body(self)
        statements: list[ast.stmt] = []
        while self._bodies:
            name, let = self._bodies.pop()
            statements.append(_assign(name, self._call(runtime.Once, _lambda(self.value(let)))))
        if self._needs_budget:
            statements.append(_assign("budget", self._call(runtime.Budget)))
        statements.append(ast.Return(expression))
        definition = ast.FunctionDef(
            name="condition",
            args=_arguments("event", "data"),
            body=statements,
            decorator_list=[],
        )
        module = ast.fix_missing_locations(ast.Module([definition], []))
        code = compile(module, "<condition>", "exec")
        exec(code, self._globals)  # noqa: S102 - built from nodes, see the module's first lines
        made: Evaluate = self._globals["condition"]
        return made

    # The three rails

    def true(self, node: Node) -> ast.expr:
        match node:
            case Logic(operator="&&", parts=parts):
                return ast.BoolOp(ast.And(), [self.true(part) for part in parts])
            case Logic(parts=parts):
                return ast.BoolOp(ast.Or(), [self.true(part) for part in parts])
            case Not(operand=operand):
                return self.false(operand)
            case Let(body=body) if id(body) not in self._shared:
                return self.true(body)
            case Binary(operator="==", left=left, right=Literal(value=str(text))):
                return _compare(self.value(left), ast.Eq(), ast.Constant(text))
            case Binary(operator=operator, right=Literal(value=number)) if (
                operator in _COMPARISONS and runtime.is_number(number)
            ):
                return self._number_test(node, _COMPARISONS[operator]())
            case _:
                return _compare(self.value(node), ast.Is(), ast.Constant(True))

    def false(self, node: Node) -> ast.expr:
        match node:
            case Logic(operator="&&", parts=parts):
                return ast.BoolOp(ast.Or(), [self.false(part) for part in parts])
            case Logic(parts=parts):
                return ast.BoolOp(ast.And(), [self.false(part) for part in parts])
            case Not(operand=operand):
                return self.true(operand)
            case Let(body=body) if id(body) not in self._shared:
                return self.false(body)
            case _:
                return _compare(self.value(node), ast.Is(), ast.Constant(False))

    def value(self, node: Node) -> ast.expr:
        match node:
            case Literal(value=value):
                return ast.Constant(value)
            case Name(name=name):
                return _load(self._variables.get(name) or ("data" if name == "data" else "event"))
            case Field(operand=operand, name=name):
                return self._field(operand, name)
            case Has(operand=operand, name=name):
                return self._call(runtime.has, self.value(operand), ast.Constant(name))
            case Item(operand=operand, index=index):
                return self._call(runtime.item, self.value(operand), self.value(index))
            case Not(operand=operand):
                return self._call(runtime.negation, self.value(operand))
            case Negative(operand=operand):
                return self._call(runtime.negative, self.value(operand))
            case Binary(operator=operator, left=left, right=right):
                return self._call(_OPERATORS[operator], self.value(left), self.value(right))
            case Call():
                return self._function(node)
            case _:
                return self._composed(node)

    def _composed(self, node: Node) -> ast.expr:
        match node:
            case Logic(operator=operator, parts=parts):
                thunks = [_lambda(self.value(part)) for part in parts]
                absorb = runtime.logic_and if operator == "&&" else runtime.logic_or
                return self._call(absorb, ast.Tuple(thunks, ast.Load()))
            case Choice(condition=condition, then=then, otherwise=otherwise):
                return self._choice(condition, self.value(then), self.value(otherwise))
            case Listing(items=items):
                return self._call(runtime.listing, _list([self.value(item) for item in items]))
            case Mapping(entries=entries):
                keys = _list([self.value(key) for key, _ in entries])
                return self._call(
                    runtime.mapping, keys, _list([self.value(value) for _, value in entries])
                )
            case Macro():
                return self._macro(node)
            case Let(body=body):
                return self._let(body)
            case Given(value=value):
                return self._constant(value)
            case _:
                raise TypeError(node)

    # Parts

    def _let(self, body: Node) -> ast.expr:
        if id(body) not in self._shared:
            return self.value(body)
        slot = self._slots.get(id(body))
        if slot is None:
            slot = self._slots[id(body)] = f"l{len(self._slots)}"
            self._bodies.append((slot, body))
        return ast.Call(_load(slot), [], [])

    def _field(self, operand: Node, name: str) -> ast.expr:
        """``(t.get(name, ERROR) if (t := operand).__class__ is dict else ERROR)``."""
        temporary = self._temporary()
        named = ast.NamedExpr(ast.Name(temporary, ast.Store()), self.value(operand))
        is_dict = _compare(
            ast.Attribute(named, "__class__", ast.Load()), ast.Is(), self._constant(dict)
        )
        get = ast.Attribute(_load(temporary), "get", ast.Load())
        read = ast.Call(get, [ast.Constant(name), _load("ERROR")], [])
        return ast.IfExp(is_dict, read, _load("ERROR"))

    def _number_test(self, node: Binary, comparison: ast.cmpop) -> ast.expr:
        """``((t := left).__class__ is int or t.__class__ is float) and t >= 3``."""
        temporary = self._temporary()
        named = ast.NamedExpr(ast.Name(temporary, ast.Store()), self.value(node.left))
        is_int = _compare(
            ast.Attribute(named, "__class__", ast.Load()), ast.Is(), self._constant(int)
        )
        is_float = _compare(
            ast.Attribute(_load(temporary), "__class__", ast.Load()),
            ast.Is(),
            self._constant(float),
        )
        is_number = ast.BoolOp(ast.Or(), [is_int, is_float])
        test = _compare(_load(temporary), comparison, self.value(node.right))
        return ast.BoolOp(ast.And(), [is_number, test])

    def _choice(self, condition: Node, then: ast.expr, otherwise: ast.expr) -> ast.expr:
        temporary = self._temporary()
        named = ast.NamedExpr(ast.Name(temporary, ast.Store()), self.value(condition))
        is_false = _compare(_load(temporary), ast.Is(), ast.Constant(False))
        return ast.IfExp(
            _compare(named, ast.Is(), ast.Constant(True)),
            then,
            ast.IfExp(is_false, otherwise, _load("ERROR")),
        )

    def _function(self, node: Call) -> ast.expr:
        if node.function != "matches":
            arguments = [self.value(argument) for argument in node.arguments]
            return self._call(_FUNCTIONS[node.function], *arguments)
        text, pattern = node.arguments
        return self._call(runtime.matches, self.value(text), self._constant(_regex(pattern)))

    def _macro(self, node: Macro) -> ast.expr:
        over = self.value(node.over)
        if node.keep is not None:
            over = self._loop(runtime.kept_of, over, node.variable, node.keep)
        return self._loop(_MACROS[node.macro], over, node.variable, node.body)

    def _loop(
        self, function: Callable[..., Any], over: ast.expr, variable: str, body: Node
    ) -> ast.expr:
        self._needs_budget = True
        parameter = f"v{len(self._variables)}"
        self._variables[variable] = parameter
        turn = _lambda(self.value(body), parameter)
        del self._variables[variable]
        return self._call(function, over, turn, _load("budget"))

    def _call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        return ast.Call(self._constant(function), list(arguments), [])

    def _constant(self, value: Any) -> ast.expr:
        """A name for an object of ours."""
        for name, known in self._globals.items():
            if known is value:
                return _load(name)
        name = f"k{len(self._globals)}"
        self._globals[name] = value
        return _load(name)

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"


def _regex(pattern: Node) -> Any:
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        raise ConditionError(
            "a pattern must be a text that stands in the rule",
            offset=pattern.offset,
            length=pattern.length,
        )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEX_MEMORY
    try:
        return re2.compile(pattern.value, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ConditionError(
            f"not a regular expression in RE2 syntax: {reason}",
            offset=pattern.offset,
            length=pattern.length,
        ) from None


def _shared(root: Node) -> set[int]:
    """The bodies of lets, by identity, that stand more than once or in a loop."""
    seen: set[int] = set()
    shared: set[int] = set()
    pending = [(root, False)]
    while pending:
        node, in_loop = pending.pop()
        match node:
            case Let(body=body):
                if in_loop or id(body) in seen:
                    shared.add(id(body))
                if id(body) not in seen:
                    seen.add(id(body))
                    pending.append((body, False))
            case Macro(over=over):
                pending.append((over, in_loop))
                pending += [(each, True) for each in node.children() if each is not over]
            case _:
                pending += [(each, in_loop) for each in node.children()]
    return shared


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _list(items: list[ast.expr]) -> ast.expr:
    return ast.List(items, ast.Load())


def _compare(left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [comparison], [right])


def _arguments(*names: str) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )


def _lambda(body: ast.expr, *parameters: str) -> ast.expr:
    return ast.Lambda(_arguments(*parameters), body)
