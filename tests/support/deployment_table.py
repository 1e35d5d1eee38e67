"""The table at the end of ``make test-deploy``: a row for each module of tests of deployments.

A row is named by the first sentence of the module's docstring. A test is counted if it is in
``tests/deploy`` or has the marker ``deploy``.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

ROOT: Final = Path(__file__).parents[2]
_WIDTH: Final = 100


class DeploymentRow(msgspec.Struct, kw_only=True):
    """What the tests of one module did."""

    title: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Return the word of the first column."""
        if self.failed:
            return "FAILS"
        return "works" if self.passed else "skipped"

    def count(self, report: pytest.TestReport) -> None:
        """Add one phase of one test."""
        self.seconds += report.duration
        if report.when != "call" and report.outcome == "passed":
            return
        self.passed += report.outcome == "passed"
        self.failed += report.outcome == "failed"
        self.skipped += report.outcome == "skipped"
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self.reasons = tuple(dict.fromkeys([*self.reasons, reason]))


class DeploymentTable:
    """A plugin that collects the results and prints the table."""

    def __init__(self) -> None:
        self._rows: dict[str, DeploymentRow] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        row = self._rows.setdefault(file, DeploymentRow(title=module_title(file)))
        row.count(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("deployments")
        for line in deployment_lines([self._rows[file] for file in sorted(self._rows)]):
            terminalreporter.write_line(line)


def deployment_lines(rows: list[DeploymentRow]) -> Iterator[str]:
    """Yield the lines of the printed table."""
    yield f"{'verdict':<8} {'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>8}  deployment"
    for each in rows:
        yield (
            f"{each.verdict:<8} {each.passed:>6} {each.failed:>6} {each.skipped:>7}"
            f" {each.seconds:>8.1f}  {each.title}"
        )
        for reason in each.reasons:
            yield f"{'':<40}skipped: {reason}"


@functools.cache
def module_title(file: str) -> str:
    """Return the first line of a module's docstring."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return (ast.get_docstring(tree) or file).splitlines()[0][:_WIDTH]
