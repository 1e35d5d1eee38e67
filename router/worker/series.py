"""Adds what a process has counted lately to the series that all processes share.

Nothing is recorded where something happens. Every few seconds the process compares its own Prometheus
counters with what they were and adds the differences, in one round trip; a process that has counted
nothing sends nothing. A difference whose write failed, or whose reply was lost, is written again before the
next one, under the same number, by which Redis adds it once.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, NoReturn

from prometheus_client import Counter

from router import prometheus_adapter
from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.series import ALL, NAMES_AT_ONCE, Additions, Series, series_name
from router.metrics import Metrics
from router.outage_log import OUTAGES

INTERVAL: Final = 5.0
"""Seconds between two additions."""


def _counters(metrics: Metrics) -> dict[str, Counter]:
    """Return the counters that have series. Their labels have values of configuration and closed sets."""
    return {
        "events_received": metrics.events_received,
        "requests_refused": metrics.requests_refused,
        "events_evaluated": metrics.events_evaluated,
        "rule_matches": metrics.rule_matches,
        "rule_errors": metrics.rule_errors,
        "alerts_notified": metrics.alerts_notified,
        "alerts_suppressed": metrics.alerts_suppressed,
        "deliveries": metrics.deliveries,
        "delivery_attempts": metrics.delivery_attempts,
    }


class SeriesRecorder:
    """Adds what the counters of this process have counted to the series.

    Args:
        connection: To Redis.
        metrics: The counters.
        clock: Ids and time.
    """

    def __init__(self, connection: Connection, metrics: Metrics, clock: Clock) -> None:
        self._series = Series(connection, clock)
        self._counters = _counters(metrics)
        self._writer = clock.new_id()
        self._number = 0
        self._unwritten: list[Additions] = []
        self._before = self._read()

    async def run(self) -> NoReturn:
        """Add the differences every few seconds until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.record()
            except JournalUnavailableError as error:
                OUTAGES.warning("series not written; retried", extra={"reason": str(error)})

    async def flush(self) -> None:
        """Add what was counted since the last time, because the process ends; at most one attempt."""
        with contextlib.suppress(JournalUnavailableError):
            await self.record()

    async def record(self) -> None:
        """Add the differences since the last time, and those of a time that failed.

        Raises JournalUnavailableError: they are kept.
        """
        # Before the next ones are taken, so that an outage keeps one difference and no list of them.
        await self._write()
        self._take()
        await self._write()

    async def _write(self) -> None:
        if self._unwritten:
            await self._series.add(self._writer, self._unwritten)
            self._unwritten = []

    def _take(self) -> None:
        now = self._read()
        counts = differences(self._before, now)
        self._before = now
        items = list(counts.items())
        for start in range(0, len(items), NAMES_AT_ONCE):
            self._number += 1
            self._unwritten.append(
                Additions(self._number, dict(items[start : start + NAMES_AT_ONCE]))
            )

    def _read(self) -> dict[tuple[str, ...], int]:
        """Return the value of each counter, by its name and labels."""
        return {
            (name, *labels): int(value)
            for name, counter in self._counters.items()
            for labels, value in prometheus_adapter.values_of(counter).items()
        }


def differences(
    before: Mapping[tuple[str, ...], int], now: Mapping[tuple[str, ...], int]
) -> dict[str, int]:
    """Return what was counted between two readings, by the name of each series that it adds to (pure).

    A value adds to the series of its labels, and to the sum over the values of each label.
    """
    found: dict[str, int] = {}
    for key, value in now.items():
        added = value - before.get(key, 0)
        if added <= 0:
            continue
        metric, *labels = key
        names = [labels, *([*labels[:at], ALL, *labels[at + 1 :]] for at in range(len(labels)))]
        for each in names:
            name = series_name(metric, *each)
            found[name] = found.get(name, 0) + added
    return found
