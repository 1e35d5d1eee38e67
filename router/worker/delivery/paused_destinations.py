"""The paused destinations as this process knows them, polled from Redis twice a second.

A poll rather than a subscription, because a poll cannot miss a message and one small read is cheap.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.pauses import Pause, PauseKind, Pauses
from router.outage_log import OUTAGES
from router.worker.delivery.refusals import next_trial

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
        self._tried: dict[str, float] = {}
        """When this process last tried a destination that is paused for its refusals: Unix time."""
        self._allowed: set[str] = set()
        """Such destinations that may be tried at once, because an operator asks for it."""

    def is_paused(self, destination: str) -> bool:
        """Return whether no attempt may begin at ``destination``."""
        return self.wait(destination) > 0

    def wait(self, destination: str) -> float:
        """Return the seconds until an attempt may begin, infinity until it is resumed.

        Infinity for all destinations before the first poll, so that nothing is sent by mistake. One
        that is paused for its refusals may be tried from time to time.
        """
        if self._paused is None:
            return math.inf
        pause = self._paused.get(destination)
        if pause is None:
            return 0.0
        if pause.kind is not PauseKind.REFUSED:
            return math.inf
        if destination in self._allowed:
            return 0.0
        trial = next_trial(pause.at, self._tried.get(destination, pause.at))
        return max(0.0, trial - self._now())

    def allow_trial(self, destination: str) -> None:
        """Let one trial begin at once if the destination is paused for its refusals."""
        pause = self.pause_of(destination)
        if pause is not None and pause.kind is PauseKind.REFUSED:
            self._allowed.add(destination)

    def pause_of(self, destination: str) -> Pause | None:
        """Return the pause of a destination; None if it is running, or before the first poll."""
        return (self._paused or {}).get(destination)

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
            logger.log(
                logging.ERROR if pause.kind is PauseKind.REFUSED else logging.WARNING,
                "destination paused",
                extra={"destination": name, "kind": pause.kind, "reason": pause.reason},
            )
        resumed = (before or {}).keys() - paused.keys()
        for name in resumed:
            self._tried.pop(name, None)
            self._allowed.discard(name)
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

    async def refuse(self, destination: str, reason: str) -> None:
        """Pause a destination that refuses everything; if it is paused already, its trial failed.

        Raises:
            JournalUnavailableError: The pause was not recorded.
        """
        now = self._tried[destination] = self._now()
        self._allowed.discard(destination)
        if self.pause_of(destination) is None:
            pause = Pause(kind=PauseKind.REFUSED, at=now, reason=reason)
            await self._pauses.pause(destination, pause)
            self.update({**(self._paused or {}), destination: pause})

    async def accept(self, destination: str) -> None:
        """Resume a destination that was paused for its refusals, because it has accepted a delivery.

        Raises:
            JournalUnavailableError: The end of the pause was not recorded.
        """
        pause = self.pause_of(destination)
        if pause is not None and pause.kind is PauseKind.REFUSED:
            await self._pauses.resume_refused(destination)
            known = self._paused or {}
            self.update({name: each for name, each in known.items() if name != destination})
