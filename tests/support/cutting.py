"""A connection to Redis that is cut at a command that the test names: a crash, seen from Redis."""

from collections.abc import Awaitable
from typing import TypeVar

from router.errors import JournalUnavailableError
from router.journal.connection import Connection

T = TypeVar("T")


class Cutting(Connection):
    """Fails at the ``cut_at``-th command and ever after, before or after it has happened."""

    def __init__(self, connection: Connection, cut_at: int, *, happens: bool) -> None:
        # It is thrown away without being closed: what it kept would be missing in the pool.
        super().__init__(connection.redis, deadline=5.0, keep=0)
        self._left = cut_at
        self._happens = happens

    async def ask(self, reply: Awaitable[T]) -> T:
        self._left -= 1
        if self._left > 0 or (self._left == 0 and self._happens):
            answer = await super().ask(reply)
            if self._left > 0:
                return answer
        else:
            reply.close()  # type: ignore[attr-defined]
        raise JournalUnavailableError("cut")
