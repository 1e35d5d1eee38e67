"""Read a CSV file to rows of cells that have their position.

The standard library's reader reports no columns and accepts malformed quotes as text.

Source: RFC 4180. In addition, lines may end in LF alone and empty lines are skipped; white space is
part of its cell.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from router.configuration.yaml.document import Span, YamlDocument

COLUMNS_LIMIT: Final = 100
CELL_LIMIT: Final = 4096
"""Characters of one cell."""

_CELL: Final = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",\r\n]*)')
_END: Final = re.compile(r",|\r\n|\n|\r|\Z")


class Cell(msgspec.Struct, frozen=True):
    """One cell, and its offsets in the file."""

    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The position for diagnostics; at least one character wide."""
        return Span(self.start, max(self.end, self.start + 1))


def read_csv(document: YamlDocument) -> Iterator[list[Cell]]:
    """Yield the rows, the header first, up to the first error, which is reported to ``document``."""
    at = 0
    row: list[Cell] = []
    while at < len(document.text) or row:
        cell, end = _read_cell(document, at)
        if cell is None:
            return
        row.append(cell)
        if len(row) > COLUMNS_LIMIT:
            document.report(cell.span, f"a row has at most {COLUMNS_LIMIT} cells")
            return
        separator = _END.match(document.text, end)
        if separator is None:
            document.report(
                Span(end, end + 1),
                "expected a comma or the end of the line here",
                'write "" for a quote within quotes',
            )
            return
        at = separator.end()
        if separator[0] != ",":
            if len(row) > 1 or row[0].text:
                yield row
            row = []


def _read_cell(document: YamlDocument, at: int) -> tuple[Cell | None, int]:
    """Return the cell at an offset and the offset of its end; None if an error was reported."""
    match = _CELL.match(document.text, at)
    if match is None or (match.end() == at and document.text.startswith('"', at)):
        document.report(Span(at, at + 1), "the text that begins here has no closing quote")
        return None, at
    quoted = match["quoted"]
    text = match["plain"] if quoted is None else quoted.replace('""', '"')
    cell = Cell(text, at, match.end())
    if len(text) > CELL_LIMIT:
        document.report(cell.span, f"a cell has at most {CELL_LIMIT} characters")
        return None, at
    return cell, match.end()
