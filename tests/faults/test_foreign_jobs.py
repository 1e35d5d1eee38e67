"""Jobs of other programs in the router's queues: rejected, counted, never executed."""

import asyncio
import pickle
from pathlib import Path

import pytest
from support.clock import SetClock
from support.waiting import until
from support.world import World

from router.clock import system_clock
from router.journal import jobs, keys, unreadable
from router.journal.connection import Connection
from router.metrics import Metrics
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.queue_worker import QueueWorker

RULES = "rules:\n  - {name: one, events: [a], send_to: [noc]}\n"


class Executed:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._path,)


@pytest.mark.fault_row(73)
async def test_a_pickled_job_is_rejected_and_not_executed(
    connection: Connection, time: SetClock, tmp_path: Path
) -> None:
    """The mutant: arq's own ``deserialize_job``, which unpickles by default."""
    unreadable._counts.clear()
    unreadable._reported.clear()
    world = World(connection, time, RULES)
    canary = tmp_path / "executed"
    pickled = pickle.dumps({"t": 1, "f": "evaluate", "a": (Executed(canary),), "k": {}, "et": 1})
    foreign = {
        b"pickled": pickled,
        b"arguments": jobs.payload(jobs.EVALUATE, 1).replace(b"\xa1k\x80", b"\xa1k\x81\xa1x\x01"),
        b"junk": b"\xc1",
        b"\xff\xfe": pickled,
    }
    for name, record in foreign.items():
        await connection.redis.set(keys.job("").encode() + name, record)
        await connection.redis.zadd(keys.EVALUATE_QUEUE, {name: 0})
    batch = await world.accept([world.event("1")])

    async def run(job_id: str, *_: object) -> bool:
        assert job_id == batch, job_id
        return await world.evaluate.run(batch)

    spec = QueueSpec(
        queue=keys.EVALUATE_QUEUE, function=jobs.EVALUATE, run=run, max_jobs=9, limit_seconds=9
    )
    worker = QueueWorker(spec, connection, Metrics(), system_clock(), lease=1.0, poll_delay=1.0)

    async def is_empty() -> bool:
        return not await connection.redis.zcard(keys.EVALUATE_QUEUE)

    async with asyncio.TaskGroup() as group:
        polling = group.create_task(worker.main())
        await until(is_empty)
        polling.cancel()

    assert not canary.exists()
    assert len(await world.told()) == 1
    assert unreadable.counts() == {"job": 4}
    # The job of what the batch opened.
    assert len(await connection.redis.keys("arq:job:*")) == 1
    pickle.loads(pickled)  # noqa: S301 - that the canary works
    assert canary.exists()
