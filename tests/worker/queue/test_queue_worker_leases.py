"""A worker acts for a job as long as it has its lease, and not a moment longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support.queue_work import QUEUE, Work, enqueue, gone, subscribed
from support.waiting import until

from router.clock import system_clock
from router.errors import LeaseLostError
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue, new_token
from router.journal.leases import Lease
from router.metrics import Metrics
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.supervisor import Supervisor

OTHER = new_token("another", 1, lease_ms=60_000)


@pytest.fixture
def work(connection: Connection) -> Work:
    return Work(connection)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@asynccontextmanager
async def supervised(
    connection: Connection,
    work: Work,
    metrics: Metrics,
    *,
    lease: float = 0.3,
    max_jobs: int = 2,
    poll_delay: float = 3600.0,
) -> AsyncIterator[Supervisor]:
    """Run a worker of the queue as a process of its own would."""
    spec = QueueSpec(queue=QUEUE, function="test", run=work, max_jobs=max_jobs, limit_seconds=20.0)
    supervisor = Supervisor(
        connection, [spec], metrics, system_clock(), lease=lease, poll_delay=poll_delay
    )
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    await subscribed(connection)
    yield supervisor
    await supervisor.drain(5.0)
    runner.cancel()
    await asyncio.wait([runner])


def lost(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("router_leases_lost_total", {"queue": QUEUE})


@pytest.mark.fault_row(22)
@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_workers_that_race_for_jobs_run_each_once(
    connection: Connection, work: Work, metrics: Metrics, count: int
) -> None:
    """Seen to fail without ``NX`` in ``poll.lua``."""
    ids = [f"j{number}" for number in range(count)]
    await connection.redis.mset({keys.job(job_id): jobs.payload("test", 1) for job_id in ids})
    await connection.redis.zadd(QUEUE, dict.fromkeys(ids, 1))

    async with (
        supervised(connection, work, metrics, lease=30.0, max_jobs=200),
        supervised(connection, work, metrics, lease=30.0, max_jobs=200),
    ):
        await work.has_run(count)

    print(f"\n{count} jobs, two workers: {len(work.ran) - count} run twice")  # noqa: T201
    assert sorted(work.ran) == sorted(ids)
    assert len({lease.token.split(":")[1] for lease in work.leases}) == 2
    assert lost(metrics) == 0


@pytest.mark.fault_row(23)
async def test_a_job_that_takes_several_leases_is_run_once(
    connection: Connection, metrics: Metrics
) -> None:
    """Seen to fail without the PEXPIRE in ``renew.lua``."""
    first, second = Work(connection), Work(connection)

    async def takes_long() -> bool:
        await asyncio.sleep(1.5)
        return True

    first.then, second.then = [takes_long], [takes_long]
    async with (
        supervised(connection, first, metrics, poll_delay=0.05),
        supervised(connection, second, metrics, poll_delay=0.05),
    ):
        await enqueue(connection, "a")
        await gone(connection, "a")

    print(f"\na job of five leases, two workers: run {first.ran + second.ran}")  # noqa: T201
    assert first.ran + second.ran == ["a"]
    assert lost(metrics) == 0


@pytest.mark.fault_row(24)
async def test_jobs_that_a_worker_has_do_not_stand_before_those_of_an_idle_one(
    connection: Connection, metrics: Metrics
) -> None:
    """Seen to fail if ``poll.lua`` moves no leased job (with 300 of them, over its limit)."""
    busy, idle = Work(connection), Work(connection)
    release = asyncio.Event()

    async def wait() -> bool:
        return await release.wait()

    busy.then = [wait] * 300
    ids = [f"slow{number}" for number in range(300)]
    await connection.redis.mset({keys.job(job_id): jobs.payload("test", 1) for job_id in ids})
    await connection.redis.zadd(QUEUE, dict.fromkeys(ids, 1))
    async with supervised(connection, busy, metrics, lease=30.0, max_jobs=300):
        await busy.has_run(300)
        async with supervised(connection, idle, metrics, lease=30.0):
            began = asyncio.get_running_loop().time()
            await enqueue(connection, "quick")
            await gone(connection, "quick")
            seconds = asyncio.get_running_loop().time() - began
        release.set()

    print(f"\n300 leased jobs before it: a quick job ran after {seconds:.3f} s")  # noqa: T201
    assert idle.ran == ["quick"]
    assert seconds < 2


async def test_a_job_whose_lease_another_worker_has_is_left_to_it(
    connection: Connection, work: Work, metrics: Metrics
) -> None:
    """Seen to fail without ``is_lost`` in ``release.lua``."""

    async def lose_it() -> bool:
        await connection.redis.set(keys.lease("a"), OTHER, px=60_000)
        raise LeaseLostError("another worker has it")

    work.then = [lose_it]
    async with supervised(connection, work, metrics):
        await enqueue(connection, "a")

        async def noticed() -> bool:
            return lost(metrics) == 1

        await until(noticed)

    assert await connection.redis.get(keys.lease("a")) == OTHER.encode()
    assert work.ran == ["a"]


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        (OTHER, "lease lost; the job is left to the worker that has it"),
        (None, "lease expired while the job ran; no other worker has it now, and it is released"),
    ],
    ids=["another worker", "no worker"],
)
async def test_the_log_says_whether_another_worker_has_the_job(
    connection: Connection,
    work: Work,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
    owner: str | None,
    message: str,
) -> None:
    """Mutant: one message for both. It sends the operator to a worker that does not exist."""

    async def lose_it() -> bool:
        await connection.redis.delete(keys.lease("a"))
        if owner is not None:
            await connection.redis.set(keys.lease("a"), owner, px=60_000)
        raise LeaseLostError("expired")

    work.then = [lose_it]
    async with supervised(connection, work, metrics, lease=30.0):
        await enqueue(connection, "a")

        async def noticed() -> bool:
            return lost(metrics) == 1

        await until(noticed)

    logged = [each.message for each in caplog.records if each.message.startswith("lease ")]
    assert logged == [message]


async def test_a_lease_is_invalid_once_its_renewal_is_refused(
    connection: Connection, work: Work, metrics: Metrics
) -> None:
    """Seen to fail without ``lease.lose`` in ``_renew_leases``."""
    took: list[float] = []
    loop = asyncio.get_running_loop()

    async def lose_it() -> bool:
        (lease,) = work.leases
        began = loop.time()
        assert lease.is_valid
        await connection.redis.set(keys.lease("a"), OTHER, px=60_000)

        async def is_invalid() -> bool:
            return not lease.is_valid

        await until(is_invalid)
        took.append(loop.time() - began)
        return False

    work.then = [lose_it]
    async with supervised(connection, work, metrics, lease=3.0, poll_delay=0.05):
        await enqueue(connection, "a")
        await work.has_run(1)

        async def noticed() -> bool:
            return lost(metrics) == 1

        await until(noticed)
    assert took[0] < 2.2  # at the first renewal, after 1 s; by itself the lease ends after 2.7 s


async def test_a_worker_that_acquires_its_own_job_again_runs_it_after_the_first_run(
    connection: Connection, work: Work, metrics: Metrics
) -> None:
    """As after a pause of the process. No crash is counted, because none happened.

    Seen to fail if a job that still runs here is not started, and if ``starts`` is not corrected.
    """
    release, overlap = asyncio.Event(), []

    async def expire() -> bool:
        await connection.redis.delete(keys.lease("a"))
        await connection.redis.zadd(QUEUE, {"a": 1})
        await connection.redis.publish(keys.wake_channel(QUEUE), "")
        await release.wait()
        overlap.extend(work.ran.count("a") * "a")
        return False

    work.then = [expire]
    async with supervised(connection, work, metrics, lease=30.0, max_jobs=3):
        await enqueue(connection, "a")

        async def acquired_again() -> bool:
            token = await connection.redis.get(keys.lease("a"))
            return bool(token) and bool(work.leases) and token.decode() != work.leases[0].token

        await until(acquired_again)
        await enqueue(connection, "b")  # acquired later, and so begun later
        await gone(connection, "b")
        release.set()
        await gone(connection, "a")

    assert (work.ran, work.starts, overlap) == (["a", "b", "a"], [1, 1, 1], ["a"])
    assert len({lease.token for lease in work.leases}) == 3


async def test_a_rebuilt_worker_does_not_release_the_job_of_another_one(
    connection: Connection, work: Work, metrics: Metrics
) -> None:
    """Seen to fail if the supervisor deletes the leases of unfinished jobs without a comparison."""
    await enqueue(connection, "a")
    queue = JobQueue(connection, QUEUE)
    await queue.poll(OTHER, lease_ms=60_000, max_jobs=1, max_ids=10)
    async with supervised(connection, work, metrics) as supervisor:
        mine = new_token("mine", 1, lease_ms=60_000)
        lease = Lease("a", mine, due_ms=1, seconds=60.0, monotonic=lambda: 0.0, at=0.0)
        await supervisor._release(QUEUE, [lease])

    assert await connection.redis.get(keys.lease("a")) == OTHER.encode()
    assert await connection.redis.get(keys.starts("a")) == b"1"


async def test_a_job_whose_end_was_not_recorded_is_released_by_the_rebuilt_worker(
    connection: Connection, work: Work, metrics: Metrics
) -> None:
    """Mutant: the supervisor keeps the leases of unfinished jobs; the job waits for an hour."""

    async def fail_to_record() -> bool:
        await connection.redis.rename(QUEUE, "saved")
        await connection.redis.set(QUEUE, "not a queue")
        raise RuntimeError("its release fails too")

    async def is_rebuilt() -> bool:
        restarts = metrics.registry.get_sample_value(
            "router_worker_restarts_total", {"queue": QUEUE}
        )
        return bool(restarts)

    work.then = [fail_to_record]
    await enqueue(connection, "a")
    async with supervised(connection, work, metrics, lease=3600.0):
        await until(is_rebuilt)
        await connection.redis.rename("saved", QUEUE)
        await gone(connection, "a")

    assert (work.ran, work.starts) == (["a", "a"], [1, 1])
