"""Read an entry of the section ``tables`` to a Table, from YAML or a CSV file."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from router.cel import identifier_problem
from router.cel.values import LookupTable
from router.configuration.convert import Converter
from router.configuration.csv_file import Cell, read_csv
from router.configuration.sections import ReadFile
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, Span, YamlDocument
from router.configuration.yaml.scalars import plain_value
from router.quantities import counted
from router.suggestions import suggestion

FILE_LIMIT: Final = 16 << 20
"""Bytes of a CSV file."""
ROWS_LIMIT: Final = 100_000
"""Rows of one table."""
_CSV_FLOAT: Final = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)[eE][-+]?\d+|[-+]\.\d+", re.ASCII)
"""A number that YAML parsers read differently, as spreadsheets write it: ``1E+05``."""
NAME_PATTERN: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"

Row = Mapping[str, Any]
"""The values of one row by column."""


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class TableText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows to look up by a key, in a CSV file or written here."""

    file: Annotated[str, _about("A CSV file in the folder; its first line names the columns.")] = ""
    key: Annotated[str, _about("The column by which rows are looked up.")] = ""
    numbers: Annotated[tuple[str, ...], _about("Columns with numbers; all others have text.")] = ()
    rows: Annotated[dict[str, dict[str, Any]] | None, _about("The rows by their keys.")] = None

    def __post_init__(self) -> None:
        if (self.rows is None) == (not self.file):
            raise ValueError("a table needs either file or rows")
        if self.file and not self.key:
            raise ValueError("file: key is missing, write the column by which rows are looked up")
        if self.rows is not None and (self.key or self.numbers):
            raise ValueError("rows: remove key and numbers, which are for files only")


class Table(msgspec.Struct, frozen=True):
    """A table; ``spans`` has the position of each row, for diagnostics about its values."""

    name: str
    rows: Mapping[str, Row]
    columns: tuple[str, ...]
    document: YamlDocument
    spans: Mapping[str, Span]


def read_table(document: YamlDocument, entry: Entry, read_file: ReadFile) -> Table | None:
    """Return a table; None after reporting its problems to its document."""
    name = entry.key.text
    problem = identifier_problem(name)
    if problem is not None:
        document.report(entry.key.span, problem, "conditions refer to a table by its name")
    converter = Converter(document, NoVariables())
    text = converter.convert(entry.value, TableText, f'table "{name}"')
    if not isinstance(text, TableText):
        return None
    if text.file:
        return _from_file(document, entry, text, read_file)
    rows = text.rows or {}
    node = entry.value.get("rows") if isinstance(entry.value, MapNode) else None
    if len(rows) > ROWS_LIMIT:
        document.report(entry.key.span, f"a table has at most {ROWS_LIMIT} rows")
    columns = dict.fromkeys(column for row in rows.values() for column in row)
    whole = LookupTable({key: {**columns, **row} for key, row in rows.items()}, columns)
    return Table(name, whole, tuple(columns), document, dict(_keys(node)))


def _keys(node: Node | None) -> Iterator[tuple[str, Span]]:
    for entry in node.entries if isinstance(node, MapNode) else ():
        yield entry.key.text, entry.key.span


def _from_file(
    document: YamlDocument, entry: Entry, text: TableText, read_file: ReadFile
) -> Table | None:
    node = entry.value.get("file") if isinstance(entry.value, MapNode) else None
    span = node.span if isinstance(node, Scalar) else entry.key.span
    sheet = read_file(text.file)
    if isinstance(sheet, str):
        document.report(span, f"{text.file}: {sheet}")
        return None
    if not sheet.is_valid:
        return None
    lines = read_csv(sheet)
    header = _header(sheet, next(lines, None))
    if header is None:
        return None
    missing = [column for column in (text.key, *text.numbers) if column not in header]
    for column in missing:
        document.report(span, f'{text.file} has no column "{column}"', suggestion(column, header))
    if missing:
        return None
    rows = _Rows(sheet, header, text)
    rows.add_all(lines)
    if sheet.errors:
        return None
    return Table(entry.key.text, LookupTable(rows.rows, header), tuple(header), sheet, rows.spans)


def _header(sheet: YamlDocument, cells: list[Cell] | None) -> list[str] | None:
    """Return the names of the columns; None after reporting their problems."""
    if cells is None and sheet.is_valid:
        sheet.report(None, "the file is empty", "expected a line with the names of the columns")
    seen: set[str] = set()
    for cell in cells or ():
        if not cell.text:
            sheet.report(cell.span, "this column has no name")
        elif cell.text in seen:
            sheet.report(cell.span, f'the column "{cell.text}" is given twice')
        seen.add(cell.text)
    return [cell.text for cell in cells or ()] if sheet.is_valid else None


class _Rows:
    """Collects the rows below the header."""

    def __init__(self, sheet: YamlDocument, columns: list[str], text: TableText) -> None:
        self._sheet = sheet
        self._columns = columns
        self._key = columns.index(text.key)
        self._numbers = [columns.index(column) for column in text.numbers]
        self.rows: dict[str, Row] = {}
        self.spans: dict[str, Span] = {}

    def add_all(self, lines: Iterator[list[Cell]]) -> None:
        for number, cells in enumerate(lines):
            if number == ROWS_LIMIT:
                self._sheet.report(cells[0].span, f"a table has at most {ROWS_LIMIT} rows")
            if number == ROWS_LIMIT or self._sheet.is_full:
                return
            self._add(cells)

    def _add(self, cells: list[Cell]) -> None:
        if len(cells) != len(self._columns):
            message = f"this row has {counted(len(cells), 'cell')}, expected {len(self._columns)} as in the first line"
            self._sheet.report(cells[0].span, message)
            return
        key = cells[self._key]
        if not key.text:
            self._sheet.report(
                key.span, f'this row has no value in the key column "{self._columns[self._key]}"'
            )
        elif key.text in self.rows:
            first = self._sheet.line(self.spans[key.text].start)
            message = f'the key "{key.text}" is given twice'
            self._sheet.report(key.span, message, f"first on line {first}")
        row: dict[str, Any] = {
            column: cell.text for column, cell in zip(self._columns, cells, strict=True)
        }
        for index in self._numbers:
            row[self._columns[index]] = self._number(cells[index], self._columns[index])
        self.rows[key.text] = row
        self.spans.setdefault(key.text, key.span)

    def _number(self, cell: Cell, column: str) -> Any:
        """Return the number in a cell, None for an empty cell."""
        text = cell.text.strip()
        if _CSV_FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        value = plain_value(text)
        if cell.text and (isinstance(value.value, bool | str | None) or value.trap):
            shown = cell.text[:60]
            self._sheet.report(cell.span, f'{column}: expected a number, found "{shown}"')
        return value.value
