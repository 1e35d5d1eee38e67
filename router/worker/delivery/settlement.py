"""Settlements of all jobs of a process leave together, and wait for Redis to come back.

A delivery that was made but not recorded is made again, so it is worth waiting: recording is
idempotent and may be repeated until Redis answers.
"""

import asyncio
import logging
from typing import Final

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.deliveries import Deliveries, Settlement
from router.journal.group_commit import GroupCommit

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds for which a settlement is tried; a job's time limit allows for it."""
_PAUSE: Final = 0.1
_MAX_GROUP: Final = 500
_UNBOUNDED: Final = 10**9


def settler(deliveries: Deliveries, clock: Clock) -> GroupCommit[Settlement]:
    """What deliveries are settled through. Senders wait for it, so nothing can pile up."""

    async def write(group: list[Settlement]) -> None:
        until = clock.monotonic() + PATIENCE
        while True:
            try:
                return await deliveries.settle(group)
            except JournalUnavailableError as error:
                if clock.monotonic() > until:
                    raise
                logger.warning("settling waits for Redis", extra={"reason": str(error)})
                await asyncio.sleep(_PAUSE)

    return GroupCommit(
        write,
        interval=0.0,
        max_waiting=_UNBOUNDED,
        max_group=_MAX_GROUP,
        monotonic=clock.monotonic,
    )
