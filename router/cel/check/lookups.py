"""Look-ups in tables that make a condition an error if the table lacks the key.

A row that is missing reads as a row of nulls. A comparison for equality is false then, as its author
expects. An order, a sum or a method of null is an error, and an error is no match: the rule is silent
about whatever is not in the table. Such a part is reported unless the condition asks for the key or
for null.
"""

from collections.abc import Iterator
from typing import Final

from router.cel import tree
from router.cel.check.checker import TypeProblem
from router.cel.tree import Node, unwrap_lets, walk

_STRICT: Final = frozenset({"<", "<=", ">", ">=", "+", "-", "*", "/", "%"})
_LENIENT_CALLS: Final = frozenset({"type", "dyn"})

_Lookup = tuple[str, str]
"""The table and the column."""


def unguarded_lookups(source: str, root: Node) -> list[TypeProblem]:
    """Return a warning for each part of a condition that fails if a table lacks the key.

    Args:
        source: The condition's text.
        root: Its tree.
    """
    tables = {name for node in walk(root) if (name := _asked_table(node))}
    cells = {cell for node in walk(root) if (cell := _compared_with_null(node))}
    problems: dict[_Lookup, TypeProblem] = {}
    for part, shown in _strict_parts(root, None):
        cell = _cell(part)
        if cell is None or cell[0] in tables or cell in cells or cell in problems:
            continue
        text = source[shown.offset : shown.offset + shown.length]
        problems[cell] = TypeProblem(
            shown.offset,
            shown.length,
            f"`{text}` is null for a key that the table {cell[0]} lacks, which is no match",
            f"write KEY in tables.{cell[0]} && …, or tables.{cell[0]}[?KEY].{cell[1]}.orValue(…)",
            is_warning=True,
        )
    return list(problems.values())


def _strict_parts(node: Node, let: Node | None) -> Iterator[tuple[Node, Node]]:
    """Yield each operand that must not be null, and the node of the condition's own text."""
    operands: tuple[Node, ...] = ()
    match node:
        case tree.Binary(operator=operator, left=left, right=right) if operator in _STRICT:
            operands = (left, right)
        case tree.Call(function=function, arguments=arguments) if function not in _LENIENT_CALLS:
            operands = arguments
        case tree.Negative(operand=operand) | tree.Not(operand=operand):
            operands = (operand,)
        case _:
            pass
    yield from ((operand, let or operand) for operand in operands)
    inner = (let or node) if isinstance(node, tree.Let) else let
    for child in node.children():
        yield from _strict_parts(child, inner)


def _cell(node: Node) -> _Lookup | None:
    """Return table and column of ``tables.NAME[KEY].COLUMN``."""
    node = unwrap_lets(node)
    if not isinstance(node, tree.Field):
        return None
    row = unwrap_lets(node.operand)
    name = _table(row.operand) if isinstance(row, tree.IndexAccess) else None
    return None if name is None else (name, node.name)


def _table(node: Node) -> str | None:
    node = unwrap_lets(node)
    is_table = isinstance(node, tree.Field) and isinstance(
        unwrap_lets(node.operand), tree.ExternalConstant
    )
    return node.name if is_table and isinstance(node, tree.Field) else None


def _asked_table(node: Node) -> str | None:
    return _table(node.right) if isinstance(node, tree.Binary) and node.operator == "in" else None


def _compared_with_null(node: Node) -> _Lookup | None:
    if not isinstance(node, tree.Binary) or node.operator not in {"==", "!="}:
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(other, tree.Literal) and other.value is None:
            return _cell(side)
    return None
