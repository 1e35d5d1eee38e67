"""A piece that ended processes is not begun again; other pieces of its job are."""

import asyncio

import pytest
from support.clock import SetClock
from support.events import event_from
from support.world import World

from router.alerts import alert_id
from router.clock import Clock
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.errors import PoisonError
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.keys import BatchId
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord
from router.metrics import Metrics
from router.rules.index.rule_set import RuleSet
from router.worker.evaluation.batch_job import BatchJob, BatchJournal
from router.worker.evaluation.evaluation_admission import EvaluationAdmission
from router.worker.queue.poison import POISON, PoisonDetector


@pytest.fixture
def detector(connection: Connection) -> PoisonDetector:
    return PoisonDetector(CrashCounter(connection))


@pytest.mark.fault_row(60)
async def test_an_event_that_ended_three_processes_is_quarantined_and_the_others_are_evaluated(
    connection: Connection, clock: Clock, detector: PoisonDetector, sample: bytes
) -> None:
    """Mutant: a piece may end four processes."""
    events = [event_from(sample, id=f"NO{number}") for number in range(3)]
    batches = Batches(connection, clock)
    await batches.accept([Received(events, [])])
    for _ in range(2):
        await CrashCounter(connection).begin("id0001", events[1].key)
    live = ActiveConfiguration(Configuration(rules=RuleSet([]), destinations=(), generation="x"))
    evaluate = BatchJob(
        BatchJournal(batches, detector, EvaluationAdmission(connection, Metrics(), clock)),
        live,
        Metrics(),
        clock,
        dedup_window=60.0,
    )

    assert await evaluate.run(BatchId("id0001"), 4)

    (item,) = (await Quarantine(connection, clock).find(QuarantineFilter())(None, 10)).items
    assert (item.record.reason, item.record.body) == (POISON, events[1].body)
    counts = await ledger.read(connection)
    assert (counts.filtered, counts.quarantined, counts.pending) == (2, 1, 0)


async def test_an_attempt_that_raises_is_no_poison_and_leaves_no_mark(
    connection: Connection, detector: PoisonDetector
) -> None:
    def fail() -> None:
        raise ValueError

    assert [await detector.probe("job", "piece", fail) for _ in range(5)] == [True] * 5
    assert not await connection.redis.exists(keys.crash_counts("job"))


async def test_pieces_begin_one_at_a_time(detector: PoisonDetector) -> None:
    under_way: list[int] = []
    most = 0

    async def attempt(number: int) -> None:
        nonlocal most
        under_way.append(number)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):

            def start(number: int = number) -> "asyncio.Task[None]":
                return group.create_task(attempt(number))

            group.create_task(detector.begin("job", str(number), start))  # type: ignore[arg-type]
    assert most == 1


WAITING = """
rules:
  - name: many
    events: [a]
    group: {wait: 30s, interval: 1m}
    resolve: {events: [up], by: [data.host]}
    send_to: [noc]
  - name: missing
    events: [b]
    absent: {event: c, for: 30s, by: [data.host]}
    send_to: [noc]
  - name: urgent
    events: [d]
    escalate: [{after: 30s, send_to: [boss]}, {after: 30s, send_to: [boss]}]
    send_to: [noc]
"""


class Poisoned:
    """A world in which the timers of some events have already ended two processes."""

    def __init__(self, connection: Connection, time: SetClock) -> None:
        self.world = World(connection, time, WAITING)
        self.crashes = CrashCounter(connection)
        self.quarantine = Quarantine(connection, self.world.clock)

    async def fire(self, *events: str) -> None:
        """Start the due timer for the fourth time."""
        await self.world.passes(29.9)
        self.world.time.now += 0.1
        ((timer_id, _), *_) = sorted(await self.world.timers(), key=lambda each: each[1])
        for event_id in events:
            name = {"a": "many", "b": "missing", "d": "urgent"}[event_id[0]]
            alert = alert_id(f"s\x00{event_id}", name)
            for _ in range(2):
                await self.crashes.begin(timer_id, alert)
        assert await self.world.timer_worker(self.world.connection).run(timer_id, 4)

    async def quarantined(self) -> list[QuarantineRecord]:
        return list((await self.quarantine.find(QuarantineFilter())(None, 10)).items)


@pytest.fixture
def poisoned(connection: Connection, time: SetClock) -> Poisoned:
    return Poisoned(connection, time)


async def test_a_poison_alert_leaves_its_group_and_the_others_are_notified(
    poisoned: Poisoned,
) -> None:
    world = poisoned.world
    await world.send(*(world.event(f"a{number}", host=str(number)) for number in range(3)))

    await poisoned.fire("a1")

    (message,) = await world.told()
    assert (message.alert.event_id, message.alert.grouped) == ("a0", 2)
    (item,) = await poisoned.quarantined()
    assert (item.record.reason, b'"a1"' in item.record.body) == (POISON, True)
    counts = await world.ledger()
    assert (counts.matched, counts.quarantined, counts.pending) == (2, 1, 0)
    assert (counts.notified, counts.suppressed_alerts, counts.waiting) == (2, {"poison": 1}, 0)


async def test_a_group_of_one_poison_alert_is_never_notified(
    poisoned: Poisoned,
) -> None:
    world = poisoned.world
    await world.send(world.event("a1", host="h"))

    await poisoned.fire("a1")
    await world.send(world.event("u1", type="up", host="h"))

    assert await world.told() == []
    assert (await world.ledger()).suppressed_alerts == {"poison": 1}


async def test_a_poison_alert_of_an_absence_is_not_notified_and_the_next_one_is(
    poisoned: Poisoned,
) -> None:
    world = poisoned.world
    await world.send(world.event("b1", type="b", host="h"))

    await poisoned.fire("b1")
    assert await world.told() == []
    await world.send(world.event("b2", type="b", host="h"))
    await world.passes(30)

    assert [each.alert.event_id for each in await world.told()] == ["b2"]
    assert len(await poisoned.quarantined()) == 1
    assert await world.timers() == []
    counts = await world.ledger()
    assert (counts.alerts, counts.notified, counts.pending) == (2, 1, 0)
    assert counts.suppressed_alerts == {"poison": 1}


async def test_a_poison_escalation_ends(poisoned: Poisoned) -> None:
    world = poisoned.world
    await world.send(world.event("d1", type="d"))

    await poisoned.fire("d1")
    await world.passes(3600)

    assert await world.told("boss") == []
    assert len(await poisoned.quarantined()) == 1
    counts = await world.ledger()
    assert (counts.alerts, counts.notified, counts.pending) == (1, 1, 0)
    assert counts.suppressed_alerts == {}


async def test_an_event_that_a_timer_quarantined_is_evaluated_again_after_a_replay(
    poisoned: Poisoned,
) -> None:
    world = poisoned.world
    await world.send(world.event("b1", type="b", host="h"))
    await poisoned.fire("b1")

    assert await poisoned.quarantine.replay(await poisoned.quarantined()) == 1
    (batch_id,) = await world.connection.redis.zrange(keys.BATCHES, 0, -1)
    await world.evaluate.run(BatchId(batch_id.decode()))
    await world.passes(30)

    assert [each.alert.event_id for each in await world.told()] == ["b1"]
    assert (await world.ledger()).pending == 0


async def test_a_restarted_timer_without_poison_fires_as_usual(poisoned: Poisoned) -> None:
    world = poisoned.world
    await world.send(world.event("a1", host="h"), world.event("a2", host="i"))

    await poisoned.fire()

    (message,) = await world.told()
    assert message.alert.grouped == 2
    assert await poisoned.quarantined() == []
    assert await world.connection.redis.keys("router:strikes:*") == []


async def test_a_guarded_piece_that_ended_three_processes_is_not_begun(
    connection: Connection, detector: PoisonDetector
) -> None:
    async def work() -> str:
        return "done"

    for _ in range(2):
        await CrashCounter(connection).begin("job", "piece")

    with pytest.raises(PoisonError, match="poison"):
        await detector.guard("job", "piece", work)
    assert await detector.guard("job", "other", work) == "done"


async def test_a_guarded_piece_that_raises_leaves_no_mark(
    connection: Connection, detector: PoisonDetector
) -> None:
    async def fail() -> None:
        raise ValueError("an error")

    for _ in range(5):
        with pytest.raises(ValueError, match="an error"):
            await detector.guard("job", "piece", fail)
    assert not await connection.redis.exists(keys.crash_counts("job"))


@pytest.mark.parametrize("starts", [1, 2])
async def test_the_job_of_a_batch_that_is_finished_is_done(
    connection: Connection, clock: Clock, detector: PoisonDetector, starts: int
) -> None:
    """Mutant: False or None, and the job is released and run again."""
    live = ActiveConfiguration(Configuration(rules=RuleSet([]), destinations=(), generation="x"))
    batches = Batches(connection, clock)
    admission = EvaluationAdmission(connection, Metrics(), clock)
    journal = BatchJournal(batches, detector, admission)
    evaluate = BatchJob(journal, live, Metrics(), clock, dedup_window=60.0)

    assert await evaluate.run(BatchId("finished"), starts) is True
