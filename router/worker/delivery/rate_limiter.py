"""Waits for a destination's turns, reserved in Redis a few at a time."""

import asyncio
import logging
import math
from collections import deque
from typing import Final

from router.clock import Clock
from router.datatypes import Rate
from router.errors import JournalUnavailableError
from router.journal import rate_limits as turns
from router.journal.connection import Connection

logger = logging.getLogger(__name__)

_AHEAD: Final = 0.25
"""Seconds of turns that are reserved at once: a round trip each is enough."""
_MOST: Final = 100
_PAUSE: Final = 1.0
"""Seconds until Redis is asked again when it was away."""


class RateLimiter:
    """The turns of one destination in one process."""

    def __init__(self, connection: Connection, destination: str, rate: Rate, clock: Clock) -> None:
        self._connection = connection
        self._destination = destination
        self._rate = rate
        self._monotonic = clock.monotonic
        self._wanted = min(_MOST, max(1, math.ceil(_AHEAD / rate.interval)))
        self._turns: deque[float] = deque()
        self._closed_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    def wait(self) -> float:
        """Seconds until it makes sense to ask for a turn."""
        return max(0.0, self._closed_until - self._monotonic())

    async def turn(self) -> bool:
        """Wait for a turn; False when the next is too far away to wait for it.

        So it is while Redis is away: attempts that are under way must not suffer from that.
        """
        async with self._one_at_a_time:
            if not self._turns and not await self._reserve():
                return False
            await asyncio.sleep(max(0.0, self._turns.popleft() - self._monotonic()))
            return True

    async def _reserve(self) -> bool:
        if self.wait() > 0:
            return False
        try:
            reserved = await turns.reserve(
                self._connection, self._destination, self._rate, wanted=self._wanted
            )
        except JournalUnavailableError as error:
            logger.warning(
                "no turns, Redis is away",
                extra={"destination": self._destination, "reason": str(error)},
            )
            self._closed_until = self._monotonic() + _PAUSE
            return False
        # Counted from the answer: the few milliseconds of the way make a turn late, never early.
        now = self._monotonic()
        self._turns.extend(now + offset for offset in reserved.offsets)
        if not reserved.offsets:
            self._closed_until = now + reserved.next_in
        return bool(reserved.offsets)
