"""A destination's rate limit, shared by all workers through reservations in Redis."""

import asyncio
import logging
import math
from collections import deque
from typing import Final

from router.clock import Clock
from router.datatypes import Rate
from router.errors import JournalUnavailableError
from router.journal import rate_limits
from router.journal.connection import Connection

logger = logging.getLogger(__name__)

_RESERVED_SECONDS: Final = 0.25
"""Span of attempts reserved in one round trip."""
_MAX_RESERVED: Final = 100
"""Attempts reserved in one round trip."""
_RETRY_SECONDS: Final = 1.0
"""Wait before the next reservation when Redis was unavailable."""


class RateLimiter:
    """The rate limit of one destination, as one process sees it."""

    def __init__(self, connection: Connection, destination: str, rate: Rate, clock: Clock) -> None:
        self._connection = connection
        self._destination = destination
        self._rate = rate
        self._monotonic = clock.monotonic
        self._batch = min(_MAX_RESERVED, max(1, math.ceil(_RESERVED_SECONDS / rate.interval)))
        self._reserved: deque[float] = deque()
        self._closed_until = 0.0
        self._lock = asyncio.Lock()

    def wait(self) -> float:
        """Return the seconds before which ``acquire`` cannot succeed."""
        return max(0.0, self._closed_until - self._monotonic())

    async def acquire(self) -> bool:
        """Wait for the permission to make one attempt.

        Returns:
            False if the next free moment lies beyond the journal's look-ahead, or while Redis is
            unavailable: attempts that are under way must not be delayed by that.
        """
        async with self._lock:
            if not self._reserved and not await self._reserve():
                return False
            await asyncio.sleep(max(0.0, self._reserved.popleft() - self._monotonic()))
            return True

    async def _reserve(self) -> bool:
        if self.wait() > 0:
            return False
        try:
            reservation = await rate_limits.reserve(
                self._connection, self._destination, self._rate, wanted=self._batch
            )
        except JournalUnavailableError as error:
            logger.warning(
                "rate limiter: Redis unavailable",
                extra={"destination": self._destination, "reason": str(error)},
            )
            self._closed_until = self._monotonic() + _RETRY_SECONDS
            return False
        # Counted from the reply, so that the round trip makes an attempt late, never early.
        now = self._monotonic()
        self._reserved.extend(now + offset for offset in reservation.offsets)
        if not reservation.offsets:
            self._closed_until = now + reservation.next_in
        return bool(reservation.offsets)
