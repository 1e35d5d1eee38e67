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
        self._kept: list[Any] = []

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send all of them at once; the reply to each, a ResponseError for one that failed.

        Raises RedisError or OSError when the connection failed; then any of them may have run.
        """
        wire = await self._take()
        replies: list[Any] = []
        try:
            await wire.send_packed_command(wire.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    replies.append(await wire.read_response())
                except ResponseError as error:
                    replies.append(error)
        except BaseException:  # broken off too: what it would answer next is not known
            await wire.disconnect(nowait=True)
            await self._pool.release(wire)
            raise
        if len(self._kept) < self._keep:
            self._kept.append(wire)
        else:
            await self._pool.release(wire)
        return replies

    async def _take(self) -> Any:
        while self._kept:
            wire = self._kept.pop()
            if _is_open(wire):
                return wire
            await wire.disconnect(nowait=True)
            await self._pool.release(wire)
        return await self._pool.get_connection()


def _is_open(wire: Any) -> bool:
    """Whether the far side has not closed it since, as far as is known without asking."""
    # Private to redis-py, which itself reads from the socket to learn it.
    return wire.is_connected and not wire._reader.at_eof()  # noqa: SLF001
