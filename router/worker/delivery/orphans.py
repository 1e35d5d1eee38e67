"""Says where this process delivers, and gives up what waits where nobody does any more."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

import msgspec

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.orphaned_deliveries import OrphanedDeliveries, OrphanMark
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_LOOKS: Final = 10
"""Looks in the time for which a destination must be unserved."""


class _Watched(msgspec.Struct, frozen=True):
    """For how long a mark has stood untouched before our eyes. Monotonic seconds."""

    mark: str
    since: float
    last: float


class OrphanReaper:
    """``serves`` is where this process delivers now, ``known`` all destinations of its rules.

    ``known`` is None in a process that sees a part of the rules only: it gives nothing up.
    ``after`` is in seconds.
    """

    def __init__(
        self,
        removed: OrphanedDeliveries,
        serves: Callable[[], Sequence[str]],
        known: Callable[[], frozenset[str]] | None,
        metrics: Metrics,
        clock: Clock,
        *,
        after: float,
    ) -> None:
        self._removed = removed
        self._serves = serves
        self._known = known
        self._deliveries = metrics.deliveries
        self._clock = clock
        self._after = after
        self._every = after / _LOOKS
        self._changed = asyncio.Event()
        self._watched: dict[str, _Watched] = {}

    def changed(self) -> None:
        """Destinations have come or gone: say so at once."""
        self._changed.set()

    async def run(self) -> NoReturn:
        """Look again and again, until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self.look()
            except JournalUnavailableError as error:
                # Others could not say that they deliver either.
                self._watched.clear()
                logger.debug("presence not told", extra={"reason": str(error)})
            try:
                async with asyncio.timeout(self._every * (0.75 + self._clock.chance() / 4)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def look(self) -> int:
        """Say where we deliver; the number of deliveries that were given up elsewhere."""
        await self._removed.serve(self._serves())
        if self._known is None:
            return 0
        unknown = await self._removed.unknown(self._known())
        now = self._clock.monotonic()
        self._watched = {each.destination: self._seen(each, now) for each in unknown}
        given_up = 0
        for each in unknown:
            if now - self._watched[each.destination].since >= self._after:
                given_up += await self._give_up(each)
        return given_up

    def _seen(self, removed: OrphanMark, now: float) -> _Watched:
        before = self._watched.get(removed.destination)
        # A long time between two looks is one in which we, and perhaps all, stood still.
        if before is None or before.mark != removed.mark or now - before.last > 3 * self._every:
            return _Watched(removed.mark, now, now)
        return _Watched(removed.mark, before.since, now)

    async def _give_up(self, removed: OrphanMark) -> int:
        count = await self._removed.abandon(removed)
        if count:
            self._deliveries.labels(removed.destination, "dead_lettered").inc(count)
            logger.warning(
                "destination removed: what waited for it is in its dead letters",
                extra={"destination": removed.destination, "count": count},
            )
        return count
