"""Acknowledgements of alerts. An acknowledgement ends the escalation of its alerts.

It covers the alerts notified until then: a later alert with the same key escalates again.
"""

from typing import Final

import msgspec

from router.alerts import AlertKey
from router.journal import keys
from router.journal.connection import Connection

REMEMBERED_SECONDS: Final = 30 * 86_400
"""How long an acknowledgement is stored."""
BY_LIMIT: Final = 200
"""Characters of a name that are stored."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """An operator takes care of the alerts with one key."""

    by: str
    """The operator's name."""
    at: float
    """Unix time in seconds."""


class Acknowledgements:
    """Stores acknowledgements. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def acknowledge(self, key: AlertKey, by: str, at: float) -> None:
        """Record that ``by`` takes care of the alerts with a key, from ``at`` (Unix seconds).

        Idempotent. A later acknowledgement replaces an earlier one.
        """
        name = keys.acknowledgement(key)
        async with self._connection.redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(name, mapping={"by": by[:BY_LIMIT], "at": int(at * 1000)})
            pipeline.expire(name, REMEMBERED_SECONDS)
            await self._connection.ask(pipeline.execute())

    async def acknowledged(self, key: AlertKey) -> Acknowledgement | None:
        """Return the last acknowledgement; None if there is none."""
        by, at = await self._connection.ask(
            self._connection.redis.hmget(keys.acknowledgement(key), "by", "at")
        )
        return None if at is None else Acknowledgement(by.decode(), int(at) / 1000)
