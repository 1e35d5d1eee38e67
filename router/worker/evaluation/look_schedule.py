"""Opens the looks at keyed alerts when they are due, and has all alerts looked at after a change."""

import asyncio
from collections.abc import Iterable
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.looks import Looks
from router.outage_log import OUTAGES
from router.rules.suppression.silences import Silence

INTERVAL: Final = 0.8
"""Seconds between two checks: how late a look may be."""
_PAUSE: Final = 0.02
"""Seconds between two checks while more looks are due."""
_BUSY_PAUSE: Final = 0.05
"""Seconds between two checks while the pages that are open wait for a worker."""
_PAGES: Final = 10
"""Timers that wait for a worker, beyond which no further page is opened."""


class LookSchedule:
    """Opens timers for the looks that are due. Each worker that evaluates has one; they share the work.

    Args:
        looks: The journal's part of it.
        clock: The process's clock.
    """

    def __init__(self, looks: Looks, clock: Clock) -> None:
        self._looks = looks
        self._clock = clock
        self._changed = False

    def changed(self) -> None:
        """Have all open alerts looked at, because the rules have changed."""
        self._changed = True

    def silences_changed(self, before: Iterable[Silence], after: Iterable[Silence]) -> None:
        """Have all open alerts looked at if a silence was ended before its time."""
        now, ends = self._clock.now(), {each.id: each.ends for each in after}
        if any(each.ends > now and ends.get(each.id, 0.0) < each.ends for each in before):
            self._changed = True

    async def run(self) -> NoReturn:
        """Check at intervals until cancelled."""
        while True:
            try:
                pause = await self._check()
            except JournalUnavailableError as error:
                OUTAGES.warning("looks not opened; retried", extra={"reason": str(error)})
                pause = INTERVAL
            await asyncio.sleep(pause * (0.75 + self._clock.chance() / 2))

    async def _check(self) -> float:
        """Open a page of looks. Return the seconds until the next check."""
        if self._changed:
            self._changed = False
            try:
                await self._looks.look_at_all()
            except JournalUnavailableError:
                self._changed = True
                raise
        opened = await self._looks.open_due()
        if not opened.has_more:
            return INTERVAL
        return _BUSY_PAUSE if await self._looks.due() >= _PAGES else _PAUSE
