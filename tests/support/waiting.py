"""Waiting for a condition, with a deadline; never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], Awaitable[T]], *, seconds: float = 10.0) -> T:
    """The first truthy value of ``condition``. Raises TimeoutError when there is none in time."""
    async with asyncio.timeout(seconds):
        while True:
            value = await condition()
            if value:
                return value
            await asyncio.sleep(0.005)
