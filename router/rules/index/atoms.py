"""Condition -> what must hold of single fields for it to be true.

An *atom* is a test of one field that a table can answer for many rules at once: it is equal to a
constant, above one, begins with a text, is there at all. ``necessary`` turns a condition's tree
into a formula of atoms that is true whenever the condition is, and perhaps more often:

    data.status == "late" && (data.n >= 3 || size(data.tags) > 1)
        AllOf(status == "late", AnyOf(n >= 3, tags is there))

What no atom can say is ALWAYS. Two facts of the language carry it. ``&&`` and ``||`` absorb errors,
and ``!`` swaps true and false, so a tree is read with the truth that is asked of it: "not (a or b)"
is "a is false and b is false". All else is strict: an expression has a value only if each of its
parts has, so whatever it compares, the fields that it reads are there.

A node that is not known here restricts nothing: a new form of the language costs speed until this
module learns it, never a match.
"""

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
import re2

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


class AnyElement(enum.Enum):
    """The step of a path that stands for each element of a list, or each key of a map."""

    ELEMENT = "*"


Path = tuple[str | AnyElement, ...]
"""From the event down: ``("data", "status")``; never empty in an atom."""
Constant = str | int | float | bool | None


class Predicate(enum.Enum):
    """What is asked of a field."""

    EQUAL = "=="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    PREFIX = "begins with"
    PATTERN = "matches"
    """In RE2 syntax, anywhere in the text."""
    PRESENT = "is there"


def comparable_class(constant: Constant) -> type:
    """Return the class that stands for all constants that the constant may equal.

    Floats count as integers, because CEL compares numbers as numbers. A bool is not a number in
    CEL, although Python has ``True == 1``.
    """
    return int if isinstance(constant, float) else constant.__class__


class Atom(msgspec.Struct, frozen=True, eq=False):
    """A test of one field. ``exact``: the condition that it comes from is true if it is."""

    path: Path
    test: Predicate
    value: Constant = None
    exact: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.path, self.test, comparable_class(self.value), self.value, self.exact


class AllOf(msgspec.Struct, frozen=True):
    """AnyElement part holds. Of no parts: nothing is known (ALWAYS)."""

    parts: "tuple[Formula, ...]"


class AnyOf(msgspec.Struct, frozen=True):
    """A part holds. Of no parts: it is never true (NEVER)."""

    parts: "tuple[Formula, ...]"


Formula = Atom | AllOf | AnyOf

ALWAYS: Final = AllOf(())
NEVER: Final = AnyOf(())

_Scope = Mapping[str, Path | None]
"""What the names in an expression stand for; None for a value that is no field."""
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
"""They have a value where one of their arguments has none."""
_CLASSES: Final = frozenset({str, int, float, bool, type(None)})
"""Of constants that JSON can hold; CEL has more."""
_BEGINNING: Final = re.compile(r"\^([\w /:,=@#%&-]+)(?![*?{])(?!.*\|)", re.DOTALL)
"""Of a pattern without alternatives that stands at the beginning of the text."""
_DEPTH_LIMIT: Final = 60
"""Nodes within nodes that are looked into."""
_TABLE_LIMIT: Final = 100
"""Elements of a table that become atoms, in each rule that names it."""


def necessary(tree: Node) -> Formula:
    """What holds of single fields whenever the condition is true."""
    return _need(tree, _ROOTS, truth=True)


def _need(node: Node, scope: _Scope, *, truth: bool, depth: int = 0) -> Formula:
    """What holds whenever the node's value is ``truth``. ``depth``: how far below the root."""
    below = depth + 1
    match node:
        case _ if depth > _DEPTH_LIMIT:
            return ALWAYS
        case Literal(value=value):
            return ALWAYS if value is truth else NEVER
        case Let(body=body):
            return _need(body, _ROOTS, truth=truth, depth=below)
        case Not(operand=operand):
            return _need(operand, scope, truth=not truth, depth=below)
        case Logic(operator=operator, parts=parts):
            needs = tuple(_need(part, scope, truth=truth, depth=below) for part in parts)
            return AllOf(needs) if (operator == "&&") is truth else AnyOf(needs)
        case Conditional():
            return _need_of_choice(node, scope, truth=truth, depth=below)
        case Macro(over=over):
            turn = _need_of_macro(node, scope, truth=truth, depth=below)
            return AllOf((_there(over, scope), turn))
        case _:
            return _need_of_leaf(node, scope, truth=truth)


def _need_of_choice(node: Conditional, scope: _Scope, *, truth: bool, depth: int) -> Formula:
    ways = []
    for way, branch in ((True, node.then), (False, node.otherwise)):
        chosen = _need(node.condition, scope, truth=way, depth=depth)
        ways.append(AllOf((chosen, _need(branch, scope, truth=truth, depth=depth))))
    return AnyOf(tuple(ways))


def _need_of_macro(node: Macro, scope: _Scope, *, truth: bool, depth: int) -> Formula:
    """``exists`` is true if one element makes the body true, ``all`` false if one makes it so."""
    path = _path(node.over, scope)
    if path is None or (node.macro, truth) not in {("exists", True), ("all", False)}:
        return ALWAYS
    # With two, the one is the index or key, and the other only in a list the element.
    one = len(node.variables) == 1
    inner = {**scope, **dict.fromkeys(node.variables, (*path, AnyElement.ELEMENT) if one else None)}
    # The body's atoms do not decide: a macro over a long list is out of its budget of turns.
    return _inexact(_need(node.body, inner, truth=truth, depth=depth))


def _need_of_leaf(node: Node, scope: _Scope, *, truth: bool) -> Formula:
    """An atom, if one says it; else that the fields that the node reads are there."""
    path = _path(node, scope)
    if path:
        return Atom(path, Predicate.EQUAL, truth, exact=True)
    found = _atom(node, scope, truth=truth)
    return _there(node, scope) if found is None else found


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
        case Call(function=function, arguments=(text, Literal(value=str(constant)))) if truth:
            path = _path(text, scope)
            return _text_test(function, path, constant) if path else None
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
    """``a < 3``; where it is false, ``a`` is a number still, and at least 3."""
    operator, side, other = node.operator, node.left, node.right
    if _constant(side) is not None:
        operator, side, other = _MIRRORED[operator], other, side
    path, constant = _path(side, scope), _constant(other)
    if not path or constant is None:
        return None
    if constant.value is None or isinstance(constant.value, bool):
        return None
    # Not exact when false: NaN is neither below 3 nor at least 3.
    test = _ORDER[operator if truth else _OPPOSITE[operator]]
    return Atom(path, test, constant.value, exact=truth)


def _membership(left: Node, right: Node, scope: _Scope) -> Formula | None:
    path, items = _path(left, scope), _constant_items(right)
    if path and items is not None:
        return AnyOf(tuple(Atom(path, Predicate.EQUAL, item.value, exact=True) for item in items))
    path, constant = _path(right, scope), _constant(left)
    if path is not None and constant is not None:
        # A long list is compared with a text, but not with anything else.
        exact = isinstance(constant.value, str)
        return Atom((*path, AnyElement.ELEMENT), Predicate.EQUAL, constant.value, exact=exact)
    return None


def _text_test(function: str, path: Path, constant: str) -> Formula | None:
    if function == "startsWith":
        return Atom(path, Predicate.PREFIX, constant, exact=True)
    pattern = _PATTERNS.get(function)
    if pattern is None:
        return None
    beginning = _BEGINNING.match(constant) if function == "matches" else None
    if beginning is not None:
        return Atom(path, Predicate.PREFIX, beginning[1])
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
    """Not NaN, which equals nothing and has no place among thresholds."""
    return value.__class__ in _CLASSES and value == value  # noqa: PLR0124


def _constant_items(node: Node) -> list[_Constant] | None:
    """The elements of a list of constants; None for another value, or too many of them."""
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
    "contains": re2.escape,
    "endsWith": lambda ending: f"{re2.escape(ending)}\\z",
}


def _there(node: Node, scope: _Scope) -> Formula:
    """The fields without which the node has no value."""
    return AllOf(tuple(Atom(path, Predicate.PRESENT) for path in _read(node, scope)))


def _read(node: Node, scope: _Scope) -> Iterator[Path]:
    if isinstance(node, Let):
        yield from _read(node.body, _ROOTS)
        return
    path = _path(node, scope)
    if path:
        yield path
    elif path is None:
        for part in _strict_parts(node):
            yield from _read(part, scope)


def _strict_parts(node: Node) -> tuple[Node, ...]:
    """The parts without whose values the node has none."""
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
    """The field that a node reads, None where it is not just a field."""
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
