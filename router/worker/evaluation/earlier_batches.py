"""Timers that wait until everything that was accepted before they were due is evaluated.

What a timer judges, such as an absence, may have arrived in time and wait in a backlog. A timer is
therefore put back while a batch is open that was accepted before the timer was due. Batches are
evaluated in about the order in which they came, so what a timer waits for does not grow.

A batch may be stuck: its worker ends again and again, or only a newer version can read it. After
``STUCK_SECONDS`` without a finished part of the oldest batch, while workers checked it all the time,
timers are judged without it. They wait as long as needed while batches are finished, while no worker
runs, and while evaluation waits for room in Redis, because no worker begins a timer then.
"""

import logging
from typing import Final

from router.clock import Clock
from router.errors import PostponedError
from router.journal.keys import TimerId
from router.journal.timers import BegunTimer
from router.metrics import Metrics

logger = logging.getLogger(__name__)

STUCK_SECONDS: Final = 300.0
_HOLD: Final = 0.25
"""Seconds without a poll after a timer was put back. Those that are due later wait for the same."""


class EarlierBatches:
    """Decides whether a timer waits for a batch.

    Args:
        metrics: What to count on.
        clock: The process's clock.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._hold_until = 0.0
        self._reported = ""
        """The batch of which a warning was logged."""

    def wait(self) -> float:
        """Return the seconds for which this worker leaves timers alone."""
        return max(0.0, self._hold_until - self._clock.monotonic())

    def check_timer(self, timer_id: TimerId, begun: BegunTimer) -> None:
        """Put a timer back that has to wait. Raises PostponedError."""
        batch = begun.earlier
        if batch is None:
            return
        if batch.unchanged_seconds < STUCK_SECONDS:
            self._hold_until = self._clock.monotonic() + _HOLD
            message = f"batch {batch.id} was accepted before the timer was due"
            raise PostponedError(message, seconds=None)
        self._metrics.timers_judged_early.labels(begun.timer.feature).inc()
        if self._reported != batch.id:
            self._reported = batch.id
            logger.warning(
                "timers judged before an older batch was evaluated",
                extra={
                    "batch": batch.id,
                    "unchanged_seconds": round(batch.unchanged_seconds),
                    "timer": timer_id,
                },
            )
