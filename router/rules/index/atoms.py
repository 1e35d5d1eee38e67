"""Derives from a condition the tests of single fields that are necessary for it to be true.

An *atom* is a test of one field that a table can answer for many rules at once: the field equals a
constant, is above one, begins with a string, or is present. ``necessary_formula`` converts a
condition's tree to a formula of atoms that is true whenever the condition is, and perhaps more often:

    data.status == "late" && (data.n >= 3 || size(data.tags) > 1)
        AllOf(status == "late", AnyOf(n >= 3, tags is present))

A part that no atom can express becomes ALWAYS. The derivation relies on two facts of the language.
``&&`` and ``||`` absorb errors, and ``!`` swaps true and false, so that a tree is read for one truth
value: "not (a or b)" is true if a is false and b is false. Everything else is strict: an expression
has a value only if each of its operands has one, so that all fields that it reads are present.

An unknown kind of node restricts nothing: a new form of the language costs speed until this module
supports it, but never loses a match.
"""

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from router.cel.searches import charges_searches
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
)
from router.regex import escape


class AnyElement(enum.Enum):
    """The step of a path to each element of a list or each key of a map."""

    ELEMENT = "*"


Path = tuple[str | AnyElement, ...]
"""From the event: ``("data", "status")``. Never empty in an atom."""
Constant = str | int | float | bool | None
"""A constant that an atom compares with: a JSON scalar, but not NaN."""


class Predicate(enum.Enum):
    """The test of a field."""

    EQUAL = "=="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    PREFIX = "starts with"
    PATTERN = "matches"
    """A pattern in RE2 syntax, anywhere in the string."""
    PRESENT = "is present"


def comparable_class(constant: Constant) -> type:
    """Return the class that stands for all constants that the constant may equal.

    Floats count as integers, because CEL compares numbers as numbers. A bool is not a number in
    CEL, although Python has ``True == 1``.
    """
    return int if isinstance(constant, float) else constant.__class__


class Atom(msgspec.Struct, frozen=True, eq=False):
    """A test of one field."""

    path: Path
    predicate: Predicate
    value: Constant = None
    exact: bool = False
    """Whether the condition that it comes from is true if the atom is."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.path, self.predicate, comparable_class(self.value), self.value, self.exact


class AllOf(msgspec.Struct, frozen=True):
    """True if all parts are. Without parts it is ALWAYS."""

    parts: "tuple[Formula, ...]"


class AnyOf(msgspec.Struct, frozen=True):
    """True if a part is. Without parts it is NEVER."""

    parts: "tuple[Formula, ...]"


Formula = Atom | AllOf | AnyOf

ALWAYS: Final = AllOf(())
"""True for every event."""
NEVER: Final = AnyOf(())
"""True for no event."""

_Scope = Mapping[str, Path | None]
"""The fields that the names in an expression stand for. None for a value that is no field."""
_ROOTS: Final[_Scope] = {"event": (), "message": (), "data": ("data",)}

_ORDER: Final = {
    "<": Predicate.BELOW,
    "<=": Predicate.AT_MOST,
    ">": Predicate.ABOVE,
    ">=": Predicate.AT_LEAST,
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_LENIENT_CALLS: Final = frozenset({"or", "orValue"})
"""Calls that may have a value although one of their arguments has none."""
_CLASSES: Final = frozenset({str, int, float, bool, type(None)})
"""Classes of JSON scalars. CEL has more kinds of constants."""
_LITERAL_PREFIX: Final = re.compile(r"\^([\w /:,=@#%&-]+)(?![*?{])(?!.*\|)", re.DOTALL)
"""The literal beginning of an anchored pattern without alternatives."""
_DEPTH_LIMIT: Final = 60
"""Nested nodes that are read."""
_TABLE_LIMIT: Final = 100
"""Elements of a table that become atoms, in each rule that names it."""


def necessary_formula(tree: Node) -> Formula:
    """Return a formula that is true of every event for which the condition is true."""
    formula = _necessary(tree, _ROOTS, truth=True)
    # A condition that may exceed the budget of its searches is an error then, whatever an atom says.
    return _inexact(formula) if charges_searches(tree) else formula


def _necessary(node: Node, scope: _Scope, *, truth: bool, depth: int = 0) -> Formula:
    """Return a formula that is true whenever the node's value is ``truth``."""
    below = depth + 1
    match node:
        case _ if depth > _DEPTH_LIMIT:
            return ALWAYS
        case Literal(value=value):
            return ALWAYS if value is truth else NEVER
        case Let(body=body):
            return _necessary(body, _ROOTS, truth=truth, depth=below)
        case Not(operand=operand):
            return _necessary(operand, scope, truth=not truth, depth=below)
        case Logic(operator=operator, parts=parts):
            formulas = tuple(_necessary(part, scope, truth=truth, depth=below) for part in parts)
            return AllOf(formulas) if (operator == "&&") is truth else AnyOf(formulas)
        case Conditional():
            return _necessary_for_conditional(node, scope, truth=truth, depth=below)
        case Macro(over=over):
            of_element = _necessary_for_macro(node, scope, truth=truth, depth=below)
            return AllOf((_presence(over, scope), of_element))
        case _:
            return _necessary_for_test(node, scope, truth=truth)


def _necessary_for_conditional(
    node: Conditional, scope: _Scope, *, truth: bool, depth: int
) -> Formula:
    branches = []
    for is_true, branch in ((True, node.then), (False, node.otherwise)):
        chosen = _necessary(node.condition, scope, truth=is_true, depth=depth)
        branches.append(AllOf((chosen, _necessary(branch, scope, truth=truth, depth=depth))))
    return AnyOf(tuple(branches))


def _necessary_for_macro(node: Macro, scope: _Scope, *, truth: bool, depth: int) -> Formula:
    """Use that ``exists`` is true, or ``all`` false, only if its body is so of an element."""
    path = _path(node.over, scope)
    if path is None or (node.macro, truth) not in {("exists", True), ("all", False)}:
        return ALWAYS
    # Two variables name no field, because one is the index or key, and the other is an element
    # only if the value is a list.
    element = (*path, AnyElement.ELEMENT) if len(node.variables) == 1 else None
    inner = {**scope, **dict.fromkeys(node.variables, element)}
    # The body's atoms are not exact, because a macro over a long list exceeds its budget.
    return _inexact(_necessary(node.body, inner, truth=truth, depth=depth))


def _necessary_for_test(node: Node, scope: _Scope, *, truth: bool) -> Formula:
    """Return the node's atom if there is one, or else the presence of the fields that it reads."""
    path = _path(node, scope)
    if path:
        return Atom(path, Predicate.EQUAL, truth, exact=True)
    found = _atom(node, scope, truth=truth)
    return _presence(node, scope) if found is None else found


def _atom(node: Node, scope: _Scope, *, truth: bool) -> Formula | None:
    match node:
        case Has(operand=operand, name=name) if truth:
            path = _path(operand, scope)
            return None if path is None else Atom((*path, name), Predicate.PRESENT, exact=True)
        case Binary(operator="==" | "!=" as operator) if (operator == "==") is truth:
            return _equality(node, scope)
        case Binary(operator=operator) if operator in _ORDER:
            return _threshold(node, scope, truth=truth)
        case Binary(operator="in", left=left, right=right) if truth:
            return _membership(left, right, scope)
        case Call(function=function, arguments=(target, Literal(value=str(constant)))) if truth:
            path = _path(target, scope)
            return _string_test(function, path, constant) if path else None
        case _:
            return None


def _equality(node: Binary, scope: _Scope) -> Formula | None:
    for side, other in ((node.left, node.right), (node.right, node.left)):
        path = _path(side, scope)
        constant = _constant(other)
        if path and constant is not None:
            return Atom(path, Predicate.EQUAL, constant.value, exact=True)
    return None


def _threshold(node: Binary, scope: _Scope, *, truth: bool) -> Formula | None:
    """``a < 3``. If it is false, ``a`` is still a number, and at least 3."""
    operator, side, other = node.operator, node.left, node.right
    if _constant(side) is not None:
        operator, side, other = _MIRRORED[operator], other, side
    path, constant = _path(side, scope), _constant(other)
    if not path or constant is None:
        return None
    if constant.value is None or isinstance(constant.value, bool):
        return None
    # Not exact if false, because NaN is neither below 3 nor at least 3.
    predicate = _ORDER[operator if truth else _OPPOSITE[operator]]
    return Atom(path, predicate, constant.value, exact=truth)


def _membership(left: Node, right: Node, scope: _Scope) -> Formula | None:
    path, items = _path(left, scope), _constant_items(right)
    if path and items is not None:
        return AnyOf(tuple(Atom(path, Predicate.EQUAL, item.value, exact=True) for item in items))
    path, constant = _path(right, scope), _constant(left)
    if path is not None and constant is not None:
        # Exact for strings, the common case. Other constants are rare enough to evaluate again.
        exact = isinstance(constant.value, str)
        return Atom((*path, AnyElement.ELEMENT), Predicate.EQUAL, constant.value, exact=exact)
    return None


def _string_test(function: str, path: Path, constant: str) -> Formula | None:
    if function == "startsWith":
        return Atom(path, Predicate.PREFIX, constant, exact=True)
    pattern = _PATTERNS.get(function)
    if pattern is None:
        return None
    prefix = _LITERAL_PREFIX.match(constant) if function == "matches" else None
    if prefix is not None:
        return Atom(path, Predicate.PREFIX, prefix[1])
    return Atom(path, Predicate.PATTERN, pattern(constant))


class _Constant(msgspec.Struct, frozen=True):
    value: Constant


def _constant(node: Node) -> _Constant | None:
    match node:
        case Let(body=body):
            return _constant(body)
        case Literal(value=value) | ExternalConstant(value=value) if _is_constant(value):
            return _Constant(value)
        case _:
            return None


def _is_constant(value: object) -> bool:
    """Exclude NaN, because it equals nothing and cannot be sorted among thresholds."""
    return value.__class__ in _CLASSES and value == value  # noqa: PLR0124


def _constant_items(node: Node) -> list[_Constant] | None:
    """Return the elements of a list of constants. None for another value, or too many elements."""
    match node:
        case Let(body=body):
            return _constant_items(body)
        case ListLiteral(items=nodes, optional=optional) if not optional:
            items = [_constant(item) for item in nodes]
        case ExternalConstant(value=list() | dict() as values) if len(values) <= _TABLE_LIMIT:
            items = [_Constant(value) if _is_constant(value) else None for value in values]
        case _:
            return None
    found = [item for item in items if item is not None]
    return found if len(found) == len(items) else None


_PATTERNS: Final[Mapping[str, Callable[[str], str]]] = {
    "matches": lambda pattern: pattern,
    "contains": escape,
    "endsWith": lambda ending: f"{escape(ending)}\\z",
}


def _presence(node: Node, scope: _Scope) -> Formula:
    """Return the presence of the fields without which the node has no value."""
    return AllOf(tuple(Atom(path, Predicate.PRESENT) for path in _fields_read(node, scope)))


def _fields_read(node: Node, scope: _Scope) -> Iterator[Path]:
    if isinstance(node, Let):
        yield from _fields_read(node.body, _ROOTS)
        return
    path = _path(node, scope)
    if path:
        yield path
    elif path is None:
        for part in _strict_operands(node):
            yield from _fields_read(part, scope)


def _strict_operands(node: Node) -> tuple[Node, ...]:
    """Return the operands without whose values the node has no value."""
    match node:
        case Macro(over=over):
            return (over,)
        case Call(function=function) if function in _LENIENT_CALLS:
            return ()
        case (
            Field()
            | IndexAccess()
            | Has()
            | Not()
            | Negative()
            | Binary()
            | ListLiteral()
            | MapLiteral()
        ):
            return node.children()
        case Call():
            return node.children()
        case _:
            return ()


def _path(node: Node, scope: _Scope) -> Path | None:
    """Return the field that a node reads. None if the node is not just a field."""
    match node:
        case Let(body=body):
            return _path(body, _ROOTS)
        case Name(name=name):
            return scope.get(name)
        case Field(operand=operand, name=name):
            above = _path(operand, scope)
        case IndexAccess(operand=operand, index=Literal(value=str(name))):
            above = _path(operand, scope)
        case _:
            return None
    return None if above is None else (*above, name)


def _inexact(formula: Formula) -> Formula:
    match formula:
        case Atom():
            return msgspec.structs.replace(formula, exact=False)
        case AllOf(parts=parts):
            return AllOf(tuple(map(_inexact, parts)))
        case AnyOf(parts=parts):
            return AnyOf(tuple(map(_inexact, parts)))
