"""A recording run through one rule set, or through two side by side."""

from collections.abc import Iterable

from router.offline.backtest import Backtest, ComparedRuns, Comparison, Tally, record


def backtest(lines: Iterable[bytes], run: Backtest) -> Tally:
    """Return the counts of a recording."""
    record(lines, run)
    return run.tally


def compare(lines: Iterable[bytes], here: Backtest, there: Backtest) -> Comparison:
    """Return the counts of a recording by two rule sets, and what differs."""
    runs = ComparedRuns(here, there)
    record(lines, runs)
    return runs.comparison
