"""Group commit of requests: waiting requests become one batch, in one round trip to Redis.

A small batch waits for the commit interval, in case more requests arrive. It does not wait once
every sender has a request in it: a sender waits for its response, so that each connection brings
one request at a time, and no more can arrive.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakSet

from router.events.model import Received
from router.ingress.admission import AdmissionControl
from router.journal.batches import BATCH_SIZE, EVENT_SIZE, Batches
from router.journal.group_commit import GroupCommit
from router.metrics import Metrics

_MIN_BATCH: Final = 32
"""Events that never wait for more: the round trip costs a tenth of what so many events cost."""
_EVENT_BYTES: Final = 300
"""Bytes of an event in Redis besides its body: its attributes and identity."""


class EventCommit(GroupCommit[Received, None]):
    """The group commit of ingress. Its methods raise what ``GroupCommit.commit`` raises.

    Args:
        batches: Writes a batch to Redis.
        admission: Whether Redis has room for it.
        metrics: Observes each commit.
        interval: Seconds between two commits of small batches.
        max_waiting: Weight of the requests that may wait; above it, requests are rejected.
        monotonic: The clock, in seconds.
    """

    def __init__(
        self,
        batches: Batches,
        admission: AdmissionControl,
        metrics: Metrics,
        *,
        interval: float,
        max_waiting: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._admission = admission
        self._metrics = metrics
        self._now = monotonic
        self._senders: WeakSet[Any] = WeakSet()
        super().__init__(
            self._accept,
            interval=interval,
            enough=self._enough_events,
            max_waiting=max_waiting,
            max_group=self._batch_weight,
            monotonic=monotonic,
        )

    async def commit_from(self, connection: object, received: Received, size_bytes: int) -> None:
        """Commit the events of a request, and return once they are durable.

        Args:
            connection: The connection of the request, None if it closed meanwhile.
            received: The events and malformed items of the request.
            size_bytes: Size of the request's body.

        Raises:
            OverloadedError: Too many requests wait already.
            JournalUnavailableError: Redis did not confirm in time.
        """
        if connection is not None and connection not in self._senders:
            self._senders.add(connection)
        await self.commit(received, weight(received, size_bytes))

    def _enough_events(self) -> int:
        return min(_MIN_BATCH, max(1, len(self._senders)))

    def _batch_weight(self) -> int:
        return min(BATCH_SIZE, self._admission.batch_bytes // EVENT_SIZE)

    async def _accept(self, group: list[Received]) -> Sequence[None]:
        started = self._now()
        await self._admission.reserve(sum([size_of(received) for received in group]))
        await self._batches.accept(group, max_weight=self._batch_weight())
        self._metrics.commit_seconds.observe(self._now() - started)
        self._metrics.commit_events.observe(sum(len(received.events) for received in group))
        return [None] * len(group)


def size_of(received: Received) -> int:
    """Return about how many bytes the events of a request take in Redis."""
    bodies = sum([len(event.body) + len(event.trace) for event in received.events])
    bodies += sum([len(item.body) for item in received.malformed])
    return bodies + _EVENT_BYTES * (len(received.events) + len(received.malformed))


def weight(received: Received, size_bytes: int) -> int:
    """Return as how many waiting events a request counts: its items, or more if it is large."""
    return max(len(received.events) + len(received.malformed), -(-size_bytes // EVENT_SIZE))
