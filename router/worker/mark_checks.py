"""The loop that checks marks: at intervals, and at once when what the process knows has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError

logger = logging.getLogger(__name__)


class MarkChecks:
    """Runs a check of marks again and again.

    Args:
        check: Deletes and watches marks. May raise JournalUnavailableError.
        forget: Called after a check that failed: other processes could not delete marks either, so
            nothing is known of the time since the last one.
        clock: The process's clock.
        interval: Seconds between two checks, at most.
        marked: What has the marks, for a log message.
    """

    def __init__(
        self,
        check: Callable[[], Awaitable[object]],
        forget: Callable[[], None],
        clock: Clock,
        *,
        interval: float,
        marked: str,
    ) -> None:
        self._check = check
        self._forget = forget
        self._clock = clock
        self._interval = interval
        self._failure = f"{marked} not claimed"
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Run the next check at once."""
        self._changed.set()

    async def run(self) -> NoReturn:
        """Check until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self._check()
            except JournalUnavailableError as error:
                self._forget()
                logger.debug(self._failure, extra={"reason": str(error)})
            try:
                # Spread, because all processes of a deployment start together.
                async with asyncio.timeout(self._interval * (0.75 + self._clock.chance() / 4)):
                    await self._changed.wait()
            except TimeoutError:
                pass
