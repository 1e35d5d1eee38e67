"""The rows of tests/faults/README.md: which tests show each, what they measured, and one table.

A test is of a row by ``@pytest.mark.fault_row(12)`` (or several numbers), wherever it stands. It may
take the fixture ``fault_figures`` and record what it measured. ``make test-slow`` ends with the table
of all rows; each other run that has such figures ends with its part of it.
"""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

ROWS: Final = range(1, 78)
MARKER: Final = "fault_row"
TESTS: Final = Path(__file__).parents[1]
_PROPERTY: Final = "fault_figures"
_NODE: Final = "fault_rows"


class FaultFigures(msgspec.Struct, kw_only=True):
    """What one test of a row measured. None is a figure that its scenario does not have."""

    seed: int | None = None
    accepted: int | None = None
    """Events that got a 2xx, or items that the test itself made durable."""
    lost: int | None = None
    """Accepted, and neither delivered nor a dead letter, filtered, suppressed or pending."""
    repeated: int | None = None
    """Sends beyond the first of a delivery."""
    drain_seconds: float | None = None
    """Seconds from the end of the fault until all had arrived."""
    note: str = ""
    """One more figure of the scenario, in words."""


class RowResult(msgspec.Struct, kw_only=True):
    """One row of the table, made of all its tests."""

    row: int
    seeds: tuple[int, ...] = ()
    accepted: int | None = None
    lost: int | None = None
    repeated: int | None = None
    drain_seconds: float | None = None
    notes: tuple[str, ...] = ()
    tests: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def verdict(self) -> str:
        """Return the word of the last column."""
        if self.failed:
            return "FAILS"
        if self.tests > self.skipped:
            return "holds"
        return "skipped" if self.tests else "not run"

    def add(self, figures: FaultFigures) -> None:
        """Add what one test measured: counts are summed, of times the longest stands."""
        if figures.seed is not None and figures.seed not in self.seeds:
            self.seeds += (figures.seed,)
        self.accepted = _sum(self.accepted, figures.accepted)
        self.lost = _sum(self.lost, figures.lost)
        self.repeated = _sum(self.repeated, figures.repeated)
        times = [each for each in (self.drain_seconds, figures.drain_seconds) if each is not None]
        self.drain_seconds = max(times, default=None)
        if figures.note:
            self.notes += (figures.note,)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


class FaultTable:
    """A plugin that collects the figures of the rows' tests and prints the table.

    In the controller of pytest-xdist the reports come from its workers, so that rows and figures
    travel as properties of the test.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._results = {row: RowResult(row=row) for row in ROWS}
        self._has_figures = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if report.when == "call" or report.outcome != "passed":
            self._count(report, properties.get(_NODE, ()), properties.get(_PROPERTY, ()))

    def _count(self, report: pytest.TestReport, rows: Any, all_figures: Any) -> None:
        for row in rows:
            result = self._results[row]
            result.tests += 1
            result.failed += report.outcome == "failed"
            result.skipped += report.outcome == "skipped"
            for each in all_figures:
                self._has_figures = True
                result.add(msgspec.convert(each, FaultFigures))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        results = [each for each in self._results.values() if each.tests or self._whole]
        if self._whole or self._has_figures:
            terminalreporter.section("faults (tests/faults/README.md)")
            for line in table(results):
                terminalreporter.write_line(line)


def table(results: Sequence[RowResult]) -> Iterator[str]:
    """Yield the lines of the printed table."""
    yield f"{'row':>3} {'verdict':<8} {'tests':>5} {'accepted':>9} {'lost':>5} {'repeated':>8} {'drain s':>8}  seeds; notes"
    for each in results:
        seconds = None if each.drain_seconds is None else f"{each.drain_seconds:.1f}"
        more = "; ".join([*map(str, each.seeds), *each.notes])
        yield (
            f"{each.row:>3} {each.verdict:<8} {each.tests:>5} {_shown(each.accepted):>9}"
            f" {_shown(each.lost):>5} {_shown(each.repeated):>8} {_shown(seconds):>8}  {more}"
        ).rstrip()


def _shown(figure: object) -> str:
    return "-" if figure is None else str(figure)


def rows_of(item: pytest.Item) -> tuple[int, ...]:
    """Return the rows that a test is marked with, in order."""
    return tuple(sorted({row for mark in item.iter_markers(MARKER) for row in mark.args}))


def register(config: pytest.Config) -> None:
    """Add the table to a run; it has all rows if the run selects tests by the marker."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultTable(whole=MARKER in config.option.markexpr))


def mark_properties(items: Sequence[pytest.Item]) -> None:
    """Write the rows of each test where its report has them."""
    for item in items:
        if rows := rows_of(item):
            item.user_properties.append((_NODE, rows))


class FigureRecorder:
    """Records the figures of one test; the fixture ``fault_figures``."""

    def __init__(self, node: pytest.Item) -> None:
        self._recorded: list[dict[str, Any]] = []
        node.user_properties.append((_PROPERTY, self._recorded))

    def __call__(self, **figures: Any) -> FaultFigures:
        """Record figures (see FaultFigures), print them, and return them."""
        recorded = msgspec.convert(figures, FaultFigures)
        self._recorded.append(msgspec.to_builtins(recorded))
        shown = ", ".join(f"{name} {value}" for name, value in figures.items())
        print(f"\n{shown}")  # noqa: T201 - the figures
        return recorded


@functools.cache
def marked_tests() -> dict[int, set[str]]:
    """Return the tests of each row, as ``folder/test_file.py::test_name``, read from the source."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted([*TESTS.rglob("test_*.py"), *TESTS.glob("contracts/*.py")]):
        text = path.read_text("utf-8")
        if MARKER not in text:
            continue
        tree = ast.parse(text)
        everywhere = [row for node in tree.body for row in _module_rows(node)]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                decorators = [row for each in node.decorator_list for row in _rows_in(each)]
                for row in {*everywhere, *decorators}:
                    found[row].add(f"{path.relative_to(TESTS).as_posix()}::{node.name}")
    return found


def _module_rows(node: ast.stmt) -> list[int]:
    if isinstance(node, ast.Assign) and any(
        isinstance(each, ast.Name) and each.id == "pytestmark" for each in node.targets
    ):
        return _rows_in(node.value)
    return []


def _rows_in(node: ast.expr) -> list[int]:
    """Return the numbers in each ``pytest.mark.fault_row(…)`` of an expression."""
    return [
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == MARKER
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    ]
