"""The destinations that are told of acknowledgements, as workers know them from their configuration.

An operator acknowledges an alert in a process that may know no destinations: ingress, or a command. So
each worker registers its own destinations repeatedly, and those that no worker has registered for a
day are not told.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection

REGISTERED_SECONDS: Final = 86_400.0


class AcknowledgementReceivers:
    """Registers and reads them. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now

    async def register(self, destinations: Mapping[str, bool]) -> None:
        """Register which of some destinations are told of acknowledgements: those that are True."""
        now_ms = int(self._now() * 1000)
        told = {name: now_ms for name, is_told in destinations.items() if is_told}
        others = destinations.keys() - told.keys()
        pipeline = self._connection.redis.pipeline(transaction=False)
        if told:
            pipeline.zadd(keys.ACKNOWLEDGEMENT_RECEIVERS, told)
        if others:
            pipeline.zrem(keys.ACKNOWLEDGEMENT_RECEIVERS, *others)
        await self._connection.ask(pipeline.execute())

    async def among(self, destinations: Iterable[str]) -> list[str]:
        """Return those of some destinations that are told of acknowledgements, in order."""
        names = list(destinations)
        if not names:
            return []
        scores: list[float | None] = await self._connection.ask(
            self._connection.redis.zmscore(keys.ACKNOWLEDGEMENT_RECEIVERS, names)
        )
        since_ms = (self._now() - REGISTERED_SECONDS) * 1000
        return [
            name
            for name, score in zip(names, scores, strict=True)
            if score is not None and score >= since_ms
        ]
