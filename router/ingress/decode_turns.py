"""Turns of large bodies: one is decoded at a time, and small requests are answered in between."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from router.ingress.responses import RETRY_SOON, RequestRejectedError

LARGE_BODY: Final = 256 << 10
"""Bytes from which a body waits for its turn. Smaller ones hold the event loop for a few ms at most."""
_LONG_TURN: Final = 0.025
"""Seconds. After a turn that was longer, the loop is free of large bodies for as long again."""


class DecodeTurns:
    """Gives turns to decode, in order of arrival.

    Args:
        monotonic: The clock.
        max_wait: Seconds until a body that has no turn is rejected.
        max_bytes: Bytes of all bodies that wait. A body waits alone whatever its size.
    """

    def __init__(self, monotonic: Callable[[], float], *, max_wait: float, max_bytes: int) -> None:
        self._monotonic = monotonic
        self._max_wait = max_wait
        self._max_bytes = max_bytes
        self._turn = asyncio.Lock()
        self._waiting_bytes = 0
        self._next_turn_at = 0.0

    async def take(self, size: int) -> None:
        """Return when the caller may decode; its turn ends when it next awaits.

        Raises:
            RequestRejectedError: Too many bodies wait, or this one waited for too long.
        """
        if size < LARGE_BODY:
            return
        if self._waiting_bytes and self._waiting_bytes + size > self._max_bytes:
            raise _overloaded()
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(self._max_wait):
                await self._begin_turn()
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting_bytes -= size

    async def _begin_turn(self) -> None:
        await self._turn.acquire()
        try:
            pause = self._next_turn_at - self._monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
        except BaseException:
            self._turn.release()
            raise
        # The loop calls it after the step of this task, which decodes.
        asyncio.get_running_loop().call_soon(self._end_turn, self._monotonic())

    def _end_turn(self, began: float) -> None:
        now = self._monotonic()
        took = now - began
        self._next_turn_at = now + took if took > _LONG_TURN else now
        self._turn.release()


def _overloaded() -> RequestRejectedError:
    return RequestRejectedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "overloaded",
        "too many large bodies arrive at once",
        headers=RETRY_SOON,
    )
