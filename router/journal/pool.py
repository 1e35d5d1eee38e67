"""Commands and replies over connections that are kept at hand.

For each command redis-py waits for a condition, sets two timers, looks whether the connection is sound
and takes locks again to lay it back: four fifths of what a round trip costs its client. What runs all
day goes over connections taken from the same pool and kept, and redis-py does what it does well: it
connects, packs, parses.
"""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ResponseError

Command = tuple[Any, ...]


class CachedConnections:
    """At most ``keep`` connections are kept; whoever needs more than that takes and gives back."""

    def __init__(self, pool: ConnectionPool, *, keep: int) -> None:
        # redis-py's own annotations leave much open.
        self._pool: Any = pool
        self._keep = keep
        self._idle: list[Any] = []

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send all of them at once; the reply to each, a ResponseError for one that failed.

        Raises RedisError or OSError when the connection failed; then any of them may have run.
        """
        connection = await self._acquire()
        replies: list[Any] = []
        try:
            await connection.send_packed_command(
                connection.pack_commands(commands), check_health=False
            )
            for _ in commands:
                try:
                    replies.append(await connection.read_response())
                except ResponseError as error:
                    replies.append(error)
        except BaseException:  # broken off too: what it would answer next is not known
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
            raise
        if len(self._idle) < self._keep:
            self._idle.append(connection)
        else:
            await self._pool.release(connection)
        return replies

    async def _acquire(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if _is_open(connection):
                return connection
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
        return await self._pool.get_connection()


def _is_open(connection: Any) -> bool:
    """Whether the far side has not closed it since, as far as is known without asking."""
    # Private to redis-py, which itself reads from the socket to learn it.
    return connection.is_connected and not connection._reader.at_eof()  # noqa: SLF001
