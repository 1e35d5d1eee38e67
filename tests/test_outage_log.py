"""Lines about Redis being away: one in a few seconds, with the number of the others."""

import logging

import pytest

from router.logs import configure_logging
from router.outage_log import INTERVAL, OUTAGES, OutageFilter


def record() -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "away"})


def test_a_line_passes_in_each_interval_and_counts_the_others() -> None:
    now = 100.0
    passes = OutageFilter(lambda: now)

    first, *others = [record() for _ in range(4)]
    assert passes.filter(first)
    assert not any(passes.filter(each) for each in others)
    now += INTERVAL
    later, latest = record(), record()
    assert passes.filter(later)
    now += INTERVAL
    assert passes.filter(latest)

    assert [getattr(each, "similar_lines", 0) for each in (first, later, latest)] == [0, 3, 0]


def test_a_process_that_logs_has_the_filter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OUTAGES, "filters", [])
    monkeypatch.setattr(logging.root, "handlers", [])
    for _ in range(2):
        configure_logging("json", "info")

    assert [type(each) for each in OUTAGES.filters] == [OutageFilter]
