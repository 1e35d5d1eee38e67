"""Types of logic, comparisons and arithmetic, and what of them can never be."""

from collections.abc import Callable, Mapping
from typing import Final

from router.cel import tree
from router.cel.check.checker import Checker, choice, described
from router.cel.check.types import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    LIST,
    NUMBERS,
    TEXT,
    TIMESTAMP,
    UINT,
    Type,
    TypeKind,
    either,
    list_of,
)
from router.cel.tree import Node
from router.suggestions import closest_match


def logic(check: Checker, node: tree.Logic) -> Type:
    for part in node.parts:
        check.bool(part)
    return BOOL


def negation(check: Checker, node: tree.Not) -> Type:
    return check.bool(node.operand)


def ternary(check: Checker, node: tree.Conditional) -> Type:
    check.bool(node.condition)
    return either([check.type(node.then), check.type(node.otherwise)])


def binary(check: Checker, node: tree.Binary) -> Type:
    return _OPERATORS[node.operator](check, node, check.type(node.left), check.type(node.right))


def _equality(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    _compare(check, node, (node.left, left), (node.right, right))
    return BOOL


_Typed = tuple[Node, Type]


def _compare(check: Checker, node: Node, one: _Typed, other: _Typed) -> None:
    """Report what is never equal."""
    if not _same_kind(one[1], other[1]):
        check.report(
            node,
            f"{check.is_a(*one)} and {check.is_a(*other)}, they are never equal",
            _respelling(check, one, other),
        )
        return
    for (word, its_words), (text, all_words) in ((one, other), (other, one)):
        if not isinstance(word, tree.Literal) or isinstance(text, tree.Literal):
            continue
        if _is_unknown(its_words, all_words):
            _unknown_word(check, word, text, all_words.words)


def _is_unknown(word: Type, text: Type) -> bool:
    """Whether a literal is none of the words that a text may be."""
    return bool(word.words and text.words) and word.words[0] not in text.words


def _unknown_word(
    check: Checker,
    word: tree.Literal,
    text: Node,
    words: tuple[str, ...],
    verb: str = "is never",
) -> None:
    near = closest_match(str(word.value), words)
    hint = f'did you mean "{near}"?' if near else choice("it is one of", words)
    hatch = ""
    if isinstance(text, tree.Field):
        hatch = f' ({check.written(text.operand)}["{text.name}"] is not checked)'
    check.report(word, f"{check.written(text)} {verb} {check.written(word)}", hint + hatch)


def _same_kind(one: Type, other: Type) -> bool:
    # null stands for "not applicable" wherever Twilio likes, so it is compared with anything.
    if TypeKind.NULL in {one.kind, other.kind} or (one.nullable and other.nullable):
        return True
    if one.kind in NUMBERS and other.kind in NUMBERS:
        return True
    return one.can_be(other.kind) if other.is_known else True


def _respelling(check: Checker, one: _Typed, other: _Typed) -> str:
    """How one side would be written so that it fits the other; ``""`` where that is not plain."""
    return _fitted(check, one, other[1]) or _fitted(check, other, one[1])


def _fitted(check: Checker, side: _Typed, wanted: Type) -> str:
    node, found = side
    if found.kind is TypeKind.OPTIONAL:
        return f"write {check.written(node)}.orValue(…)"
    maker = _MAKERS.get(wanted.kind)
    if maker is not None and found.kind is TypeKind.TEXT:
        return f"write {maker}({check.written(node)})"
    return _fitted_literal(check, node, wanted) if isinstance(node, tree.Literal) else ""


_MAKERS: Final = {TypeKind.TIMESTAMP: "timestamp", TypeKind.DURATION: "duration"}


def _fitted_literal(check: Checker, node: tree.Literal, wanted: Type) -> str:
    if wanted.kind is TypeKind.TEXT and not isinstance(node.value, str):
        if wanted.words:
            return choice("it is one of", wanted.words)
        return f'write "{check.written(node)}" for text'
    text = node.value if isinstance(node.value, str) else ""
    is_number = wanted.kind in NUMBERS and text.strip("-").replace(".", "", 1).isdecimal()
    is_bool = wanted.kind is TypeKind.BOOL and text in {"true", "false"}
    return f"write {text} without quotes" if is_number or is_bool else ""


def _ordering(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    fits = any(left.can_be(kind) and right.can_be(kind) for kind in _ORDERED)
    if not fits:
        typed = (node.left, left), (node.right, right)
        check.report(
            node,
            f"{check.is_a(*typed[0])} and {check.is_a(*typed[1])}, `{node.operator}` never holds",
            _respelling(check, *typed),
        )
    return BOOL


_ORDERED: Final = (
    TypeKind.NUMBER,
    TypeKind.TEXT,
    TypeKind.BOOL,
    TypeKind.BYTES,
    TypeKind.TIMESTAMP,
    TypeKind.DURATION,
)


def _membership(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    if not right.can_be(TypeKind.LIST, TypeKind.MAP):
        hint = ""
        if right.kind is TypeKind.TEXT:
            hint = f"write {check.written(node.right)}.contains({check.written(node.left)})"
        check.report(node, f"{check.is_a(node.right, right)}, `in` looks into a list or map", hint)
    elif isinstance(node.right, tree.ListLiteral):
        for item in node.right.items:
            _compare(check, item, (node.left, left), (item, check.type(item)))
    elif right.kind is TypeKind.LIST and right.item is not None:
        _compare_with_elements(check, node, left, right.item)
    return BOOL


def _compare_with_elements(check: Checker, node: tree.Binary, left: Type, item: Type) -> None:
    """Report what a list never holds."""
    if not _same_kind(left, item):
        message = f"{check.is_a(node.left, left)}, {check.written(node.right)} holds only"
        check.report(node, f"{message} {described(item)}", _fitted(check, (node.left, left), item))
    elif isinstance(node.left, tree.Literal) and _is_unknown(left, item):
        _unknown_word(check, node.left, node.right, item.words, "never holds")


_Row = tuple[TypeKind, TypeKind, Type]
_NUMBER_ROWS: Final[tuple[_Row, ...]] = (
    (TypeKind.INT, TypeKind.INT, INT),
    (TypeKind.UINT, TypeKind.UINT, UINT),
    (TypeKind.DOUBLE, TypeKind.DOUBLE, DOUBLE),
)
_ROWS: Final[Mapping[str, tuple[_Row, ...]]] = {
    "+": (
        *_NUMBER_ROWS,
        (TypeKind.TEXT, TypeKind.TEXT, TEXT),
        (TypeKind.BYTES, TypeKind.BYTES, BYTES),
        (TypeKind.LIST, TypeKind.LIST, LIST),
        (TypeKind.TIMESTAMP, TypeKind.DURATION, TIMESTAMP),
        (TypeKind.DURATION, TypeKind.TIMESTAMP, TIMESTAMP),
        (TypeKind.DURATION, TypeKind.DURATION, DURATION),
    ),
    "-": (
        *_NUMBER_ROWS,
        (TypeKind.TIMESTAMP, TypeKind.TIMESTAMP, DURATION),
        (TypeKind.TIMESTAMP, TypeKind.DURATION, TIMESTAMP),
        (TypeKind.DURATION, TypeKind.DURATION, DURATION),
    ),
    "*": _NUMBER_ROWS,
    "/": _NUMBER_ROWS,
    "%": _NUMBER_ROWS[:2],
}
"""What each operator takes, left and right, and gives."""
_TAKES: Final = {
    "+": "numbers, texts, lists and times",
    "-": "numbers and times",
    "*": "numbers",
    "/": "numbers",
    "%": "whole numbers",
}


def _arithmetic(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    rows = _ROWS[node.operator]
    fitting = [made for one, other, made in rows if left.can_be(one) and right.can_be(other)]
    if LIST in fitting and TypeKind.LIST in {left.kind, right.kind}:
        return list_of(either((left.item or ANY, right.item or ANY)))
    if fitting:
        return either(fitting)
    for operand, found, side in ((node.left, left, 0), (node.right, right, 1)):
        if not any(found.can_be((one, other)[side]) for one, other, _ in rows):
            message = f"{check.written(operand)} is {found.kind.value}"
            check.report(node, f"{message}, `{node.operator}` takes {_TAKES[node.operator]}")
            return ANY
    if left.kind in NUMBERS and right.kind in NUMBERS:
        check.report(
            node,
            f"`{node.operator}` does not mix {left.kind.value} with {right.kind.value}",
            _respelt(check, node, left),
        )
    else:
        message = f"{check.is_a(node.left, left)} and {check.is_a(node.right, right)}"
        check.report(node, f"{message}, `{node.operator}` takes two of a kind")
    return ANY


def _respelt(check: Checker, node: tree.Binary, left: Type) -> str:
    """How one number would be written in the other's manner."""
    for side in (node.right, node.left):
        if (
            isinstance(side, tree.Literal)
            and isinstance(side.value, float)
            and side.value.is_integer()
        ):
            return f"write {int(side.value)}"
        if isinstance(side, tree.Literal) and side.value.__class__ is int:
            return f"write {check.written(side)}.0"
    whole = node.left if left.kind is TypeKind.INT else node.right
    return f"write double({check.written(whole)})"


def negative(check: Checker, node: tree.Negative) -> Type:
    found = check.type(node.operand)
    if not found.can_be(TypeKind.INT, TypeKind.DOUBLE, TypeKind.DURATION):
        check.report(node, f"{check.is_a(node.operand, found)}, `-` takes a number")
        return ANY
    return found


_Operator = Callable[[Checker, tree.Binary, Type, Type], Type]
_OPERATORS: Final[Mapping[str, _Operator]] = {
    **dict.fromkeys(("==", "!="), _equality),
    **dict.fromkeys(("<", "<=", ">", ">="), _ordering),
    **dict.fromkeys(("+", "-", "*", "/", "%"), _arithmetic),
    "in": _membership,
}
