"""The number of connections that a server accepts at once, learnt from its rejections.

A server says how many it accepts only by rejecting the next one. Those that are open then are the
limit. An attempt beyond it waits for a connection instead of failing. From time to time one more is
tried, because a limit may be shared with other clients, or have been raised. The pause before that
is halved by each increase that the server accepted, and doubled by each that it did not.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_FIRST_PAUSE: Final = 60.0
_SHORTEST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0


class ConnectionLimit:
    """Permits for the use of a connection, of which there are as many as the server accepts.

    Args:
        now: A monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.limit: int | None = None
        """None until the server has rejected a connection."""
        self.used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._longest = _FIRST_PAUSE
        """The pause after a rejection."""
        self._pause = _FIRST_PAUSE
        self._increase_at = 0.0
        self._is_increased = False

    async def acquire(self) -> None:
        """Wait for a permit. The caller releases it, and limits the time."""
        is_first = False
        while not self._has_room():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            # An attempt that was overtaken when it was woken stays the first.
            (self._waiting.appendleft if is_first else self._waiting.append)(waiter)
            is_first = True
            try:
                await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # the permit that this one was woken for goes to the next
                raise
        self.used += 1

    def release(self) -> None:
        """Return a permit."""
        self.used -= 1
        self._wake()

    def learn(self, others: int) -> None:
        """Record that the server rejected a connection.

        Args:
            others: The number of connections that were open.
        """
        if self.limit is None or others < self.limit:
            self.limit = max(1, others)
        if self._is_increased:
            self._longest = min(2 * self._longest, _LONGEST_PAUSE)
        self._pause = self._longest
        self._is_increased = False
        self._increase_at = self._now() + self._pause

    def _has_room(self) -> bool:
        if self.limit is None or self.used < self.limit:
            return True
        if self._now() < self._increase_at:
            return False
        self.limit += 1
        if self._is_increased:  # and no rejection since
            self._longest = _FIRST_PAUSE
            self._pause = max(self._pause / 2, _SHORTEST_PAUSE)
        self._is_increased = True
        self._increase_at = self._now() + self._pause
        return True

    def _wake(self) -> None:
        """Let the attempt that has waited longest look again."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
