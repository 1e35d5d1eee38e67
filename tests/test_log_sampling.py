"""Log lines of storms: the first of each second, and how many were left out."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from router.log_sampling import INTERVAL, LEFT_OUT, LINES_PER_KIND, LogSampler

logger = logging.getLogger(__name__)


class Interval:
    """The end of an interval, which a test brings about."""

    def __init__(self) -> None:
        self.ends: list[Callable[[], None]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == INTERVAL
        self.ends.append(call)

    def end(self) -> None:
        (end,) = self.ends
        self.ends = []
        end()


@pytest.fixture
def interval() -> Interval:
    return Interval()


@pytest.fixture
def sampler(interval: Interval, caplog: pytest.LogCaptureFixture) -> LogSampler:
    caplog.set_level(logging.INFO)
    return LogSampler(logger, "alert notified", logging.INFO, interval.call_later)


def test_a_storm_is_its_first_lines_and_a_count_in_each_interval(
    sampler: LogSampler, interval: Interval, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        admitted = [sampler.admit() for _ in range(15)] + [sampler.admit(1000)]
        assert sum(admitted) == LINES_PER_KIND
        interval.end()

    assert caplog.messages == [LEFT_OUT] * 3
    line = vars(caplog.records[0])
    assert (line["kind"], line["count"], line["seconds"]) == ("alert notified", 995, INTERVAL)


def test_a_calm_interval_has_no_count_and_silence_needs_no_timer(
    sampler: LogSampler, interval: Interval, caplog: pytest.LogCaptureFixture
) -> None:
    assert sampler.admit(0) == 0
    assert interval.ends == []
    assert sampler.admit(LINES_PER_KIND) == LINES_PER_KIND
    interval.end()
    assert caplog.messages == []
    assert interval.ends == []


def test_lines_below_the_level_of_the_log_are_not_counted(
    sampler: LogSampler, interval: Interval, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert sampler.admit(1000) == 0
    assert interval.ends == []


async def test_the_event_loop_ends_an_interval(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("router.log_sampling.INTERVAL", 0.0)
    LogSampler(logger, "alert notified", logging.INFO).admit(LINES_PER_KIND + 1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert caplog.messages == [LEFT_OUT]
