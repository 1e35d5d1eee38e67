"""Each row of tests/faults/README.md has a test, and the page names the tests that there are."""

import re
from pathlib import Path

import pytest
from faults.mutants import MUTANTS, ROOT
from support.fault_rows import ROWS, FaultFigures, RowResult, marked_tests, table

PAGE = Path(__file__).parents[1] / "faults" / "README.md"


def test_a_mark_names_rows_that_there_are() -> None:
    assert set(marked_tests()) <= set(ROWS)


def test_the_page_has_each_row_once() -> None:
    numbers = [int(row) for row in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)]

    assert numbers == list(ROWS)


def test_each_row_has_a_test() -> None:
    assert set(ROWS) - set(marked_tests()) == set()


def test_the_page_names_tests_that_there_are() -> None:
    """Mend the page by ``.venv/bin/python tests/faults/write_readme.py``."""
    marked = marked_tests()
    named = {
        int(row): set(re.findall(r"`([\w/]+\.py::\w+)`", cells))
        for row, cells in re.findall(r"^\| (\d+) \|(.*)$", PAGE.read_text(), re.MULTILINE)
    }

    assert {row: names - marked.get(row, set()) for row, names in named.items()} == {
        row: set() for row in ROWS
    }
    assert {row for row, names in named.items() if not names} == set()


def test_each_mutant_of_a_row_applies_to_the_code() -> None:
    """It has to occur once, or ``tests/faults/mutants.py`` could not show that its test fails."""
    found = {mutant.name: (ROOT / mutant.file).read_text().count(mutant.old) for mutant in MUTANTS}

    assert {name for name, count in found.items() if count != 1} == set()


def test_a_row_sums_what_its_tests_measured() -> None:
    result = RowResult(row=9, tests=2)
    result.add(FaultFigures(seed=1, accepted=100, lost=0, repeated=2, drain_seconds=1.5))
    result.add(FaultFigures(seed=2, accepted=50, lost=1, drain_seconds=0.5, note="12 cuts"))
    result.add(FaultFigures())

    (_, line) = table([result])
    assert line.split() == ["9", "holds", "2", "150", "1", "2", "1.5", "1;", "2;", "12", "cuts"]


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (RowResult(row=1), "not run"),
        (RowResult(row=1, tests=2), "holds"),
        (RowResult(row=1, tests=2, skipped=1), "holds"),
        (RowResult(row=1, tests=2, skipped=2), "skipped"),
        (RowResult(row=1, tests=2, skipped=1, failed=1), "FAILS"),
    ],
)
def test_a_row_holds_if_a_test_of_it_ran_and_none_failed(result: RowResult, verdict: str) -> None:
    assert result.verdict == verdict
