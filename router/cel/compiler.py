"""Compiles a tree to a Python function, built as ``ast`` nodes.

There are three kinds of code for a node n. The true code ``true(n)`` is truthy if n is true, the
false code ``false(n)`` is truthy if n is false; if neither is, n is an error. The value code
``value(n)`` returns n's value or ``ERROR``. In true and false code, ``&&`` and ``||`` are Python's
own ``and`` and ``or``, and they absorb errors in either order at no cost:

    true(a && b) = true(a) and true(b)        false(a && b) = false(a) or false(b)
    true(a || b) = true(a) or true(b)         false(a || b) = false(a) and false(b)
    true(!a) = false(a)                       false(!a) = true(a)

A missing field is a dict's ``get`` with a default, so that no exception occurs on the hot path. The
size of the code is linear in the tree: each kind of code visits a node once, and logic in value
code is made of lambdas. A let that is used once is compiled inline. A let that is used twice, or in
the body of a macro, is evaluated at its first use, once per evaluation of the condition.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Any, Final

from router.cel import literals, loops, operators
from router.cel import python_ast as py
from router.cel.functions import FUNCTIONS, MACROS
from router.cel.python_ast import FunctionBuilder, PyConstant, PyIfExp, load
from router.cel.searches import charges_searches, is_search
from router.cel.shared_lets import body_size, shared_lets
from router.cel.tree import (
    Binary,
    Call,
    Conditional,
    ExternalConstant,
    Field,
    Has,
    IndexAccess,
    Let,
    ListLiteral,
    Literal,
    Logic,
    Macro,
    MapLiteral,
    Name,
    Negative,
    Node,
    Not,
    OptionalField,
    OptionalIndexAccess,
    is_json,
    unwrap_lets,
)
from router.cel.values import ERROR

Evaluate = Callable[[Any, Any], Any]
"""Takes the event and its data (``ERROR`` if it has none)."""

_COMPARISONS: Final[dict[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_NODES_PER_UNIT: Final = 50
"""Nodes of a macro's body that an iteration evaluates for one unit of the budget."""


def compile_value(node: Node) -> Evaluate:
    """Return a function that returns the node's value, or ERROR. Raise ConditionError."""
    compiler = _Compiler(node)
    return compiler.function(compiler.value(node))


def compile_branches(node: Node) -> tuple[Evaluate, Evaluate]:
    """Return two functions: is the node true, and is it false. Raise ConditionError."""
    true, false = _Compiler(node), _Compiler(node)
    return true.function(true.true(node)), false.function(false.false(node))


def compile_values(root: Node, nodes: Iterable[Node]) -> Callable[[Any, Any], list[Any]]:
    """Return a function that returns the values of several nodes of a tree, each evaluated once.

    Args:
        root: The tree.
        nodes: Nodes of the tree, each after the nodes below it.
    """
    return _Compiler(root).values(nodes)


class _Compiler:
    """Compiles one function."""

    def __init__(self, root: Node) -> None:
        self._builder = FunctionBuilder()
        self._shared = shared_lets(root)
        self._charges_searches = charges_searches(root)
        self._slots: dict[int, str] = {}
        self._bodies: list[tuple[str, Node]] = []
        self._variables: dict[str, ast.expr] = {}
        self._loops = 0
        self._needs_budget = False
        self._known: dict[int, str] = {}

    def function(self, result: ast.expr, statements: Iterable[ast.stmt] = ()) -> Evaluate:
        before: list[ast.stmt] = []
        while self._bodies:
            name, let = self._bodies.pop()
            lazy = self._builder.call(loops.LazyValue, py.lambda_of(self.value(let)))
            before.append(py.assign(name, lazy))
        if self._needs_budget:
            before.append(py.assign("budget", self._builder.call(loops.Budget)))
        body = [*before, *statements, py.PyReturn(result)]
        return self._builder.function("condition", ("event", "data"), body)

    def values(self, nodes: Iterable[Node]) -> Evaluate:
        statements: list[ast.stmt] = []
        for node in nodes:
            name = f"r{len(statements)}"
            statements.append(py.assign(name, self.value(node)))
            self._known[id(node)] = name
        results: list[ast.expr] = [load(f"r{number}") for number in range(len(statements))]
        return self.function(py.list_of(results), statements)

    # The three kinds of code

    def true(self, node: Node) -> ast.expr:
        match node:
            case Logic(operator="&&", parts=parts):
                return py.all_of(*map(self.true, parts))
            case Logic(parts=parts):
                return py.any_of(*map(self.true, parts))
            case Not(operand=operand):
                return self.false(operand)
            case Let(body=body) if id(body) not in self._shared:
                return self.true(body)
            case Binary():
                return self._test(node) or self._is(node, True)
            case _:
                return self._is(node, True)

    def false(self, node: Node) -> ast.expr:
        match node:
            case Logic(operator="&&", parts=parts):
                return py.any_of(*map(self.false, parts))
            case Logic(parts=parts):
                return py.all_of(*map(self.false, parts))
            case Not(operand=operand):
                return self.true(operand)
            case Let(body=body) if id(body) not in self._shared:
                return self.false(body)
            case Binary(operator="==", left=left, right=Literal(value=value)):
                return self._differs(left, value) or self._is(node, False)
            case Binary(operator="!=", left=left, right=Literal(value=value)):
                return self._equals(left, value) or self._is(node, False)
            case _:
                return self._is(node, False)

    def value(self, node: Node) -> ast.expr:
        if id(node) in self._known:
            return load(self._known[id(node)])
        match node:
            case Literal(value=value):
                return self._literal(value)
            case Name(name=name):
                return self._variables.get(name) or load("data" if name == "data" else "event")
            case Let(body=body):
                return self._let(body)
            case ExternalConstant(value=value):
                return self._builder.constant(value)
            case Field(operand=operand, name=name):
                return self._field(operand, name)
            case Has(operand=operand, name=name):
                return self._call(operators.has, self.value(operand), PyConstant(name))
            case Not(operand=operand):
                return self._call(operators.negation, self.value(operand))
            case Negative(operand=operand):
                return self._call(operators.negative, self.value(operand))
            case Binary():
                return self._binary(node)
            case Call():
                return self._function(node)
            case _:
                return self._compound(node)

    def _compound(self, node: Node) -> ast.expr:
        match node:
            case IndexAccess(operand=operand, index=index):
                return self._call(operators.item, self.value(operand), self.value(index))
            case OptionalField(operand=operand, name=name):
                return self._call(operators.optional_field, self.value(operand), PyConstant(name))
            case OptionalIndexAccess(operand=operand, index=index):
                return self._call(operators.optional_item, self.value(operand), self.value(index))
            case Logic(operator=operator, parts=parts):
                lambdas = [py.lambda_of(self.value(part)) for part in parts]
                absorb = operators.logic_and if operator == "&&" else operators.logic_or
                return self._call(absorb, py.tuple_of(lambdas))
            case Conditional(condition=condition, then=then, otherwise=otherwise):
                return self._conditional(condition, self.value(then), self.value(otherwise))
            case ListLiteral() | MapLiteral():
                return self._collection(node)
            case Macro():
                return self._macro(node)
            case _:
                raise TypeError(node)

    # Tests that need no call. None if a test needs one.

    def _is(self, node: Node, truth: bool) -> ast.expr:  # noqa: FBT001 - the kind of code
        return self._same(node, truth)

    def _same(self, node: Node, value: Any) -> ast.expr:
        """``node is value``, of a bool or None."""
        literal = unwrap_lets(node)
        if isinstance(literal, Literal):
            # Python warns about "is" between literals.
            return PyConstant(literal.value is value)
        return py.compare(self.value(node), ast.Is(), PyConstant(value))

    def _test(self, node: Binary) -> ast.expr | None:
        """True code of a comparison with a literal."""
        if node.operator == "in" and isinstance(node.right, ListLiteral):
            return self._is_one_of(node.left, node.right)
        if not isinstance(node.right, Literal):
            return None
        value = node.right.value
        if node.operator == "!=":
            return self._differs(node.left, value)
        if node.operator == "==" and (found := self._equals(node.left, value)) is not None:
            return found
        comparison = _COMPARISONS.get(node.operator)
        if comparison is None or value.__class__ not in {int, float} or not is_json(node.left):
            return None
        name = self._builder.temporary()
        is_int = self._builder.is_class(py.walrus(name, self.value(node.left)), int)
        is_float = self._builder.is_class(load(name), float)
        is_true = py.compare(load(name), comparison(), PyConstant(value))
        return py.all_of(py.any_of(is_int, is_float), is_true)

    def _equals(self, node: Node, value: Any) -> ast.expr | None:
        if value is None or value.__class__ is bool:
            return self._same(node, value)
        if value.__class__ is str:
            return py.compare(self.value(node), ast.Eq(), PyConstant(value))
        return None

    def _is_one_of(self, node: Node, strings: ListLiteral) -> ast.expr | None:
        """``node in strings``, of string literals."""
        values = literals.collection(strings)
        if values is ERROR or not all(value.__class__ is str for value in values):
            return None
        name = self._builder.temporary()
        is_string = self._builder.is_class(py.walrus(name, self.value(node)), str)
        constant = self._builder.constant(frozenset(values))
        return py.all_of(is_string, py.compare(load(name), ast.In(), constant))

    def _differs(self, node: Node, value: Any) -> ast.expr | None:
        """``node != value``: it has a value, and a different one."""
        if value is not None and value.__class__ not in {bool, str}:
            return None
        name = self._builder.temporary()
        is_present = py.compare(py.walrus(name, self.value(node)), ast.IsNot(), load("ERROR"))
        other = ast.NotEq() if value.__class__ is str else ast.IsNot()
        return py.all_of(is_present, py.compare(load(name), other, PyConstant(value)))

    # Parts

    def _literal(self, value: Any) -> ast.expr:
        if value is None or value.__class__ in {str, bytes, bool, int, float}:
            return PyConstant(value)
        return self._builder.constant(value)

    def _let(self, body: Node) -> ast.expr:
        if id(body) not in self._shared or id(body) in self._known:
            return self.value(body)
        slot = self._slots.get(id(body))
        if slot is None:
            slot = self._slots[id(body)] = f"l{len(self._slots)}"
            self._bodies.append((slot, body))
        return py.call(load(slot))

    def _field(self, operand: Node, name: str) -> ast.expr:
        """``(t.get(name, ERROR) if (t := operand).__class__ is dict else …)``."""
        temporary = self._builder.temporary()
        is_dict = self._builder.is_class(py.walrus(temporary, self.value(operand)), dict)
        get = py.attribute(load(temporary), "get")
        read = py.call(get, PyConstant(name), load("ERROR"))
        if is_json(operand):
            return PyIfExp(is_dict, read, load("ERROR"))
        other = self._call(operators.field, load(temporary), PyConstant(name))
        return PyIfExp(is_dict, read, other)

    def _binary(self, node: Binary) -> ast.expr:
        left, right = self.value(node.left), self.value(node.right)
        is_metered = node.operator in operators.METERED and not (
            isinstance(node.left, Literal) and isinstance(node.right, Literal | ListLiteral)
        )
        run = operators.OPERATORS[node.operator]
        return self._priced(node, run, left, right, is_metered=is_metered)

    def _conditional(self, condition: Node, then: ast.expr, otherwise: ast.expr) -> ast.expr:
        name = self._builder.temporary()
        is_true = py.compare(py.walrus(name, self.value(condition)), ast.Is(), PyConstant(True))
        is_false = py.compare(load(name), ast.Is(), PyConstant(False))
        return PyIfExp(is_true, then, PyIfExp(is_false, otherwise, load("ERROR")))

    def _collection(self, node: ListLiteral | MapLiteral) -> ast.expr:
        constant = literals.collection(node)
        if constant is not ERROR:
            return self._builder.constant(constant)
        optional = self._builder.constant(node.optional)
        if isinstance(node, ListLiteral):
            items = py.list_of([self.value(item) for item in node.items])
            return self._call(literals.list_literal, items, optional)
        keys = py.list_of([self.value(key) for key, _ in node.entries])
        values = py.list_of([self.value(value) for _, value in node.entries])
        return self._call(literals.map_literal, keys, values, optional)

    def _function(self, node: Call) -> ast.expr:
        function = FUNCTIONS[node.function]
        constant = literals.call(node)
        if constant is not ERROR:
            return self._builder.constant(constant)
        arguments = [self.value(argument) for argument in node.arguments]
        if function.takes_pattern:
            arguments[-1] = self._builder.constant(literals.pattern(node.arguments[-1]))
        elif function.is_lazy:
            arguments[-1] = py.lambda_of(arguments[-1])
        return self._priced(node, function.run, *arguments, is_metered=function.is_metered)

    def _macro(self, node: Macro) -> ast.expr:
        form = MACROS[node.macro]
        over = self.value(node.over)
        if not form.is_loop:
            return self._call(form.run, over, self._body(node.variables, node.body))
        self._needs_budget = True
        items = self._call(loops.pairs if len(node.variables) > 1 else loops.elements, over)
        if node.condition is not None:
            items = self._loop(loops.select, items, node.variables, node.condition)
        return self._loop(form.run, items, node.variables, node.body)

    def _loop(
        self,
        run: Callable[..., Any],
        items: ast.expr,
        variables: tuple[str, ...],
        body: Node,
    ) -> ast.expr:
        self._loops += 1
        function = self._body(variables, body)
        self._loops -= 1
        price = 1 + body_size(body) // _NODES_PER_UNIT
        return self._call(run, items, function, load("budget"), PyConstant(price))

    def _body(self, variables: tuple[str, ...], body: Node) -> ast.expr:
        """A lambda of one argument: the variable, or the pair of them."""
        parameter = f"v{len(self._variables)}"
        if len(variables) == 1:
            self._variables[variables[0]] = load(parameter)
        else:
            self._variables |= {
                name: py.subscript(load(parameter), PyConstant(position))
                for position, name in enumerate(variables)
            }
        function = py.lambda_of(self.value(body), parameter)
        for name in variables:
            del self._variables[name]
        return function

    def _priced(
        self, node: Node, run: Callable[..., Any], *arguments: ast.expr, is_metered: bool
    ) -> ast.expr:
        """A call. A metered function is charged by the size of its arguments.

        Outside macros it is charged only in a condition with many searches.
        """
        is_charged = bool(self._loops) or (self._charges_searches and is_search(node))
        if not (is_metered and is_charged):
            return self._call(run, *arguments)
        self._needs_budget = True
        charge = py.attribute(load("budget"), "call" if self._loops else "search")
        return py.call(charge, self._builder.constant(run), *arguments)

    def _call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        return self._builder.call(function, *arguments)
