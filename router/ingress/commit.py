"""Group commit of requests: waiting requests -> one batch -> one round trip to Redis.

A small batch is held back for the pace, in case more comes. It is not when nobody is left who could
send more: senders wait for their answers, so each connection brings one request at a time.
"""

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from router.events.model import Received
from router.journal.batches import BATCH_SIZE, EVENT_SIZE, Batches
from router.journal.group_commit import GroupCommit
from router.metrics import Metrics

_ENOUGH: Final = 32
"""Events that are worth a round trip of their own: what one costs is then a tenth of what they do."""


class EventCommit(GroupCommit[Received]):
    """The commit that ingress makes its events durable with. ``interval`` is in seconds."""

    def __init__(
        self,
        batches: Batches,
        metrics: Metrics,
        *,
        interval: float,
        max_waiting: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._metrics = metrics
        self._now = monotonic
        self._senders: WeakSet[Any] = WeakSet()
        super().__init__(
            self._accept,
            interval=interval,
            enough=self._worth_a_trip,
            max_waiting=max_waiting,
            max_group=BATCH_SIZE,
            monotonic=monotonic,
        )

    async def commit_from(self, connection: object, received: Received, size_bytes: int) -> None:
        """Return once the events of a request are durable. ``connection`` is what it came over.

        Raises OverloadedError, JournalUnavailableError.
        """
        if connection is not None and connection not in self._senders:  # None: closed meanwhile
            self._senders.add(connection)
        await self.commit(received, weight(received, size_bytes))

    def _worth_a_trip(self) -> int:
        return min(_ENOUGH, max(1, len(self._senders)))

    async def _accept(self, group: list[Received]) -> None:
        started = self._now()
        await self._batches.accept(group)
        self._metrics.commit_seconds.observe(self._now() - started)
        self._metrics.commit_events.observe(sum(len(received.events) for received in group))


def weight(received: Received, size_bytes: int) -> int:
    """How many waiting events a request counts as."""
    return max(len(received.events) + len(received.malformed), -(-size_bytes // EVENT_SIZE))
