"""Writes the column of tests into README.md: ``.venv/bin/python tests/faults/write_readme.py``."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.fault_rows import marked_tests

PAGE = Path(__file__).parent / "README.md"
ROW = re.compile(r"^\| (\d+) \|(.*)\| [^|]* \|$")
"""A row of the table; its last cell has no ``|``."""


def cell(tests: set[str]) -> str:
    """Return the tests of a row, each once with its file."""
    return "<br>".join(f"`{name}`" for name in sorted(tests)) or "—"


def written(page: str) -> str:
    """Return the page with the tests that the markers name."""
    tests = marked_tests()
    return "".join(
        f"| {row[1]} |{row[2]}| {cell(tests.get(int(row[1]), set()))} |\n"
        if (row := ROW.match(line.rstrip()))
        else line
        for line in page.splitlines(keepends=True)
    )


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
