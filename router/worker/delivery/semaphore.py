"""So many attempts of a destination at once; who finds no slot free waits in turn, for a while.

An ``asyncio.Semaphore`` within an ``asyncio.timeout`` does the same, at five times the cost, and of
a full queue each delivery waits.
"""

import asyncio
from collections import deque


class FifoSemaphore:
    """There are ``count``."""

    def __init__(self, count: int) -> None:
        self.free = count
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def take(self, *, seconds: float) -> bool:
        """Take one, waiting so long at most; False when none became free. ``release`` it."""
        if self.free:  # nobody waits then: what becomes free is handed on
            self.free -= 1
            return True
        if seconds <= 0:
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(turn)
        patience = loop.call_later(seconds, _give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():  # it was ours, and nobody will use it
                self.release()
            raise
        finally:
            patience.cancel()

    def release(self) -> None:
        """Hand a slot on to whoever waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.free += 1


def _give_up(turn: "asyncio.Future[bool]") -> None:
    if not turn.done():
        turn.set_result(False)
