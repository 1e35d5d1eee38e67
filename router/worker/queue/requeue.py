"""Enqueues jobs again for open work that has lost its job."""

import asyncio
import logging
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.sweeper import Sweeper
from router.metrics import Metrics
from router.outage_log import OUTAGES

logger = logging.getLogger(__name__)

_INTERVAL: Final = 30.0
"""Seconds on average between two sweeps of one process."""


async def requeue_lost_jobs(sweeper: Sweeper, metrics: Metrics, clock: Clock) -> NoReturn:
    """Sweep the queues until cancelled.

    Args:
        sweeper: Finds open work without a job and enqueues it.
        metrics: Counts the jobs.
        clock: Chance, for the interval.
    """
    while True:
        try:
            count = await sweeper.sweep()
        except JournalUnavailableError as error:
            OUTAGES.warning("sweep failed", extra={"reason": str(error)})
        else:
            metrics.jobs_requeued.inc(count)
            if count:
                logger.warning("jobs re-enqueued", extra={"count": count})
        # Random, so that processes that were started together do not sweep together.
        await asyncio.sleep(_INTERVAL * (0.5 + clock.chance()))
