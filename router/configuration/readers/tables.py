"""An entry of the section ``tables`` -> a Table: rows by key, from the YAML itself or a CSV file."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from router.cel import identifier_problem
from router.configuration.convert import Converter
from router.configuration.csv_file import Cell, read_csv
from router.configuration.sections import ReadFile
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, Span, YamlDocument
from router.configuration.yaml.scalars import plain_value
from router.suggestions import suggestion

FILE_LIMIT: Final = 16 << 20
"""Bytes of a CSV file."""
ROWS_LIMIT: Final = 100_000
NAME_PATTERN: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"

Row = Mapping[str, Any]


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class TableText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows to look up by a key: in a CSV file, or written out."""

    file: Annotated[str, _about("A CSV file in the folder; its first line names the columns.")] = ""
    key: Annotated[str, _about("The column that rows are looked up by.")] = ""
    numbers: Annotated[
        tuple[str, ...], _about("Columns that hold numbers; the others hold text.")
    ] = ()
    rows: Annotated[dict[str, dict[str, Any]] | None, _about("The rows, each below its key.")] = (
        None
    )

    def __post_init__(self) -> None:
        if (self.rows is None) == (not self.file):
            raise ValueError("a table needs either a file or rows")
        if self.file and not self.key:
            raise ValueError("file: needs the key, too: the column that rows are looked up by")
        if self.rows is not None and (self.key or self.numbers):
            raise ValueError("rows: stand below their keys, key and numbers are for files")


class Table(msgspec.Struct, frozen=True):
    """``places`` says of each row where it stands, for those who find something wrong with it."""

    name: str
    rows: Mapping[str, Row]
    columns: tuple[str, ...]
    document: YamlDocument
    places: Mapping[str, Span]


def read_table(document: YamlDocument, entry: Entry, read_file: ReadFile) -> Table | None:
    """One table, or None where something is wrong; that is reported to its document."""
    name = entry.key.text
    problem = identifier_problem(name)
    if problem is not None:
        document.report(entry.key.span, problem, "a table's name stands in conditions")
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
    return Table(name, rows, tuple(columns), document, dict(_keys(node)))


def _keys(node: Node | None) -> Iterator[tuple[str, Span]]:
    for entry in node.entries if isinstance(node, MapNode) else ():
        yield entry.key.text, entry.key.span


def _from_file(
    document: YamlDocument, entry: Entry, text: TableText, read_file: ReadFile
) -> Table | None:
    place = entry.value.get("file") if isinstance(entry.value, MapNode) else None
    span = place.span if isinstance(place, Scalar) else entry.key.span
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
    rows.take_all(lines)
    if sheet.errors:
        return None
    return Table(entry.key.text, rows.rows, tuple(header), sheet, rows.places)


def _header(sheet: YamlDocument, cells: list[Cell] | None) -> list[str] | None:
    """The names of the columns, or None where something is wrong with them."""
    if cells is None and sheet.is_valid:
        sheet.report(None, "the file is empty", "expected a line with the names of the columns")
    seen: set[str] = set()
    for cell in cells or ():
        if not cell.text:
            sheet.report(cell.span, "a column needs a name")
        elif cell.text in seen:
            sheet.report(cell.span, f'the column "{cell.text}" is given twice')
        seen.add(cell.text)
    return [cell.text for cell in cells or ()] if sheet.is_valid else None


class _Rows:
    """Takes the rows below the header one by one."""

    def __init__(self, sheet: YamlDocument, columns: list[str], text: TableText) -> None:
        self._sheet = sheet
        self._columns = columns
        self._key = columns.index(text.key)
        self._numbers = [columns.index(column) for column in text.numbers]
        self.rows: dict[str, Row] = {}
        self.places: dict[str, Span] = {}

    def take_all(self, lines: Iterator[list[Cell]]) -> None:
        for number, cells in enumerate(lines):
            if number == ROWS_LIMIT:
                self._sheet.report(cells[0].span, f"a table has at most {ROWS_LIMIT} rows")
            if number == ROWS_LIMIT or self._sheet.is_full:
                return
            self._take(cells)

    def _take(self, cells: list[Cell]) -> None:
        if len(cells) != len(self._columns):
            message = f"this row has {len(cells)} cells, the first line names {len(self._columns)}"
            self._sheet.report(cells[0].span, message)
            return
        key = cells[self._key]
        if not key.text:
            self._sheet.report(key.span, f'this row has no "{self._columns[self._key]}"')
        elif key.text in self.rows:
            first = self._sheet.line(self.places[key.text].start)
            message = f'the key "{key.text}" is given twice'
            self._sheet.report(key.span, message, f"first on line {first}")
        row: dict[str, Any] = {
            column: cell.text for column, cell in zip(self._columns, cells, strict=True)
        }
        for index in self._numbers:
            row[self._columns[index]] = self._number(cells[index], self._columns[index])
        self.rows[key.text] = row
        self.places.setdefault(key.text, key.span)

    def _number(self, cell: Cell, column: str) -> Any:
        """A number, or null for an empty cell."""
        value = plain_value(cell.text.strip())
        if cell.text and (isinstance(value.value, bool | str | None) or value.trap):
            shown = cell.text[:60]
            self._sheet.report(cell.span, f'{column}: expected a number, found "{shown}"')
        return value.value
