"""A worker that records history, and ends its deliveries at will."""

from collections.abc import Sequence

import msgspec

from router.alerts import Attempt, Delivery
from router.events.masks import NO_MASKS, Masks
from router.history.delivery_history import DeliveryHistory
from router.history.event_history import EventHistory
from router.history.kept_body import BodyKeeper
from router.journal import keys
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.history_log import HistoryLimits, HistoryLog
from router.journal.memory_budget import MemoryBudget
from router.journal.settlements import Done, GivenUp, Settlement
from router.settings.choices import KeptBody
from router.worker.evaluation.batch_job import BatchJob
from router.worker.evaluation.history_entry import EventEntries
from support.clock import SetClock
from support.world import World, batch_journal

WEEK = 7 * 86_400.0
LIMITS = HistoryLimits(age_seconds=WEEK, share=0.1)


class Past(World):
    """One worker with a history."""

    def __init__(
        self,
        connection: Connection,
        time: SetClock,
        rules: str,
        *,
        limits: HistoryLimits = LIMITS,
        kept: KeptBody = KeptBody.FULL,
        masked: Sequence[str] = (),
    ) -> None:
        self.budget = MemoryBudget(connection, watermark=0.9)
        self.log = HistoryLog(limits, self.budget)
        self._kept = kept, Masks.parse(masked)
        super().__init__(connection, time, rules)
        self.deliveries = Deliveries(connection, self.clock, self.log)
        self.events = EventHistory(connection, NO_MASKS)
        self.ended = DeliveryHistory(connection)

    def worker(self, connection: Connection) -> BatchJob:
        """One more worker on the same rules, with the same history."""
        journal = msgspec.structs.replace(
            batch_journal(connection, self.clock),
            history=EventEntries(self.log, BodyKeeper(*self._kept, self.live), self.clock),
        )
        return BatchJob(journal, self.live, self.metrics, self.clock, dedup_window=86_400)

    async def waiting(self, destination: str = "noc") -> list[tuple[keys.SetId, Delivery]]:
        """The deliveries that are open, with their sets."""
        found = []
        for member in await self.connection.redis.zrange(keys.open_sets(destination), 0, 99):
            set_id = keys.SetId(member.decode())
            page = await self.deliveries.begin(set_id, destination)
            found += [(set_id, delivery) for delivery in page.deliveries]
        return found

    async def deliver(self, destination: str = "noc") -> list[Delivery]:
        """Settle all deliveries of a destination as delivered, after 82 ms."""
        waiting = await self.waiting(destination)
        done: Sequence[Settlement] = [
            Done(set_id, delivery, 0.082, 200) for set_id, delivery in waiting
        ]
        await self.deliveries.settle(list(done))
        return [delivery for _, delivery in waiting]

    async def give_up(self, reason: str, destination: str = "noc") -> list[Delivery]:
        """Make dead letters of all deliveries of a destination."""
        waiting = await self.waiting(destination)
        attempt = Attempt(number=1, at=self.time.now, seconds=0.5, reason=reason, status=404)
        tried = [
            (set_id, msgspec.structs.replace(delivery, failed_attempts=(attempt,)))
            for set_id, delivery in waiting
        ]
        await self.deliveries.settle([GivenUp(set_id, each, reason) for set_id, each in tried])
        return [each for _, each in tried]
