"""Attempts that are under way at once leave together.

Whoever comes first waits a little for the others, sends for all, and tells each how it ended. No
task of its own: the first attempt does the work, so a drain that waits for attempts waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from router.alerts import Delivery, Failed, Outcome

Send = Callable[[Sequence[Delivery]], Awaitable[Sequence[Outcome]]]
"""Sends deliveries together; an outcome for each, in their order."""

_INTERRUPTED = Failed("interrupted before it was known how it ended")


class _Together:
    def __init__(self, first: Delivery) -> None:
        self.deliveries = [first]
        self.full = asyncio.Event()
        self.outcomes: asyncio.Future[Sequence[Outcome]] = (
            asyncio.get_running_loop().create_future()
        )


class Batcher:
    """At most ``limit`` deliveries leave together, after ``wait`` seconds at the latest."""

    def __init__(self, send: Send, *, limit: int, wait: float) -> None:
        self._send = send
        self._limit = limit
        self._wait = wait
        self._filling: _Together | None = None

    async def attempt(self, delivery: Delivery) -> Outcome:
        together = self._filling
        if together is None:
            return await self._lead(delivery)
        place = len(together.deliveries)
        together.deliveries.append(delivery)
        if place + 1 >= self._limit:
            self._filling = None
            together.full.set()
        # Shielded: one that is cancelled must not take the outcome from the others.
        outcomes = await asyncio.shield(together.outcomes)
        return outcomes[place]

    async def _lead(self, delivery: Delivery) -> Outcome:
        together = self._filling = _Together(delivery)
        try:
            try:
                async with asyncio.timeout(self._wait):
                    await together.full.wait()
            except TimeoutError:
                pass
            self._let_go(together)
            outcomes = await self._send(together.deliveries)
        except BaseException:
            self._let_go(together)
            together.outcomes.set_result([_INTERRUPTED] * len(together.deliveries))
            raise
        together.outcomes.set_result(outcomes)
        return outcomes[0]

    def _let_go(self, together: _Together) -> None:
        if self._filling is together:
            self._filling = None
