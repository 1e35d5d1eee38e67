"""The rows of tests that docs/explanation/guarantees.md names for its faults exist."""

import re
from typing import Final

from support.site_hooks import DOCS, ROOT

_FAULTS: Final = (ROOT / "tests" / "faults" / "README.md").read_text("utf-8")


def test_each_row_that_a_fault_names_has_a_test() -> None:
    page = (DOCS / "explanation" / "guarantees.md").read_text("utf-8")
    table = page.partition("| fault |")[2].partition("\n\n")[0]
    named = [line.split("|")[4] for line in table.splitlines()[2:]]
    tested = re.findall(r"^\| (\d+) \|.*::test_", _FAULTS, re.MULTILINE)

    assert len([row for row in named if row.strip()]) > 20
    assert [row for row in named if set(re.findall(r"\d+", row)) - {*tested}] == []
