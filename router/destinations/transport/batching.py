"""Attempts that are made at the same time are sent together.

The first attempt waits for a moment, sends for all and gives each its outcome. There is no task
besides the attempts, so a drain that waits for attempts waits for the batch too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from router.alerts import Delivery, Failed, Outcome
from router.tracing.outgoing import OUTGOING, sending_for_all

Send = Callable[[Sequence[Delivery]], Awaitable[Sequence[Outcome]]]
"""Sends deliveries together and returns an outcome for each, in their order."""

_INTERRUPTED = Failed("interrupted before its outcome was known")


class _Batch:
    def __init__(self, first: Delivery) -> None:
        self.deliveries = [first]
        self.traces = [OUTGOING.get()]
        self.full = asyncio.Event()
        self.outcomes: asyncio.Future[Sequence[Outcome]] = (
            asyncio.get_running_loop().create_future()
        )


class Batcher:
    """Collects attempts into batches.

    Args:
        send: Sends one batch.
        limit: The most deliveries of a batch.
        wait: Seconds after which a batch is sent even if it is not full.
    """

    def __init__(self, send: Send, *, limit: int, wait: float) -> None:
        self._send = send
        self._limit = limit
        self._wait = wait
        self._filling: dict[int, _Batch] = {}
        """The batch that is being filled, for each limit."""

    async def attempt(self, delivery: Delivery, *, limit: int | None = None) -> Outcome:
        """Send ``delivery`` in a batch and return its own outcome.

        Args:
            delivery: The delivery.
            limit: The most deliveries of its batch, if fewer than usual. It is not batched with a
                delivery that has another limit.
        """
        limit = limit or self._limit
        batch = self._filling.get(limit)
        if batch is None:
            return await self._lead(delivery, limit)
        index = len(batch.deliveries)
        batch.deliveries.append(delivery)
        batch.traces.append(OUTGOING.get())
        if index + 1 >= limit:
            self._seal(batch, limit)
            batch.full.set()
        # Shielded, because an attempt that is cancelled must not cancel the future of the others.
        outcomes = await asyncio.shield(batch.outcomes)
        return outcomes[index]

    async def _lead(self, delivery: Delivery, limit: int) -> Outcome:
        batch = _Batch(delivery)
        try:
            if limit > 1:
                self._filling[limit] = batch
                try:
                    async with asyncio.timeout(self._wait):
                        await batch.full.wait()
                except TimeoutError:
                    pass
            self._seal(batch, limit)
            with sending_for_all(batch.traces):
                outcomes = await self._send(batch.deliveries)
        except BaseException:
            self._seal(batch, limit)
            batch.outcomes.set_result([_INTERRUPTED] * len(batch.deliveries))
            raise
        batch.outcomes.set_result(outcomes)
        return outcomes[0]

    def _seal(self, batch: _Batch, limit: int) -> None:
        """Let no further attempt join ``batch``."""
        if self._filling.get(limit) is batch:
            del self._filling[limit]
