"""The limits of the cost of mapping one request, beyond those of each expression.

Every item of a request may have the whole body as its data, and every expression may use up its
iterations for every item. A body of 4 MiB with a thousand items would then become 4 GB of events, or
occupy the event loop for a quarter of a minute.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from router.sources.mapping import UnmappableError

GROWTH: Final = 4
"""The size of all events of a request, as a multiple of the largest body."""
_LEAST_BYTES: Final = 4 << 20
LONGEST: Final = 5.0
"""Seconds of mapping for one request."""
_SLICE: Final = 0.01
"""Seconds of mapping before other tasks of the event loop run."""


class MappingBudget:
    """The bytes and the time that are left to the mapping of one request.

    Args:
        max_body: Bytes of the largest body.
        monotonic: The clock, in seconds.
    """

    def __init__(self, max_body: int, monotonic: Callable[[], float]) -> None:
        self._bytes = self._most = max(GROWTH * max_body, _LEAST_BYTES)
        self._seconds = LONGEST
        self._monotonic = monotonic
        self._since = monotonic()

    async def spend(self, size_bytes: int) -> None:
        """Count an item as ``count``, and let other tasks run if the mapping has run for a while."""
        if self.count(size_bytes):
            await asyncio.sleep(0)
            self._since = self._monotonic()

    def count(self, size_bytes: int) -> bool:
        """Count the bytes of an item; return whether the mapping has run for a while.

        Raises:
            UnmappableError: The events of the request are too large, or take too long.
        """
        self._bytes -= size_bytes
        if self._bytes < 0:
            raise UnmappableError(
                "too_large", f"the events of the request have more than {self._most} bytes", "$"
            )
        elapsed = self._monotonic() - self._since
        if elapsed < _SLICE:
            return False
        self._seconds -= elapsed
        if self._seconds < 0:
            raise UnmappableError(
                "too_slow", f"the expressions take more than {LONGEST:g} s for its items", "$"
            )
        self._since += elapsed
        return True
