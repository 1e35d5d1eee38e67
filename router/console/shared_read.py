"""Reads that all pages and open consoles of a process share, however many ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
FRESH_SECONDS: Final = 1.0
"""Age up to which a result is shown again."""


class SharedRead(Generic[T]):
    """A read whose result is shown for a second.

    Args:
        read: Reads.
        monotonic: The monotonic time in seconds.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._read = read
        self._monotonic = monotonic
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def __call__(self) -> T:
        """Return the result, a second old at most. Raises what the read raises."""
        async with self._one_at_a_time:
            if self._last is None or self._monotonic() - self._last[0] > FRESH_SECONDS:
                found = await self._read()
                self._last = self._monotonic(), found
            return self._last[1]

    def forget(self) -> None:
        """Read again for the next one who asks, because something was changed."""
        self._last = None
