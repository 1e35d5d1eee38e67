"""A batch is judged by one set of rules, whatever a reload does meanwhile."""

import asyncio
import itertools

from support.events import event_from

from router.alerts import Severity
from router.clock import Clock
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.events.model import Received
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.keys import BatchId
from router.metrics import Metrics
from router.rules.index.rule_set import RuleSet
from router.rules.model import Mode, Rule
from router.worker.evaluation.batch_job import BatchJob, BatchJournal
from router.worker.evaluation.evaluation_admission import EvaluationAdmission
from router.worker.queue.poison import PoisonDetector

EVENTS = 1000
"""More than are judged without other tasks getting a turn."""


def configuration(destination: str) -> Configuration:
    rule = Rule(
        name="all",
        description="",
        events=("*",),
        condition=None,
        severity=Severity.INFO,
        send_to=(destination,),
        summary="",
        mode=Mode.LIVE,
    )
    return Configuration(rules=RuleSet([rule]), destinations=(), generation=destination)


async def test_a_batch_is_judged_by_one_set_of_rules(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    batches = Batches(connection, clock)
    events = [event_from(sample, id=f"NO{number}") for number in range(EVENTS)]
    await batches.accept([Received(events=events, malformed=[])])
    (batch_id,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
    live = ActiveConfiguration(configuration("old"))
    suspects = PoisonDetector(CrashCounter(connection))
    evaluate = BatchJob(
        BatchJournal(batches, suspects, EvaluationAdmission(connection, Metrics(), clock)),
        live,
        Metrics(),
        clock,
        dedup_window=60.0,
    )

    async def reload_at_every_turn() -> None:
        for generation in itertools.cycle(["new", "old"]):
            live.configuration = configuration(generation)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        reloading = group.create_task(reload_at_every_turn())
        await evaluate.run(BatchId(batch_id.decode()))
        reloading.cancel()

    opened = await connection.redis.hgetall(keys.LEDGER)
    assert {field for field in opened if field.startswith(b"opened:")} in (
        {b"opened:old"},
        {b"opened:new"},
    )
