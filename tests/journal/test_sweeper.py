"""Open work without a job gets one again; work with a job is left alone."""

import pytest
from support.events import deliveries_of, event_from

from router.clock import Clock
from router.events.model import Received
from router.journal import jobs, keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId
from router.journal.sweeper import Sweeper


@pytest.fixture
def sweeper(connection: Connection, clock: Clock) -> Sweeper:
    return Sweeper(connection, lambda: ["mail"], clock)


@pytest.fixture
async def accepted(connection: Connection, clock: Clock, sample: bytes) -> BatchId:
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])
    return BatchId("id0001")


@pytest.mark.usefixtures("accepted")
async def test_work_that_has_its_job_is_left_alone(sweeper: Sweeper) -> None:
    assert await sweeper.sweep() == 0


@pytest.mark.parametrize(
    "lost",
    [[keys.job("id0001")], [keys.EVALUATE_QUEUE], [keys.job("id0001"), keys.EVALUATE_QUEUE]],
    ids=["job", "queue entry", "both"],
)
async def test_a_batch_whose_job_is_lost_gets_one_again(
    sweeper: Sweeper, accepted: BatchId, connection: Connection, lost: list[str]
) -> None:
    await connection.redis.delete(*lost)

    assert await sweeper.sweep() == 1

    assert jobs.is_job_for(await connection.redis.get(keys.job(accepted)), jobs.EVALUATE)
    assert await connection.redis.zrange(keys.EVALUATE_QUEUE, 0, -1) == [accepted.encode()]
    assert await sweeper.sweep() == 0


async def test_a_delivery_set_whose_job_is_lost_gets_one_again(
    sweeper: Sweeper, accepted: BatchId, connection: Connection, clock: Clock, sample: bytes
) -> None:
    deliveries = deliveries_of(event_from(sample), 1)
    outcome = FinishedWork(
        duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries
    )
    await Batches(connection, clock).finish(accepted, outcome)
    await connection.redis.delete(keys.job("id0002"), keys.deliver_queue("mail"))

    assert await sweeper.sweep() == 1

    assert jobs.is_job_for(await connection.redis.get(keys.job("id0002")), jobs.DELIVER)


async def test_more_open_work_than_a_page_is_swept_whole(
    sweeper: Sweeper, connection: Connection
) -> None:
    await connection.redis.mset({keys.batch(BatchId(f"b{n}")): b"\x90" for n in range(1201)})
    await connection.redis.zadd(keys.BATCHES, {f"b{n}": n for n in range(1201)})

    assert await sweeper.sweep() == 1201


async def test_an_entry_without_work_is_removed(sweeper: Sweeper, connection: Connection) -> None:
    await connection.redis.zadd(keys.BATCHES, {"ghost": 1})

    assert await sweeper.sweep() == 0
    assert await connection.redis.zcard(keys.BATCHES) == 0


async def test_work_that_is_not_due_is_left_alone(
    sweeper: Sweeper, connection: Connection, clock: Clock
) -> None:
    """Mutant: the time of a member is not compared."""
    now_ms = int(clock.now() * 1000)
    await connection.redis.mset({keys.batch(BatchId(f"b{n}")): b"\x90" for n in range(3)})
    due = {"b0": now_ms - 1, "b1": now_ms, "b2": now_ms + 1}
    await connection.redis.zadd(keys.BATCHES, due)

    assert await sweeper.sweep() == 2
    assert not await connection.redis.exists(keys.job("b2"))
