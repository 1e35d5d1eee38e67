"""A FIFO semaphore with a timeout that limits concurrent attempts.

``asyncio.Semaphore`` inside ``asyncio.timeout`` gives the same result at five times the cost, and
each delivery of a full queue has to wait.
"""

import asyncio
from collections import deque


class FifoSemaphore:
    """Hands slots to waiters in the order in which they asked.

    Args:
        count: The number of slots.
    """

    def __init__(self, count: int) -> None:
        self.free = count
        """Slots that are not acquired. Above 0 only while no caller waits."""
        self._waiters: deque[asyncio.Future[bool]] = deque()

    # An own timer, not asyncio.timeout: see the cost above.
    async def acquire(self, *, timeout: float) -> bool:  # noqa: ASYNC109
        """Acquire a slot, waiting up to ``timeout`` seconds. ``release`` it afterwards.

        Returns:
            False if no slot became free in time; a timeout of 0 or less does not wait.
        """
        if self.free:  # there are no waiters then, because ``release`` hands slots to them first
            self.free -= 1
            return True
        if timeout <= 0:
            return False
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(timeout, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The slot was handed to this waiter, which will not use it.
            if not waiter.cancelled() and waiter.result():
                self.release()
            raise
        finally:
            timer.cancel()

    def release(self) -> None:
        """Hand the slot to the longest waiter, or free it."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return
        self.free += 1


def _expire(waiter: "asyncio.Future[bool]") -> None:
    if not waiter.done():
        waiter.set_result(False)
