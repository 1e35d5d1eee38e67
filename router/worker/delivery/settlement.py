"""One group commit for the settlements of all jobs of a process, retried while Redis is away.

Retrying is worth the wait, because a delivery that was sent but not recorded is sent again. It is
safe, because recording is idempotent.
"""

import asyncio
from typing import Final

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.deliveries import Deliveries
from router.journal.group_commit import GroupCommit
from router.journal.settlements import Settlement
from router.outage_log import OUTAGES

SETTLE_TIMEOUT: Final = 30.0
"""Seconds for which a settlement is retried; a job's time limit includes them."""
_RETRY_SECONDS: Final = 0.1
_MAX_GROUP: Final = 500
_UNBOUNDED: Final = 10**9


def make_settler(deliveries: Deliveries, clock: Clock) -> GroupCommit[Settlement, bool]:
    """Return the group commit that records how deliveries ended, with the results of ``settle``.

    It has no bound of its own, because each attempt waits for its settlement and so the number of
    concurrent attempts bounds it.
    """

    async def write(group: list[Settlement]) -> list[bool]:
        until = clock.monotonic() + SETTLE_TIMEOUT
        while True:
            try:
                return await deliveries.settle(group)
            except JournalUnavailableError as error:
                if clock.monotonic() > until:
                    raise
                OUTAGES.warning("settlement retried", extra={"reason": str(error)})
                await asyncio.sleep(_RETRY_SECONDS)

    return GroupCommit(
        write,
        interval=0.0,
        max_waiting=_UNBOUNDED,
        max_group=lambda: _MAX_GROUP,
        monotonic=clock.monotonic,
    )
