"""Open work that has lost its job gets another one."""

import asyncio
import logging

import pytest
from support.clock import SetClock
from support.events import event_from
from support.waiting import until

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.events.model import Received
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.sweeper import Sweeper
from router.metrics import Metrics
from router.worker.queue.requeue import requeue_lost_jobs


async def test_lost_jobs_are_enqueued_counted_and_logged(
    connection: Connection, clock: Clock, sample: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])
    await connection.redis.delete(keys.EVALUATE_QUEUE)
    metrics = Metrics()
    sweeper = Sweeper(connection, lambda: (), clock)

    task = asyncio.get_running_loop().create_task(requeue_lost_jobs(sweeper, metrics, clock))

    async def requeued() -> bool:
        return bool(await connection.redis.zcard(keys.EVALUATE_QUEUE))

    await until(requeued)

    async def counted() -> bool:
        return metrics.registry.get_sample_value("router_jobs_requeued_total") == 1

    await until(counted)
    assert ("jobs re-enqueued", 1) in [
        (record.message, getattr(record, "count", None)) for record in caplog.records
    ]
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.usefixtures("every_outage_line")
async def test_a_sweep_that_fails_is_repeated(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Unavailable(Sweeper):
        """Fails once."""

        sweeps = 0

        async def sweep(self) -> int:
            self.sweeps += 1
            if self.sweeps == 1:
                raise JournalUnavailableError("Redis is away")
            return 0

    time.chance = -0.5  # no pause
    clock = time.clock()
    sweeper = Unavailable(connection, lambda: (), clock)

    task = asyncio.get_running_loop().create_task(requeue_lost_jobs(sweeper, Metrics(), clock))

    async def repeated() -> bool:
        return sweeper.sweeps > 1

    await until(repeated)
    assert [record.levelno for record in caplog.records if record.message == "sweep failed"] == [
        logging.WARNING
    ]
    task.cancel()
    await asyncio.wait([task])
