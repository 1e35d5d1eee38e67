"""A queue worker is woken, renews its leases and never loses a job."""

import asyncio
import pickle
from collections.abc import AsyncIterator

import msgspec
import pytest
from arq.connections import ArqRedis
from arq.jobs import serialize_job
from redis.exceptions import RedisError
from support.queue_work import QUEUE, Work, enqueue, gone, subscribed
from support.waiting import until

from router.clock import Clock, system_clock
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.errors import JournalUnavailableError, PostponedError
from router.journal import jobs, keys
from router.journal.connection import Connection, connect
from router.journal.job_queue import JobQueue
from router.metrics import Metrics
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.supervisor import Supervisor

PACK = msgspec.msgpack.encode


@pytest.fixture
def clock() -> Clock:
    """Return real time, because Redis's time makes the jobs due."""
    return system_clock()


@pytest.fixture
def work(connection: Connection) -> Work:
    return Work(connection)


@pytest.fixture
async def supervisor(connection: Connection, work: Work, clock: Clock) -> AsyncIterator[Supervisor]:
    job = QueueSpec(queue=QUEUE, function="test", run=work, max_jobs=2, limit_seconds=5.0)
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=0.3, poll_delay=3600.0)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    yield supervisor
    await supervisor.drain(5.0)
    runner.cancel()
    await asyncio.wait([runner])


@pytest.mark.usefixtures("supervisor")
async def test_a_job_is_run_when_it_is_published_not_when_polled(
    connection: Connection, work: Work
) -> None:
    await subscribed(connection)

    await enqueue(connection, "a")

    await gone(connection, "a")
    assert work.ran == ["a"]


async def test_a_worker_lingers_after_a_poll_that_found_jobs_and_only_then(
    connection: Connection, work: Work, clock: Clock
) -> None:
    lingers: list[str] = []

    def linger() -> float:
        lingers.append("")
        return 0.0

    job = QueueSpec(
        queue=QUEUE, function="test", run=work, max_jobs=2, limit_seconds=5.0, linger=linger
    )
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=3600.0, poll_delay=3600.0)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    await subscribed(connection)

    for job_id in ("a", "b"):
        await enqueue(connection, job_id)
        await gone(connection, job_id)

    assert len(lingers) == 2
    runner.cancel()
    await asyncio.wait([runner])


@pytest.mark.usefixtures("supervisor")
async def test_a_job_for_later_is_run_when_it_is_due(connection: Connection, work: Work) -> None:
    await subscribed(connection)

    await enqueue(connection, "later", due_in=0.2)
    await enqueue(connection, "now")

    await gone(connection, "later")
    assert work.ran == ["now", "later"]


@pytest.mark.parametrize(
    "error", [JournalUnavailableError("Redis is away"), TimeoutError(), KeyError("a bug")]
)
@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_fails_is_run_again(
    connection: Connection, work: Work, error: Exception
) -> None:
    async def fail() -> bool:
        raise error

    work.then = [fail]
    await enqueue(connection, "a")

    await gone(connection, "a")
    assert (work.ran, work.starts) == (["a", "a"], [1, 1])


@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_is_not_done_is_run_again_at_once(
    connection: Connection, work: Work
) -> None:
    async def some_is_left() -> bool:
        return False

    work.then = [some_is_left] * 3
    await enqueue(connection, "a")

    await gone(connection, "a")
    assert work.ran == ["a"] * 4
    assert work.starts == [1] * 4


@pytest.mark.usefixtures("supervisor")
async def test_a_job_gets_the_count_of_its_starts_without_an_end(
    connection: Connection, work: Work
) -> None:
    await connection.redis.set(keys.starts("a"), 2)  # as two processes leave it that were killed

    await enqueue(connection, "a")

    await gone(connection, "a")
    assert work.starts == [3]
    assert not await connection.redis.exists(keys.starts("a"))


@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_is_postponed_keeps_the_starts_that_ended_processes(
    connection: Connection, work: Work
) -> None:
    """Mutant: ``release.lua`` deletes the starts of a job that was not run.

    A poison event would then end a process again whenever Redis is nearly full.
    """
    await connection.redis.set(keys.starts("a"), 2)  # as two processes leave it that were killed

    async def postpone() -> bool:
        raise PostponedError("no room", seconds=None)

    work.then = [postpone, postpone]
    await enqueue(connection, "a")

    await gone(connection, "a")
    assert work.starts == [3, 3, 3]


async def test_nothing_is_picked_while_it_must_wait(
    connection: Connection, work: Work, clock: Clock
) -> None:
    waits = [float("inf")]
    job = QueueSpec(
        queue=QUEUE,
        function="test",
        run=work,
        max_jobs=2,
        limit_seconds=5.0,
        wait=lambda: waits[0],
    )
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=0.3, poll_delay=3600.0)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    await subscribed(connection)
    await enqueue(connection, "a")
    supervisor.wake_all()

    async def polled() -> bool:
        (supervised,) = supervisor._workers
        return supervised.worker is not None and not supervised.worker._wake.is_set()

    await until(polled)
    assert work.ran == []
    assert not await connection.redis.exists(keys.lease("a"), keys.starts("a"))

    waits[0] = 0.0
    supervisor.wake_all()

    await gone(connection, "a")
    assert work.ran == ["a"]
    runner.cancel()
    await asyncio.wait([runner])


@pytest.mark.usefixtures("supervisor")
async def test_a_lease_is_renewed_while_its_job_runs(connection: Connection, work: Work) -> None:
    release = asyncio.Event()

    async def wait() -> bool:
        return await release.wait()

    work.then = [wait]
    await enqueue(connection, "a")
    await work.has_run(1)
    lowest = 300

    async def renewed() -> bool:
        nonlocal lowest
        left = await connection.redis.pttl(keys.lease("a"))
        lowest = min(lowest, left)
        return left > lowest + 50

    await until(renewed)
    release.set()
    await gone(connection, "a")
    assert work.ran == ["a"]


@pytest.mark.usefixtures("supervisor")
async def test_a_job_of_another_worker_is_picked_when_its_lease_expires(
    connection: Connection, work: Work
) -> None:
    await connection.redis.set(keys.lease("a"), b"1", px=1500)
    await enqueue(connection, "a")
    await enqueue(connection, "b")
    await gone(connection, "b")
    assert work.ran == ["b"]

    async def lease_ended() -> bool:
        return not await connection.redis.exists(keys.lease("a"))

    await until(lease_ended)
    await connection.redis.publish(keys.wake_channel(QUEUE), "")
    await gone(connection, "a")


@pytest.mark.fault_row(73)
@pytest.mark.usefixtures("supervisor")
async def test_a_foreign_job_is_rejected_and_never_executed(
    connection: Connection, work: Work, tmp_path: object
) -> None:
    """Mutant: a job is run whatever its record names."""

    class Exploit:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (f"{tmp_path}/executed", "w"))

    await connection.redis.set(keys.job("evil"), pickle.dumps({"f": "test", "a": Exploit()}))
    await connection.redis.zadd(QUEUE, {"evil": 1})
    await enqueue(connection, "good")

    await gone(connection, "evil")
    await gone(connection, "good")
    assert work.ran == ["good"]
    assert not list(tmp_path.iterdir())  # type: ignore[attr-defined]


@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_arq_itself_enqueued_is_run(connection: Connection, work: Work) -> None:
    await subscribed(connection)
    arq = ArqRedis(
        connection.redis.connection_pool,
        job_serializer=msgspec.msgpack.encode,
        default_queue_name=QUEUE,
    )

    assert await arq.enqueue_job("test", _job_id="a") is not None
    await connection.redis.publish(keys.wake_channel(QUEUE), "")

    await gone(connection, "a")
    assert work.ran == ["a"]


@pytest.mark.fault_row(73)
@pytest.mark.parametrize(
    "record",
    [
        None,
        b"",
        jobs.payload("other", 1),
        serialize_job("test", (1,), {}, None, 1, serializer=PACK),
    ],
    ids=["gone", "empty", "of another function", "with an argument"],
)
@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_names_no_work_is_dropped(
    connection: Connection, work: Work, record: bytes | None
) -> None:
    if record is not None:
        await connection.redis.set(keys.job("none"), record)
    await connection.redis.zadd(QUEUE, {"none": 1})

    await enqueue(connection, "good")

    await gone(connection, "none")
    await gone(connection, "good")
    assert work.ran == ["good"]
    assert not await connection.redis.exists(keys.starts("none"))


@pytest.mark.usefixtures("supervisor")
async def test_a_job_that_ended_while_it_failed_is_not_run_again(
    connection: Connection, work: Work
) -> None:
    async def end_and_fail() -> bool:  # the reply to the last transaction is lost
        await JobQueue(connection, QUEUE).remove("a")
        raise JournalUnavailableError("no reply")

    await subscribed(connection)
    work.then = [end_and_fail]
    await enqueue(connection, "a")
    await work.has_run(1)
    await enqueue(connection, "b")

    await gone(connection, "b")
    assert work.ran == ["a", "b"]
    assert await connection.redis.zcard(QUEUE) == 0


async def test_due_jobs_that_a_full_worker_left_are_started_when_a_job_ends(
    connection: Connection, work: Work, clock: Clock
) -> None:
    job = QueueSpec(queue=QUEUE, function="test", run=work, max_jobs=2, limit_seconds=5.0)
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=3600.0, poll_delay=3600.0)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    release = asyncio.Event()

    async def wait() -> bool:
        return await release.wait()

    await subscribed(connection)
    work.then = [wait] * 2  # as many as it runs at once
    for job_id in ("a", "b", "c", "d"):
        await connection.redis.set(keys.job(job_id), jobs.payload("test", 1))
    await connection.redis.zadd(QUEUE, {"a": 1, "b": 2, "c": 3, "d": 4})
    await connection.redis.publish(keys.wake_channel(QUEUE), "")
    await work.has_run(2)
    assert await connection.redis.exists(keys.lease("c"), keys.starts("c")) == 0

    release.set()

    await gone(connection, "d")
    assert work.ran == ["a", "b", "c", "d"]
    runner.cancel()
    await asyncio.wait([runner])


async def test_a_drained_worker_lets_its_job_end_and_picks_no_other(
    connection: Connection, work: Work, supervisor: Supervisor
) -> None:
    release = asyncio.Event()

    async def wait() -> bool:
        return await release.wait()

    work.then = [wait]
    await enqueue(connection, "a")
    await work.has_run(1)
    draining = asyncio.get_running_loop().create_task(supervisor.drain(5.0))
    await asyncio.sleep(0)
    await enqueue(connection, "b")
    release.set()

    await draining

    await gone(connection, "a")
    assert work.ran == ["a"]
    assert await connection.redis.zrange(QUEUE, 0, -1) == [b"b"]


async def test_a_job_cancelled_by_the_drain_deadline_is_free_for_others(
    connection: Connection, work: Work, supervisor: Supervisor
) -> None:
    async def never() -> bool:
        return await asyncio.Event().wait()

    work.then = [never]
    await enqueue(connection, "a")
    await work.has_run(1)

    await supervisor.drain(0.05)

    assert await connection.redis.zrange(QUEUE, 0, -1) == [b"a"]
    assert not await connection.redis.exists(keys.lease("a"))


async def test_workers_are_rebuilt_after_redis_was_killed(
    clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"), appendfsync="always")
    server.start()
    connection = connect(server.url, deadline=5.0, max_connections=16)
    work = Work(connection)
    job = QueueSpec(queue=QUEUE, function="test", run=work, max_jobs=2, limit_seconds=5.0)
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=0.3, poll_delay=3600.0)
    runner = asyncio.get_running_loop().create_task(supervisor.run())
    await enqueue(connection, "before")
    await gone(connection, "before")

    server.kill()
    server.start()

    async def enqueued() -> bool:
        try:
            await enqueue(connection, "after")
        except RedisError:
            return False
        return True

    await until(enqueued)
    await gone(connection, "after")
    assert work.ran == ["before", "after"]
    runner.cancel()
    await asyncio.wait([runner])
    await connection.close()
    server.stop()


@pytest.mark.usefixtures("supervisor")
async def test_a_queue_is_added_and_removed_while_others_are_worked_on(
    connection: Connection, work: Work, supervisor: Supervisor
) -> None:
    other = Work(connection, f"{QUEUE}:other")
    job = QueueSpec(
        queue=f"{QUEUE}:other", function="test", run=other, max_jobs=2, limit_seconds=5.0
    )
    await subscribed(connection)

    added = supervisor.add(job)
    await enqueue(connection, "a", queue=job.queue)
    await other.has_run(1)
    await supervisor.remove(added, 5.0)
    await enqueue(connection, "b", queue=job.queue)
    await enqueue(connection, "c")

    await work.has_run(1)
    assert (other.ran, work.ran) == (["a"], ["c"])
    again = supervisor.add(job)
    await other.has_run(2)
    assert other.ran == ["a", "b"]
    await supervisor.remove(again, 5.0)


async def test_a_removed_queue_lets_its_job_end_first(
    connection: Connection, work: Work, supervisor: Supervisor
) -> None:
    release = asyncio.Event()

    async def wait() -> bool:
        return await release.wait()

    other = Work(connection, f"{QUEUE}:other")
    other.then = [wait]
    job = QueueSpec(
        queue=f"{QUEUE}:other", function="test", run=other, max_jobs=2, limit_seconds=5.0
    )
    added = supervisor.add(job)
    await enqueue(connection, "a", queue=job.queue)
    await other.has_run(1)
    ending = asyncio.get_running_loop().create_task(supervisor.remove(added, 5.0))
    await asyncio.sleep(0)
    assert not ending.done()

    release.set()
    await ending

    await gone(connection, "a")
    assert work.ran == []


async def test_a_wait_that_ends_during_a_poll_is_followed_by_another_one(
    connection: Connection, work: Work, clock: Clock
) -> None:
    """Mutant: the pause asks for the wait again, finds none, and lasts until the next poll."""
    waits = iter([0.01])
    job = QueueSpec(
        queue=QUEUE,
        function="test",
        run=work,
        max_jobs=2,
        limit_seconds=5.0,
        wait=lambda: next(waits, 0.0),
    )
    await enqueue(connection, "a")
    supervisor = Supervisor(connection, [job], Metrics(), clock, lease=3600.0, poll_delay=3600.0)
    # Without the subscription, which wakes the worker when it begins.
    supervisor._forward_wakes = asyncio.Event().wait  # type: ignore[assignment,method-assign]
    runner = asyncio.get_running_loop().create_task(supervisor.run())

    await gone(connection, "a")

    runner.cancel()
    await asyncio.wait([runner])
