"""The paused destinations as this process knows them, polled from Redis twice a second.

A poll rather than a subscription, because a poll cannot miss a message and one small read is cheap.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.pauses import Pause, PauseKind, Pauses
from router.outage_log import OUTAGES

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.5


class PausedDestinations:
    """A copy of the journal's pauses.

    Args:
        pauses: The journal's record of them.
        clock: Gives the time of a pause.
        on_resume: Called after the first poll and whenever a destination is resumed.
    """

    def __init__(self, pauses: Pauses, clock: Clock, on_resume: Callable[[], None]) -> None:
        self._pauses = pauses
        self._now = clock.now
        self._on_resume = on_resume
        self._paused: dict[str, Pause] | None = None

    def is_paused(self, destination: str) -> bool:
        """Return whether ``destination`` is paused.

        True for all destinations before the first poll, so that nothing is sent by mistake.
        """
        return self._paused is None or destination in self._paused

    async def watch(self) -> NoReturn:
        """Poll until cancelled."""
        while True:
            try:
                self.update(await self._pauses.all())
            except JournalUnavailableError as error:
                OUTAGES.warning("paused destinations not polled", extra={"reason": str(error)})
            await asyncio.sleep(_POLL_SECONDS)

    def update(self, paused: dict[str, Pause]) -> None:
        """Replace the copy by ``paused``, log the changes, and call ``on_resume`` if due."""
        before, self._paused = self._paused, paused
        for name in paused.keys() - (before or {}).keys():
            pause = paused[name]
            logger.warning(
                "destination paused",
                extra={"destination": name, "kind": pause.kind, "reason": pause.reason},
            )
        resumed = (before or {}).keys() - paused.keys()
        for name in resumed:
            logger.info("destination resumed", extra={"destination": name})
        if resumed or before is None:
            self._on_resume()

    async def disable(self, destination: str, reason: str) -> None:
        """Pause a destination whose receiver is gone for good.

        Raises:
            JournalUnavailableError: The pause was not recorded.
        """
        pause = Pause(kind=PauseKind.DISABLED, at=self._now(), reason=reason)
        await self._pauses.pause(destination, pause)
        self.update({**(self._paused or {}), destination: pause})
