"""Types of logic, comparisons and arithmetic; reports of comparisons that are never true."""

from collections.abc import Callable, Mapping
from typing import Final

from router.cel import tree
from router.cel.check.checker import Checker, list_names, one_of, type_name
from router.cel.check.types import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    LIST,
    NUMBERS,
    STRING,
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
    """Check ``a && b`` or ``a || b``."""
    for part in node.parts:
        check.bool(part)
    return BOOL


def negation(check: Checker, node: tree.Not) -> Type:
    """Check ``!a``."""
    return check.bool(node.operand)


def conditional(check: Checker, node: tree.Conditional) -> Type:
    """Return the type of ``a ? b : c``."""
    check.bool(node.condition)
    return either([check.type(node.then), check.type(node.otherwise)])


def choice(check: Checker, node: Node, choices: tuple[str, ...]) -> None:
    """Report the parts of a value that are never one of these texts."""
    if isinstance(node, tree.Conditional):
        check.bool(node.condition)
        choice(check, node.then, choices)
        choice(check, node.otherwise, choices)
        return
    found = check.type(node)
    wanted = one_of(choices)
    if not found.can_be(TypeKind.STRING, TypeKind.NULL):
        check.report(node, f"{check.is_a(node, found)}, not {wanted}")
    elif found.enum and set(found.enum).isdisjoint(choices):
        is_literal = isinstance(node, tree.Literal)
        near = closest_match(found.enum[0], choices) if is_literal else None
        hint = "" if is_literal else list_names("it is one of", found.enum)
        message = f"{check.source_of(node)} is {'not' if is_literal else 'never'} {wanted}"
        check.report(node, message, f'did you mean "{near}"?' if near else hint)


def binary(check: Checker, node: tree.Binary) -> Type:
    """Return the type of an operator with two operands, other than && and ||."""
    return _OPERATORS[node.operator](check, node, check.type(node.left), check.type(node.right))


def _equality(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    _compare(check, node, (node.left, left), (node.right, right))
    return BOOL


_Typed = tuple[Node, Type]


def _compare(check: Checker, node: Node, one: _Typed, other: _Typed) -> None:
    """Report a comparison of values that are never equal."""
    if not _same_kind(one[1], other[1]):
        check.report(
            node,
            f"{check.is_a(*one)} and {check.is_a(*other)}, they are never equal",
            _conversion(check, one, other),
        )
        return
    for (literal, its_type), (field, all_values) in ((one, other), (other, one)):
        if not isinstance(literal, tree.Literal) or isinstance(field, tree.Literal):
            continue
        if _is_not_in_enum(its_type, all_values):
            _report_unknown_value(check, literal, field, all_values.enum)


def _is_not_in_enum(literal: Type, field: Type) -> bool:
    """Return whether a literal is not among the strings that a field may be."""
    return bool(literal.enum and field.enum) and literal.enum[0] not in field.enum


def _report_unknown_value(
    check: Checker,
    literal: tree.Literal,
    field: Node,
    enum: tuple[str, ...],
    verb: str = "is never",
) -> None:
    near = closest_match(str(literal.value), enum)
    hint = f'did you mean "{near}"?' if near else list_names("it is one of", enum)
    unchecked = ""
    if isinstance(field, tree.Field):
        unchecked = f' ({check.source_of(field.operand)}["{field.name}"] is not checked)'
    message = f"{check.source_of(field)} {verb} {check.source_of(literal)}"
    check.report(literal, message, hint + unchecked)


def _same_kind(one: Type, other: Type) -> bool:
    # null is comparable with any type, because Twilio writes it for "not applicable" in any field.
    if TypeKind.NULL in {one.kind, other.kind} or (one.nullable and other.nullable):
        return True
    if one.kind in NUMBERS and other.kind in NUMBERS:
        return True
    return one.can_be(other.kind) if other.is_known else True


def _conversion(check: Checker, one: _Typed, other: _Typed) -> str:
    """Return a hint: how to convert one side to the type of the other, or ``""``."""
    return _converted(check, one, other[1]) or _converted(check, other, one[1])


def _converted(check: Checker, side: _Typed, wanted: Type) -> str:
    node, found = side
    if found.kind is TypeKind.OPTIONAL:
        return f"write {check.source_of(node)}.orValue(…)"
    maker = _MAKERS.get(wanted.kind)
    if maker is not None and found.kind is TypeKind.STRING:
        return f"write {maker}({check.source_of(node)})"
    return _converted_literal(check, node, wanted) if isinstance(node, tree.Literal) else ""


_MAKERS: Final = {TypeKind.TIMESTAMP: "timestamp", TypeKind.DURATION: "duration"}


def _converted_literal(check: Checker, node: tree.Literal, wanted: Type) -> str:
    if wanted.kind is TypeKind.STRING and not isinstance(node.value, str):
        if wanted.enum:
            return list_names("it is one of", wanted.enum)
        return f'write "{check.source_of(node)}" for text'
    text = node.value if isinstance(node.value, str) else ""
    is_number = wanted.kind in NUMBERS and text.strip("-").replace(".", "", 1).isdecimal()
    is_bool = wanted.kind is TypeKind.BOOL and text in {"true", "false"}
    return f"write {text} without quotes" if is_number or is_bool else ""


def _ordering(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    is_ordered = any(left.can_be(kind) and right.can_be(kind) for kind in _ORDERED)
    if not is_ordered:
        typed = (node.left, left), (node.right, right)
        check.report(
            node,
            f"{check.is_a(*typed[0])} and {check.is_a(*typed[1])}, `{node.operator}` is never true",
            _conversion(check, *typed),
        )
    return BOOL


_ORDERED: Final = (
    TypeKind.NUMBER,
    TypeKind.STRING,
    TypeKind.BOOL,
    TypeKind.BYTES,
    TypeKind.TIMESTAMP,
    TypeKind.DURATION,
)


def _membership(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    if not right.can_be(TypeKind.LIST, TypeKind.MAP):
        hint = ""
        if right.kind is TypeKind.STRING:
            hint = f"write {check.source_of(node.right)}.contains({check.source_of(node.left)})"
        check.report(node, f"{check.is_a(node.right, right)}, `in` searches a list or map", hint)
    elif isinstance(node.right, tree.ListLiteral):
        for item in node.right.items:
            _compare(check, item, (node.left, left), (item, check.type(item)))
    elif right.kind is TypeKind.LIST and right.item is not None:
        _compare_with_elements(check, node, left, right.item)
    return BOOL


def _compare_with_elements(check: Checker, node: tree.Binary, left: Type, item: Type) -> None:
    """Report a value that a list never contains."""
    if not _same_kind(left, item):
        message = f"{check.is_a(node.left, left)}, {check.source_of(node.right)} contains only"
        check.report(
            node, f"{message} {type_name(item)}", _converted(check, (node.left, left), item)
        )
    elif isinstance(node.left, tree.Literal) and _is_not_in_enum(left, item):
        _report_unknown_value(check, node.left, node.right, item.enum, "never contains")


_Row = tuple[TypeKind, TypeKind, Type]
_NUMBER_ROWS: Final[tuple[_Row, ...]] = (
    (TypeKind.INT, TypeKind.INT, INT),
    (TypeKind.UINT, TypeKind.UINT, UINT),
    (TypeKind.DOUBLE, TypeKind.DOUBLE, DOUBLE),
)
_ROWS: Final[Mapping[str, tuple[_Row, ...]]] = {
    "+": (
        *_NUMBER_ROWS,
        (TypeKind.STRING, TypeKind.STRING, STRING),
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
"""The types of the left operand, the right operand and the result."""
_TAKES: Final = {
    "+": "numbers, texts, lists and times",
    "-": "numbers and times",
    "*": "numbers",
    "/": "numbers",
    "%": "whole numbers",
}


def _arithmetic(check: Checker, node: tree.Binary, left: Type, right: Type) -> Type:
    rows = _ROWS[node.operator]
    results = [result for one, other, result in rows if left.can_be(one) and right.can_be(other)]
    if LIST in results and TypeKind.LIST in {left.kind, right.kind}:
        return list_of(either((left.item or ANY, right.item or ANY)))
    if results:
        return either(results)
    for operand, found, side in ((node.left, left, 0), (node.right, right, 1)):
        if not any(found.can_be((one, other)[side]) for one, other, _ in rows):
            message = f"{check.source_of(operand)} is {found.kind.value}"
            check.report(node, f"{message}, `{node.operator}` takes {_TAKES[node.operator]}")
            return ANY
    if left.kind in NUMBERS and right.kind in NUMBERS:
        check.report(
            node,
            f"`{node.operator}` does not mix {left.kind.value} with {right.kind.value}",
            _converted_number(check, node, left),
        )
    else:
        message = f"{check.is_a(node.left, left)} and {check.is_a(node.right, right)}"
        check.report(node, f"{message}, `{node.operator}` takes two of a kind")
    return ANY


def _converted_number(check: Checker, node: tree.Binary, left: Type) -> str:
    """Return a hint: how to write one number in the type of the other."""
    for side in (node.right, node.left):
        if (
            isinstance(side, tree.Literal)
            and isinstance(side.value, float)
            and side.value.is_integer()
        ):
            return f"write {int(side.value)}"
        if isinstance(side, tree.Literal) and side.value.__class__ is int:
            return f"write {check.source_of(side)}.0"
    whole = node.left if left.kind is TypeKind.INT else node.right
    return f"write double({check.source_of(whole)})"


def negative(check: Checker, node: tree.Negative) -> Type:
    """Return the type of ``-a``."""
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
