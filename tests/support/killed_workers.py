"""Two workers that evaluate waves of events and are killed in turn, on a Redis that confirms only what is on disk.

The results of a wave must not depend on the order within it, which the workers share. The next wave begins
when the one before is evaluated, so that a simulation of the waves has the same results.
"""

import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

from router.clock import system_clock
from router.events.model import Event, Received
from router.journal import ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from support.processes import RouterProcess
from support.waiting import until

BATCH = 7
"""Events of a batch. It begins with the last one of the batch before, as a duplicate."""


class KilledWorkers:
    """Enter ``running``.

    Args:
        connection: To the Redis of the workers.
        goals: A worker is killed whenever so many events are evaluated, duplicates left out.
    """

    def __init__(self, connection: Connection, goals: Sequence[int] = ()) -> None:
        self._connection = connection
        self._batches = Batches(connection, system_clock())
        self._goals = deque(goals)
        self._accepted = 0
        self._victims: Iterator[RouterProcess] = iter(())
        self.kills = 0

    @asynccontextmanager
    async def running(self, environ: Mapping[str, str]) -> AsyncIterator[Self]:
        async with (
            RouterProcess("worker", environ=environ) as first,
            RouterProcess("worker", environ=environ) as second,
        ):
            self._victims = itertools.cycle([first, second])
            yield self

    async def evaluate(self, wave: Sequence[Event]) -> None:
        """Accept a wave, and return when it is evaluated."""
        for at in range(0, len(wave), BATCH):
            batch = list(wave[max(0, at - 1) : at + BATCH])
            await self._batches.accept([Received(batch, [])])
        self._accepted += len(wave)
        while self._goals and self._goals[0] <= self._accepted:
            await self._until_evaluated(self._goals.popleft())
            await self.kill()
        await self._until_evaluated(self._accepted)

    async def kill(self) -> None:
        """Kill a worker, and start it again."""
        victim = next(self._victims)
        await victim.kill()
        await victim.start()
        self.kills += 1

    async def settled(self, destination: str) -> ledger.Ledger:
        """Return the ledger when all that was told is delivered."""

        async def books() -> ledger.Ledger | None:
            found = await ledger.read(self._connection)
            pending = found.pending or found.waiting or found.destinations[destination].pending
            return None if pending else found

        return await until(books)

    async def _until_evaluated(self, count: int) -> None:
        async def evaluated() -> bool:
            books = await ledger.read(self._connection)
            return books.accepted - books.pending - books.duplicate >= count

        await until(evaluated)
