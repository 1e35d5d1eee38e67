"""Who takes care of which alerts. An acknowledgement ends their escalation.

It is about what was told until then: an alert that is told later under the same key escalates anew.
"""

from typing import Final

import msgspec

from router.alerts import AlertKey
from router.journal import keys
from router.journal.connection import Connection

REMEMBERED_SECONDS: Final = 30 * 86_400
BY_LIMIT: Final = 200
"""Characters of a name that are kept."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """Somebody takes care of the alerts with one key."""

    by: str
    at: float
    """Unix time in seconds."""


class Acknowledgements:
    """The journal's side of acknowledging."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def acknowledge(self, key: AlertKey, by: str, at: float) -> None:
        """Say that ``by`` takes care of the alerts with this key. The last one counts.

        Idempotent. Raises JournalUnavailableError.
        """
        name = keys.acknowledgement(key)
        async with self._connection.redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(name, mapping={"by": by[:BY_LIMIT], "at": int(at * 1000)})
            pipeline.expire(name, REMEMBERED_SECONDS)
            await self._connection.ask(pipeline.execute())

    async def acknowledged(self, key: AlertKey) -> Acknowledgement | None:
        """The last acknowledgement, None where there is none. Raises JournalUnavailableError."""
        by, at = await self._connection.ask(
            self._connection.redis.hmget(keys.acknowledgement(key), "by", "at")
        )
        return None if at is None else Acknowledgement(by.decode(), int(at) / 1000)
