"""Figures of the documents at the end of a run: links that lead somewhere, commands that were run."""

from typing import Final

import pytest

_PROPERTY: Final = "document_figures"


class DocumentFigures:
    """Prints what tests recorded by ``count``, summed over them; workers send it with their reports."""

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    figure, number = value
                    self._sums[figure] = self._sums.get(figure, 0) + number

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._sums:
            terminalreporter.section("documents")
            for figure, number in self._sums.items():
                terminalreporter.write_line(f"{number:6,} {figure}")


def count(request: pytest.FixtureRequest, figure: str, number: int) -> None:
    """Add a number to a figure of the run."""
    request.node.user_properties.append((_PROPERTY, (figure, number)))
