"""Values that destinations store between attempts, such as the threads of a Slack channel.

They are not part of the journal's promise: a lost value costs a thread its continuation, never a
delivery. An unavailable Redis is therefore only logged.
"""

from collections.abc import Awaitable
from hashlib import blake2b
from typing import TypeVar

from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.outage_log import OUTAGES

T = TypeVar("T")


def memory_key(key: str) -> str:
    """Return the Redis key of a value."""
    return f"router:memory:{blake2b(key.encode(), digest_size=16).hexdigest()}"


class RedisDestinationStore:
    """The ``DestinationStore`` that all workers share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: str) -> bytes | None:
        """Return a value; None if there is none, or Redis is unavailable."""
        return await self._ask(self._connection.redis.get(memory_key(key)))

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Store a value for some time."""
        milliseconds = max(1, int(seconds * 1000))
        await self._ask(self._connection.redis.set(memory_key(key), value, px=milliseconds))

    async def delete(self, key: str) -> None:
        """Delete a value."""
        await self._ask(self._connection.redis.delete(memory_key(key)))

    async def _ask(self, reply: Awaitable[T]) -> T | None:
        try:
            return await self._connection.ask(reply)
        except JournalUnavailableError as error:
            OUTAGES.warning("destination store unavailable", extra={"reason": str(error)})
            return None
