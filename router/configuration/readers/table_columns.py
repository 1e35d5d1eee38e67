"""Recognise an expression that reads a column of a table."""

from typing import Final

from router.cel.tree import ExternalConstant, Field, IndexAccess, Node, unwrap_lets

TABLES: Final = "tables"
"""The name of the tables in conditions."""


def table_column(tree: Node) -> tuple[str, str] | None:
    """Return table and column of ``tables.<table>[…].<column>``, with ``let`` names resolved."""
    column = unwrap_lets(tree)
    row = unwrap_lets(column.operand) if isinstance(column, Field) else None
    table = unwrap_lets(row.operand) if isinstance(row, IndexAccess) else None
    root = unwrap_lets(table.operand) if isinstance(table, Field) else None
    if not isinstance(root, ExternalConstant) or root.name != TABLES:
        return None
    assert isinstance(column, Field)  # noqa: S101 - for the type checker
    assert isinstance(table, Field)  # noqa: S101 - as above
    return table.name, column.name
