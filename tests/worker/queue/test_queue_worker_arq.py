"""What a user of arq expects works with stock arq 0.28 on our queues."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job, JobStatus
from arq.worker import async_check_health
from support import least_rights
from support.clock import SetClock
from support.events import event_from
from support.waiting import until
from support.world import World

from router.clock import Clock, system_clock
from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis
from router.events.model import Received
from router.journal import jobs, keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue
from router.journal.leases import Lease
from router.metrics import Metrics
from router.worker.queue.queue_spec import QueueSpec, Run
from router.worker.queue.supervisor import Supervisor

# arq 0.28 closes its client with a method that redis-py has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")

QUEUE = keys.EVALUATE_QUEUE
POLL_DELAY = 0.2


@pytest.fixture
def clock() -> Clock:
    """Return real time, because arq reads it."""
    return system_clock()


@pytest.fixture
async def arq(redis_server: EmbeddedRedis, redis_url: Secret) -> AsyncIterator[ArqRedis]:
    """Return a client as arq's documentation makes one, with our serializer."""
    del redis_url
    client = ArqRedis(
        unix_socket_path=str(redis_server.socket),
        **least_rights.operator(),
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
        default_queue_name=QUEUE,
    )
    yield client
    await client.aclose(close_connection_pool=True)


@pytest.fixture
def release() -> asyncio.Event:
    """Return an event that lets the running job end."""
    return asyncio.Event()


@pytest.fixture
def run(connection: Connection, release: asyncio.Event) -> Run:
    async def wait_and_end(job_id: str, starts: int, lease: Lease) -> bool:
        del starts, lease
        await release.wait()
        await JobQueue(connection, QUEUE).remove(job_id)
        return True

    return wait_and_end


@pytest.fixture
async def supervisor(connection: Connection, run: Run, clock: Clock) -> AsyncIterator[Supervisor]:
    spec = QueueSpec(queue=QUEUE, function=jobs.EVALUATE, run=run, max_jobs=2, limit_seconds=5.0)
    supervisor = Supervisor(connection, [spec], Metrics(), clock, lease=5.0, poll_delay=POLL_DELAY)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    yield supervisor
    await supervisor.drain(1.0)
    runner.cancel()
    await asyncio.wait([runner])


def job_of(arq: ArqRedis, job_id: str) -> Job:
    return Job(job_id, arq, _queue_name=QUEUE, _deserializer=msgspec.msgpack.decode)


async def has_status(job: Job, status: JobStatus) -> None:
    async def reached() -> bool:
        return await job.status() is status

    await until(reached)


@pytest.mark.usefixtures("supervisor")
async def test_a_job_of_enqueue_job_is_run_without_a_wake_up(
    arq: ArqRedis, release: asyncio.Event
) -> None:
    job = await arq.enqueue_job(jobs.EVALUATE, _job_id="a")

    assert job is not None
    await has_status(job, JobStatus.in_progress)
    release.set()
    await has_status(job, JobStatus.not_found)


@pytest.mark.usefixtures("supervisor")
async def test_a_deferred_job_of_enqueue_job_is_run_when_it_is_due(
    arq: ArqRedis, release: asyncio.Event
) -> None:
    release.set()

    job = await arq.enqueue_job(jobs.EVALUATE, _job_id="a", _defer_by=0.5)

    assert job is not None
    assert await job.status() is JobStatus.deferred
    await has_status(job, JobStatus.not_found)


async def test_enqueue_job_gives_open_work_its_job_back(
    connection: Connection, time: SetClock, arq: ArqRedis, sample: bytes
) -> None:
    clock = system_clock()
    time.now = clock.now()
    world = World(connection, time, "rules:\n  - {name: never, events: [other], send_to: [noc]}\n")
    batch = await world.accept([event_from(sample)])
    await JobQueue(connection, QUEUE).remove(batch)
    spec = QueueSpec(
        queue=QUEUE,
        function=jobs.EVALUATE,
        run=lambda job_id, starts, lease: world.evaluate.run(
            keys.BatchId(job_id), starts, lease.token
        ),
        max_jobs=1,
        limit_seconds=5.0,
    )
    supervisor = Supervisor(connection, [spec], Metrics(), clock, lease=5.0, poll_delay=POLL_DELAY)
    runner = asyncio.get_running_loop().create_task(supervisor.run())

    assert await arq.enqueue_job(jobs.EVALUATE, _job_id=batch) is not None

    async def evaluated() -> bool:
        return not await connection.redis.zcard(keys.BATCHES)

    await until(evaluated)
    runner.cancel()
    await asyncio.wait([runner])


async def test_a_job_that_the_journal_enqueued_is_not_enqueued_twice(
    connection: Connection, clock: Clock, arq: ArqRedis, sample: bytes
) -> None:
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])
    (batch,) = await arq.zrange(keys.BATCHES, 0, -1)

    assert await arq.enqueue_job(jobs.EVALUATE, _job_id=batch.decode()) is None


async def test_arq_lists_and_describes_the_jobs_of_the_journal(
    connection: Connection, clock: Clock, arq: ArqRedis, sample: bytes
) -> None:
    before = clock.now()
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])

    (listed,) = await arq.queued_jobs()
    assert listed.job_id is not None
    job = job_of(arq, listed.job_id)
    info = await job.info()

    assert info is not None
    for each in (listed, info):
        assert (each.function, list(each.args), each.kwargs) == (jobs.EVALUATE, [], {})
        assert before - 0.001 <= each.enqueue_time.timestamp() <= clock.now()
    assert info.score == listed.score
    assert await job.status() is JobStatus.queued


@pytest.mark.usefixtures("supervisor")
async def test_the_status_of_a_running_and_of_an_ended_job(
    connection: Connection, clock: Clock, arq: ArqRedis, release: asyncio.Event, sample: bytes
) -> None:
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])
    (listed,) = await arq.queued_jobs()
    assert listed.job_id is not None
    job = job_of(arq, listed.job_id)

    await has_status(job, JobStatus.in_progress)
    assert await job.info() is not None

    release.set()
    await has_status(job, JobStatus.not_found)
    assert await job.info() is None
    assert await arq.queued_jobs() == []


async def health(server: EmbeddedRedis) -> int:
    """Return the exit code of arq's check: 0 for healthy, 1 for not."""
    settings = RedisSettings(unix_socket_path=str(server.socket), **least_rights.operator())
    return await async_check_health(settings, queue_name=QUEUE)


# arq's own pool gives redis-py an argument that redis-py 8 has deprecated.
@pytest.mark.filterwarnings("ignore:.*'retry_on_timeout':DeprecationWarning")
async def test_arqs_health_check_finds_a_running_worker_and_not_a_dead_one(
    redis_server: EmbeddedRedis, connection: Connection, run: Run, clock: Clock, arq: ArqRedis
) -> None:
    assert await health(redis_server) == 1
    spec = QueueSpec(queue=QUEUE, function=jobs.EVALUATE, run=run, max_jobs=2, limit_seconds=5.0)
    supervisor = Supervisor(connection, [spec], Metrics(), clock, lease=5.0, poll_delay=POLL_DELAY)
    runner = asyncio.get_running_loop().create_task(supervisor.run())

    async def is_healthy() -> bool:
        return await health(redis_server) == 0

    await until(is_healthy)
    await arq.delete(keys.health_check(QUEUE))
    await until(is_healthy)
    line = await arq.get(keys.health_check(QUEUE))
    assert b"j_complete=0 j_failed=0 j_retried=0 j_ongoing=0 queued=0" in line

    runner.cancel()  # as a killed process: nothing is cleaned up
    await asyncio.wait([runner])

    async def is_dead() -> bool:
        return not await is_healthy()

    await until(is_dead)


@pytest.mark.usefixtures("supervisor")
async def test_arqs_command_finds_the_worker_of_a_queue_healthy(
    redis_server: EmbeddedRedis, arq: ArqRedis, tmp_path: Path
) -> None:
    (tmp_path / "settings.py").write_text(
        "from arq.connections import RedisSettings\n"
        "class WorkerSettings:\n"
        f"    queue_name = {QUEUE!r}\n"
        f"    redis_settings = RedisSettings(unix_socket_path={str(redis_server.socket)!r},"
        f" **{least_rights.operator()!r})\n"
    )

    async def written() -> bool:
        return bool(await arq.exists(keys.health_check(QUEUE)))

    await until(written)

    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "arq", "--check", "settings.WorkerSettings", cwd=tmp_path
    )
    assert await command.wait() == 0
