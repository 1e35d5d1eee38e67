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
_ENOUGH: Final = 32
"""Events that are worth a job of their own: what a job costs the worker is then a tenth of what its
events do."""
_KEPT_UP: Final = 4
"""Jobs that wait while workers keep up; there is no need to make fewer of them."""
_BEHIND: Final = 20
"""Jobs that wait when pacing is in full force."""


def event_commit(
    batches: Batches,
    metrics: Metrics,
    *,
    interval: float,
    max_waiting: int,
    monotonic: Callable[[], float],
) -> GroupCommit[Received]:
    """The commit that ingress makes its events durable with.

    ``interval``, in seconds, is the pace of small commits while workers are behind; the more they
    keep up, the shorter it becomes.
    """
    behind = 0.0

    async def write(group: list[Received]) -> None:
        nonlocal behind
        started = monotonic()
        waiting = await batches.accept(group)
        behind = min(1.0, max(0.0, (waiting - _KEPT_UP) / (_BEHIND - _KEPT_UP)))
        metrics.commit_seconds.observe(monotonic() - started)
        metrics.commit_events.observe(sum(len(received.events) for received in group))

    return GroupCommit(
        write,
        interval=lambda: behind * interval,
        enough=_ENOUGH,
        max_waiting=max_waiting,
        max_group=_MAX_GROUP,
        monotonic=monotonic,
    )


def weight(received: Received, size_bytes: int) -> int:
    """How many waiting events a request counts as."""
    return max(len(received.events) + len(received.malformed), -(-size_bytes // _EVENT_SIZE))
