"""Claims the destinations of this process, and gives up the deliveries of removed destinations.

The protocol between processes is described in ``router.journal.orphaned_deliveries``.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.orphaned_deliveries import OrphanedDeliveries, OrphanMark
from router.metrics import Metrics
from router.worker.mark_watch import MarkWatch

logger = logging.getLogger(__name__)


class OrphanReaper:
    """Makes dead letters of deliveries whose destination no process delivers to any more.

    Args:
        orphaned: The journal's part of it.
        claimed: Gives the names of the destinations to which this process delivers.
        known: Gives the names of all destinations of the rules. None in a process that sees only a
            part of the rules: such a process gives nothing up.
        metrics: Counts the deliveries that were given up.
        clock: The process's clock.
        after: Seconds for which a destination must stay unclaimed.
    """

    def __init__(
        self,
        orphaned: OrphanedDeliveries,
        claimed: Callable[[], Sequence[str]],
        known: Callable[[], frozenset[str]] | None,
        metrics: Metrics,
        clock: Clock,
        *,
        after: float,
    ) -> None:
        self._orphaned = orphaned
        self._claimed = claimed
        self._known = known
        self._deliveries = metrics.deliveries
        self._clock = clock
        self._watch = MarkWatch(after)
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Run the next check at once, because destinations were added or removed."""
        self._changed.set()

    async def run(self) -> NoReturn:
        """Check at intervals until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self.reap()
            except JournalUnavailableError as error:
                # Other processes could not claim their destinations either.
                self._watch.clear()
                logger.debug("destinations not claimed", extra={"reason": str(error)})
            try:
                async with asyncio.timeout(
                    self._watch.interval * (0.75 + self._clock.chance() / 4)
                ):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def reap(self) -> int:
        """Claim the destinations of this process and give up those left unclaimed for long enough.

        Returns:
            The number of deliveries that were given up.

        Raises:
            JournalUnavailableError: Redis did not answer.
        """
        await self._orphaned.claim(self._claimed())
        if self._known is None:
            return 0
        unknown = await self._orphaned.mark_unknown(self._known())
        marks = {orphan.destination: orphan.mark for orphan in unknown}
        expired = self._watch.observe(marks, self._clock.monotonic())
        given_up = 0
        for orphan in unknown:
            if orphan.destination in expired:
                given_up += await self._give_up(orphan)
        return given_up

    async def _give_up(self, orphan: OrphanMark) -> int:
        count = await self._orphaned.abandon(orphan)
        if count:
            self._deliveries.labels(orphan.destination, "dead_lettered").inc(count)
            logger.warning(
                "deliveries of a removed destination moved to its dead letters",
                extra={"destination": orphan.destination, "count": count},
            )
        return count
