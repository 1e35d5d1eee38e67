"""Deliveries that are sent in one request, and in smaller ones if the receiver rejects it.

A batch that is rejected for its content (400, 422) or its size (413) is halved until each bad
delivery is alone, the halves at the same time, so that n deliveries take the time of log2(n)
requests. The size that was too large is remembered, so that the next batches fit. If the time is up
nevertheless, the deliveries that are undecided are retried in batches of half the size.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome
from router.destinations.rendering.json_body import Body, batch_body

UNDECIDED: Final = "its batch was being halved when the time was up"
"""The reason of a failed attempt after which a delivery is sent in a smaller batch."""

# In reply to a batch, these may be due to one of its elements; other statuses concern all of it.
_ONE_MAY_BE_BAD: Final = frozenset({400, 413, 422})
_TOO_LARGE: Final = 413
_FORGOTTEN_AFTER: Final = 3600.0
"""Seconds after which a larger batch is tried again."""


class BatchItem(msgspec.Struct, frozen=True):
    """One delivery of a batch and its element."""

    delivery: Delivery
    body: Body


SendTogether = Callable[[Body, str], Awaitable[Outcome]]
"""Sends a batch under a message id, and returns its outcome."""


class BatchSender:
    """Sends batches.

    Args:
        send: Sends one request.
        concurrency: The most requests at once.
        longest: Seconds after which all requests of a batch have ended.
        max_body: The largest body that the receiver takes; None if that is not known.
        now: The wall clock.
    """

    def __init__(
        self,
        send: SendTogether,
        *,
        concurrency: int,
        longest: float,
        max_body: int | None,
        now: Callable[[], float],
    ) -> None:
        self._send = send
        self._slots = asyncio.Semaphore(concurrency)
        self._longest = longest
        self._sizes = _LearntSize(max_body, now)

    async def send(self, items: Sequence[BatchItem]) -> Sequence[Outcome]:
        """Send items together and return the outcome of each."""
        outcomes: dict[str, Outcome] = {}
        try:
            async with asyncio.timeout(self._longest), asyncio.TaskGroup() as group:
                for part in self._sizes.cut(items):
                    group.create_task(self._send_part(part, outcomes))
        except TimeoutError:
            pass
        return [outcomes.get(item.delivery.id, Failed(UNDECIDED)) for item in items]

    async def _send_part(self, part: Sequence[BatchItem], outcomes: dict[str, Outcome]) -> None:
        body = batch_body([item.body for item in part])
        async with self._slots:
            outcome = await self._send(body, _batch_id([item.delivery.id for item in part]))
        if isinstance(outcome, Delivered):
            self._sizes.note_fitting(len(body.content))
        elif outcome.status == _TOO_LARGE:
            self._sizes.note_too_large(len(body.content))
        is_rejected = not isinstance(outcome, Delivered) and outcome.status in _ONE_MAY_BE_BAD
        if not is_rejected or len(part) == 1:
            outcomes.update({item.delivery.id: outcome for item in part})
            return
        middle = len(part) // 2
        async with asyncio.TaskGroup() as group:
            for half in (part[:middle], part[middle:]):
                group.create_task(self._send_part(half, outcomes))


class _LearntSize:
    """The size of the bodies that a receiver takes, as far as its replies have shown."""

    def __init__(self, max_body: int | None, now: Callable[[], float]) -> None:
        self._max_body = max_body
        self._now = now
        self._fitting = 0
        self._too_large: int | None = None
        self._until = 0.0

    def note_fitting(self, size: int) -> None:
        """Record that a body of ``size`` bytes was taken."""
        self._fitting = max(self._fitting, size)

    def note_too_large(self, size: int) -> None:
        """Record that a body of ``size`` bytes was too large."""
        self._too_large = size if self._too_large is None else min(self._too_large, size)
        self._fitting = self._fitting if self._fitting < size else 0
        self._until = self._now() + _FORGOTTEN_AFTER

    def cut(self, items: Sequence[BatchItem]) -> list[Sequence[BatchItem]]:
        """Return items in parts that fit; an item that is larger by itself is alone."""
        limit = self._limit()
        if limit is None:
            return [items]
        parts: list[list[BatchItem]] = []
        room = 0
        for item in items:
            size = len(item.body.content) + 1  # with its comma
            if not parts or room < size:
                parts.append([])
                room = limit - 1
            parts[-1].append(item)
            room -= size
        return list(parts)

    def _limit(self) -> int | None:
        if self._too_large is not None and self._now() >= self._until:
            self._too_large = None
        known = None if self._too_large is None else max(self._fitting, self._too_large // 2)
        limits = [limit for limit in (self._max_body, known) if limit is not None]
        return min(limits, default=None)


def batch_limit(delivery: Delivery, most: int) -> int:
    """Return the most deliveries of the batch in which ``delivery`` is sent.

    Half as many for each attempt in which its batch was being halved when the time was up, so that it
    is alone in the end.
    """
    undecided = sum(past.reason == UNDECIDED for past in delivery.failed_attempts)
    return max(1, most >> undecided)


def _batch_id(ids: Sequence[str]) -> str:
    """Return the id of a request: its only delivery's, else one derived from all their ids."""
    if len(ids) == 1:
        return ids[0]
    return f"batch_{blake2b(' '.join(ids).encode(), digest_size=12).hexdigest()}"
