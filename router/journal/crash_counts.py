"""Counts the starts of a piece of work that have no end, because the process ended during it.

A start is counted before the piece begins and forgotten after it ends. A crash leaves the count, so
the next process knows which piece it was. Each change is one script or one command; a lost count
costs one more crash.
"""

from hashlib import blake2b
from typing import Final

from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys

_COUNTS_SECONDS: Final = 86_400


class CrashCounter:
    """Counts starts without an end. All methods raise JournalUnavailableError.

    ``piece`` is the identity of the piece within its job. It may be any text, because it is hashed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, job_id: str, piece: str) -> int:
        """Count a start; return the starts of the piece that have no end, this one included."""
        call = _COUNT_START(
            _CountStartKeys(keys.crash_counts(job_id)),
            _CountStartArguments(_field(piece), _COUNTS_SECONDS),
        )
        return int(await self._connection.run(call))

    async def end(self, job_id: str, piece: str) -> None:
        """Forget the starts of a piece, because it has ended, with or without an error."""
        redis = self._connection.redis
        await self._connection.ask(redis.hdel(keys.crash_counts(job_id), _field(piece)))


def _field(piece: str) -> str:
    return blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


class _CountStartKeys(ScriptKeys, frozen=True):
    crash_counts: str


class _CountStartArguments(PackedArguments, frozen=True):
    piece: str
    seconds: int


_COUNT_START: Final = Script("count_start", _CountStartKeys, _CountStartArguments)
