"""What destinations remember between attempts: the threads of a Slack channel, for one.

Not part of the journal's promise: what is forgotten costs a thread its continuation, never a
delivery. So Redis being away is logged and no more.
"""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection

logger = logging.getLogger(__name__)

T = TypeVar("T")


class RedisDestinationStore:
    """The ``Memory`` of all workers on one Redis."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: str) -> bytes | None:
        return await self._ask(self._connection.redis.get(keys.destination_memory(key)))

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        milliseconds = max(1, int(seconds * 1000))
        await self._ask(
            self._connection.redis.set(keys.destination_memory(key), value, px=milliseconds)
        )

    async def delete(self, key: str) -> None:
        await self._ask(self._connection.redis.delete(keys.destination_memory(key)))

    async def _ask(self, reply: Awaitable[T]) -> T | None:
        try:
            return await self._connection.ask(reply)
        except JournalUnavailableError as error:
            logger.warning("the memory of destinations is away", extra={"reason": str(error)})
            return None
