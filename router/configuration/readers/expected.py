"""Read ``expected`` of ``absent``: a table whose rows are awaited even if none of their events came."""

import re
from collections.abc import Mapping
from typing import Final

from router.configuration.readers.tables import Table
from router.configuration.yaml.document import ListNode, Node, Scalar, YamlDocument
from router.rules.state.table_rows import ExpectedRows
from router.suggestions import suggestion

_FIELD: Final = re.compile(r"data((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")
_TABLES: Final = "tables."


def read_expected(
    page: YamlDocument,
    node: Scalar,
    by: Node | None,
    tables: Mapping[str, Table | None] | None,
) -> ExpectedRows | None:
    """Return the rows; None after reporting what is wrong to the document.

    Args:
        page: The document.
        node: The name of the table.
        by: The list of expressions of the same feature.
        tables: By name, None for a table with errors; None if not all of them are known.
    """
    names = (
        [each.text.strip() for each in by.items if isinstance(each, Scalar)]
        if isinstance(by, ListNode)
        else []
    )
    field = _FIELD.fullmatch(names[0]) if len(names) == 1 else None
    if field is None:
        message = "expected needs one field of data in by, which has the keys of the table"
        page.report((by or node).span, message, "write for example by: [data.host]")
        return None
    name = node.text.removeprefix(_TABLES)
    # Any other text is reported by the Struct.
    if tables is None or not node.text.startswith(_TABLES) or not name.isidentifier():
        return None
    if name not in tables:
        page.report(node.span, f'there is no table "{name}"', suggestion(name, tables))
        return None
    table = tables[name]
    return None if table is None else ExpectedRows.of(table.rows, tuple(field[1][1:].split(".")))
