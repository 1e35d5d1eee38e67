"""Pieces of work during which the process ended: counted before each, taken back after it.

What a crash leaves is the count, so the next process knows which piece it was. Each transition is
one script or one command; a count that is lost costs one more crash.
"""

from hashlib import blake2b
from typing import Final

from router.journal import keys
from router.journal.connection import Connection, Script

_COUNT_START: Final = Script("count_start")
_KEPT_SECONDS: Final = 86400


class CrashCounter:
    """All calls raise JournalUnavailableError. ``piece`` may be any text, a stranger's too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, job_id: str, piece: str) -> int:
        """The piece is begun; how often it was and did not end, this time included."""
        return int(
            await self._connection.run(
                _COUNT_START, [keys.crash_counts(job_id)], [_field(piece), _KEPT_SECONDS]
            )
        )

    async def end(self, job_id: str, piece: str) -> None:
        """The piece has ended, well or badly."""
        await self._connection.ask(
            self._connection.redis.hdel(keys.crash_counts(job_id), _field(piece))
        )


def _field(piece: str) -> str:
    return blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
