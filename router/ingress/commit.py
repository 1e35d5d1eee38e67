"""Group commit of requests: waiting requests -> one batch -> one round trip to Redis."""

from collections.abc import Callable
from typing import Final

from router.events import Received
from router.journal.batches import Batches
from router.journal.group_commit import GroupCommit
from router.telemetry import Metrics

_EVENT_SIZE: Final = 4096
"""Bytes that one waiting event stands for: larger ones count as several, so that the bound on
waiting events bounds memory too."""
_MAX_GROUP: Final = 1000


def event_commit(
    batches: Batches,
    metrics: Metrics,
    *,
    interval: float,
    max_waiting: int,
    monotonic: Callable[[], float],
) -> GroupCommit[Received]:
    """The commit that ingress makes its events durable with. ``interval`` is in seconds."""

    async def write(group: list[Received]) -> None:
        started = monotonic()
        await batches.accept(group)
        metrics.commit_seconds.observe(monotonic() - started)
        metrics.commit_events.observe(sum(len(received.events) for received in group))

    return GroupCommit(
        write,
        interval=interval,
        max_waiting=max_waiting,
        max_group=_MAX_GROUP,
        monotonic=monotonic,
    )


def weight(received: Received, size_bytes: int) -> int:
    """How many waiting events a request counts as."""
    return max(len(received.events) + len(received.malformed), -(-size_bytes // _EVENT_SIZE))
