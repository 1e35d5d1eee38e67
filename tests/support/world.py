"""A worker on a real Redis with a set clock: events go in, and the test sees who would be told."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from router.alerts import AlertStatus, Delivery
from router.clock import Clock
from router.configuration.load import load
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.errors import PostponedError
from router.events.decode import decode_request
from router.events.model import (
    Event,
    Received,
)
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.finish import Finish
from router.journal.keys import BatchId, TimerId
from router.journal.lanes import release_stalled
from router.journal.looks import Looks
from router.journal.rule_state import RuleState
from router.journal.stored_alerts import StoredAlerts, decode_delivery
from router.journal.timers import Timers
from router.journal.unknown_rules import UnknownRules
from router.metrics import Metrics
from router.worker.evaluation.batch_job import BatchJob, BatchJournal
from router.worker.evaluation.earlier_batches import EarlierBatches
from router.worker.evaluation.evaluation_admission import EvaluationAdmission
from router.worker.evaluation.timer_job import TimerJob, TimerJournal
from router.worker.evaluation.unknown_features import UnknownFeatures
from router.worker.queue.poison import PoisonDetector
from support.clock import SetClock

PLACES = "destinations: {noc: {capture: {}}, boss: {capture: {}}}\n"
ORPHAN_TIMEOUT = 600.0


def batch_journal(connection: Connection, clock: Clock) -> BatchJournal:
    """Return the journal of an evaluation job."""
    return BatchJournal(
        Batches(connection, clock),
        PoisonDetector(CrashCounter(connection)),
        EvaluationAdmission(connection, Metrics(), clock),
    )


def configuration(rules: str) -> Configuration:
    """A rules folder with two destinations, ``noc`` and ``boss``, and these rules."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "places.yaml").write_text(PLACES)
        (Path(folder) / "rules.yaml").write_text(rules)
        return load(Path(folder), {})


def event(number: str, now: float, **fields: Any) -> Event:
    """An event of type ``a`` that came in now; ``type``, ``time`` and ``source`` may be given, else data."""
    given = ("type", "time", "source")
    attributes = {name: fields.pop(name) for name in given if name in fields}
    document = {
        "specversion": "1.0",
        "id": number,
        "source": "s",
        "type": "a",
        "data": fields,
        **attributes,
    }
    body = msgspec.json.encode(document)
    return decode_request(body, received_at=now, max_events=1).events[0]


def _age(delivery: Delivery) -> tuple[float, bool, str]:
    alert = delivery.alert
    return alert.raised_at, alert.status is AlertStatus.RESOLVED, alert.event_id


class World:
    """One worker. ``connection`` may be another than the one that the test looks through."""

    def __init__(self, connection: Connection, time: SetClock, rules: str) -> None:
        self.connection = connection
        self.time = time
        self.clock = time.clock()
        self.metrics = Metrics()
        self.configuration = configuration(rules)
        self.live = ActiveConfiguration(self.configuration)
        self.unknown = UnknownFeatures(
            UnknownRules(connection, self.clock), self.live, self.clock, after=ORPHAN_TIMEOUT
        )
        self.earlier = EarlierBatches(self.metrics, self.clock)
        self.batches = Batches(connection, self.clock)
        self.looks = Looks(connection, self.clock)
        self.pages = 0
        """Times at which ``passes`` has opened looks."""
        self.evaluate = self.worker(connection)

    def worker(self, connection: Connection) -> BatchJob:
        """One more worker on the same rules."""
        return BatchJob(
            batch_journal(connection, self.clock),
            self.live,
            self.metrics,
            self.clock,
            dedup_window=86_400,
        )

    def timer_worker(self, connection: Connection) -> TimerJob:
        """One more worker that fires timers."""
        journal = TimerJournal(
            Timers(connection, self.clock),
            RuleState(connection),
            Finish(connection, self.clock),
            self.earlier,
        )
        detector = PoisonDetector(CrashCounter(connection))
        return TimerJob(journal, self.live, self.metrics, self.clock, detector, self.unknown)

    async def timers(self) -> list[tuple[TimerId, float]]:
        """The timers that are set, and in how many seconds each is due."""
        found = await self.connection.redis.zrange(keys.TIMERS, 0, -1, withscores=True)
        return [(TimerId(name.decode()), due / 1000 - self.time.now) for name, due in found]

    async def passes(self, seconds: float) -> None:
        """Let time pass; each timer is fired when it is due, unless an earlier batch is open."""
        end = self.time.now + seconds
        firing = self.timer_worker(self.connection)
        while await self.connection.redis.exists(keys.SWEEP):
            await self.looks.open_due()
        postponed: set[TimerId] = set()
        while True:
            due = [
                each
                for each in await self.timers()
                if self.time.now + each[1] <= end and each[0] not in postponed
            ]
            look_at = await self._next_look()
            if look_at <= min([end, *(self.time.now + wait for _, wait in due[:1])]):
                self.time.now = max(self.time.now, look_at)
                self.pages += 1
                await self.looks.open_due()
            elif due:
                timer_id, wait = due[0]
                self.time.now += max(0.0, wait)
                try:
                    await firing.run(timer_id)
                except PostponedError:
                    postponed.add(timer_id)
            else:
                break
        self.time.now = end

    async def due_in(self) -> float:
        """In how many seconds the next timer or look is due; infinite if there is none."""
        timers = [wait for _, wait in await self.timers()]
        return min([*timers[:1], await self._next_look() - self.time.now])

    async def _next_look(self) -> float:
        """When a keyed alert must be judged next, in Unix seconds."""
        found = await self.connection.redis.zrange(keys.LOOKS, 0, 0, withscores=True)
        return found[0][1] / 1000 if found else math.inf

    def event(self, number: str, **fields: Any) -> Event:
        return event(number, self.time.now, **fields)

    async def accept(self, events: Sequence[Event]) -> BatchId:
        """Make a batch of these alone, not yet evaluated."""
        await self.connection.redis.delete(keys.filling(keys.EVALUATE_QUEUE))
        known = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1))
        await self.batches.accept([Received(list(events), [])])
        (new,) = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1)) - known
        return BatchId(new.decode())

    async def send(self, *events: Event) -> None:
        """Let a batch of these come in and be evaluated."""
        await self.evaluate.run(await self.accept(events))

    async def told(self, destination: str = "noc") -> list[Delivery]:
        """Take out what would be delivered, oldest first.

        Sorted here, because a Redis hash has no order. An alert stands before its own end.
        """
        redis = self.connection.redis
        deliveries: list[Any] = []
        while sets := await redis.zrange(keys.open_sets(destination), 0, -1):
            for set_id in sets:
                name = keys.delivery_set(keys.SetId(set_id.decode()))
                found = [decode_delivery(record) for record in (await redis.hgetall(name)).values()]
                deliveries += await StoredAlerts(self.connection).restore(found)
                await redis.delete(name)
                await redis.zrem(keys.open_sets(destination), set_id)
            await release_stalled(self.connection, destination, self.clock)
        return sorted(deliveries, key=_age)

    async def ledger(self) -> ledger.Ledger:
        return await ledger.read(self.connection)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
