"""Connections to Redis that are kept ready between commands.

redis-py does a lot for each command that it takes a connection for (see ``redis_adapter``). A
connection that is kept costs none of it. redis-py still connects, and parses the replies.
"""

from collections.abc import Sequence
from typing import Any

from arq.connections import ArqRedis

from router.journal import redis_adapter
from router.journal.redis_adapter import Command, DirectConnection
from router.journal.sentinel import PrimaryChangedError


class CachedConnections:
    """Runs commands on connections of a pool, of which up to ``keep`` stay acquired.

    A command that finds none of them free acquires another one from the pool and returns it.
    """

    def __init__(self, redis: ArqRedis, *, keep: int) -> None:
        self._redis = redis
        self._keep = keep
        self._idle: list[DirectConnection] = []
        self._generation = 0
        self._primary = 0
        """Counts the primaries."""
        self._is_direct = redis_adapter.is_usable()

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands at once; return the reply to each, a ResponseError for one that failed.

        Raises RedisError or OSError if the connection failed; any of the commands may have run.
        """
        if not self._is_direct:
            return await redis_adapter.execute_publicly(self._redis, commands)
        generation, primary = self._generation, self._primary
        connection = await self._acquire()
        try:
            replies = await connection.execute(commands)
        except BaseException:  # a cancellation too, because the next reply would be unknown
            await connection.close()
            raise
        if generation != self._generation:
            await connection.close()
            if primary != self._primary:
                # The former primary may lose what it has just written, whatever it has replied.
                raise PrimaryChangedError("another server becomes the primary, or has become it")
        elif len(self._idle) < self._keep:
            self._idle.append(connection)
        else:
            await connection.release()
        return replies

    async def give_up(self, *, has_successor: bool = False) -> None:
        """Close all connections: idle ones now, others when their replies have been read.

        With ``has_successor``, the primary is being replaced, and these replies are errors.
        """
        self._generation += 1
        self._primary += has_successor
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()
        await redis_adapter.give_up(self._redis)

    async def _acquire(self) -> DirectConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            await connection.close()
        return await DirectConnection.acquire(self._redis)
