"""Retention of history: deletes what is too old or beyond its memory, and makes room for events.

History is worth less than an event. Ingress rejects events above 80 % of maxmemory, and does not count
the bytes of history; so they must be free by the time that they are needed. From 70 % on, the oldest
segments are deleted until the rest fits, and above 75 % nothing is added.
"""

import asyncio
import logging
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.history_log import HistoryLimits, total_bytes
from router.journal.history_segments import TrimResult, trim_history
from router.journal.memory_budget import MemoryBudget
from router.metrics import Metrics
from router.outage_log import OUTAGES

logger = logging.getLogger(__name__)

RELEASE_RATIO: Final = 0.7
"""Share of maxmemory above which history makes room."""
_INTERVAL: Final = 10.0
_TIGHT_INTERVAL: Final = 1.0
_TIGHT_RATIO: Final = 0.6
_UNKNOWN: Final = 1 << 52


class HistoryRetention:
    """Watches the memory of history.

    Args:
        connection: To Redis.
        limits: Of history.
        budget: The memory of Redis, which this refreshes.
        metrics: Has the gauges of history.
        clock: The clock.
    """

    def __init__(
        self,
        connection: Connection,
        limits: HistoryLimits,
        budget: MemoryBudget,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._budget = budget
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> NoReturn:
        """Check history until cancelled."""
        while True:
            try:
                await self.check()
            except JournalUnavailableError as error:
                OUTAGES.warning("check of history failed", extra={"reason": str(error)})
            is_tight = self._budget.used_ratio > _TIGHT_RATIO
            await asyncio.sleep(_TIGHT_INTERVAL if is_tight else _INTERVAL)

    async def check(self) -> TrimResult:
        """Delete what has to go; return what was deleted and is left.

        Raises JournalUnavailableError.
        """
        await self._budget.refresh()
        needed = self._budget.used_bytes - int(RELEASE_RATIO * self._budget.limit_bytes)
        is_tight = bool(self._budget.limit_bytes) and needed > 0
        result = await trim_history(
            self._connection,
            self._clock,
            age_seconds=self._limits.age_seconds,
            at_most=(total_bytes(self._limits, self._budget) or _UNKNOWN)
            if self._limits.age_seconds
            else 0,
            free_bytes=needed if is_tight else 0,
        )
        self._metrics.history_bytes.set(result.left_bytes)
        if result.records:
            self._metrics.history_evicted.inc(result.records)
        if result.early_records and self._limits.age_seconds:  # else it is switched off
            self._metrics.history_evicted_early.inc(result.early_records)
        if is_tight and result.segments:
            logger.warning(
                "history shortened, because Redis is nearly full",
                extra={"records": result.records, "bytes": result.freed_bytes},
            )
        return result
