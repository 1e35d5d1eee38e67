"""Claims the destinations of this process, and gives up the deliveries of removed destinations.

The protocol between processes is described in ``router.journal.orphaned_deliveries``.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

from router.clock import Clock
from router.journal.orphaned_deliveries import OrphanedDeliveries, OrphanMark
from router.metrics import Metrics
from router.worker.mark_checks import MarkChecks
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
        self._checks = MarkChecks(
            self.reap,
            self._watch.clear,
            clock,
            interval=self._watch.interval,
            marked="destinations",
        )

    def changed(self) -> None:
        """Run the next check at once, because destinations were added or removed."""
        self._checks.changed()

    async def run(self) -> NoReturn:
        """Check at intervals until cancelled."""
        await self._checks.run()

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
