"""Waiting for a condition, with a deadline; never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], Awaitable[T]], *, seconds: float = 60.0) -> T:
    """The first truthy value of ``condition``. Raises TimeoutError when there is none in time.

    The time is that of a busy machine, on which tests share the processor with others.
    """
    async with asyncio.timeout(seconds):
        while True:
            value = await condition()
            if value:
                return value
            await asyncio.sleep(0.005)
