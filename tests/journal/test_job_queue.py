"""A queue's jobs are acquired once, released as they were, and end with their work."""

import math

import pytest

from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue, Poll, PolledJob

QUEUE = "router:queue:test"
RECORD = jobs.payload("test", 1)
NOW_MS = 1_700_000_000_000


@pytest.fixture
def queue(connection: Connection) -> JobQueue:
    return JobQueue(connection, QUEUE)


async def enqueue(connection: Connection, **due_ms: int) -> None:
    for job_id in due_ms:
        await connection.redis.set(keys.job(job_id), RECORD)
    await connection.redis.zadd(QUEUE, due_ms)


async def poll(queue: JobQueue, *, max_jobs: int = 9, max_ids: int = 9) -> Poll:
    return await queue.poll(now_ms=NOW_MS, lease_ms=60_000, max_jobs=max_jobs, max_ids=max_ids)


async def test_an_empty_queue_has_no_next_job(queue: JobQueue) -> None:
    assert await poll(queue) == Poll((), math.inf, more_due=False)


async def test_due_jobs_are_acquired_once_and_the_next_one_is_known(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=NOW_MS - 1, b=NOW_MS, later=NOW_MS + 1)

    expected = Poll(
        (PolledJob("a", RECORD, 1), PolledJob("b", RECORD, 1)), NOW_MS + 1, more_due=False
    )
    assert await poll(queue) == expected
    assert await poll(queue) == Poll((), NOW_MS + 1, more_due=False)
    assert 0 < await connection.redis.pttl(keys.lease("a")) <= 60_000


@pytest.mark.parametrize(("max_jobs", "max_ids"), [(1, 9), (9, 1)])
async def test_a_limit_leaves_due_jobs_and_says_so(
    queue: JobQueue, connection: Connection, max_jobs: int, max_ids: int
) -> None:
    await enqueue(connection, a=1, b=2)

    found = await poll(queue, max_jobs=max_jobs, max_ids=max_ids)

    assert found == Poll((PolledJob("a", RECORD, 1),), math.inf, more_due=True)


async def test_a_job_without_a_record_is_acquired_to_be_removed(
    queue: JobQueue, connection: Connection
) -> None:
    await connection.redis.zadd(QUEUE, {"a": 1})

    assert (await poll(queue)).jobs == (PolledJob("a", b"", 1),)
    await queue.remove("a")

    assert await connection.redis.keys("*") == []


async def test_a_start_without_a_release_is_counted(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=1)
    await poll(queue)
    await connection.redis.delete(keys.lease("a"))  # as when the process ends and its lease expires

    assert (await poll(queue)).jobs == (PolledJob("a", RECORD, 2),)


@pytest.mark.parametrize(("due_ms", "due_after"), [(None, 1), (NOW_MS + 5, NOW_MS + 5)])
async def test_a_released_job_is_due_when_asked_and_was_not_started(
    queue: JobQueue, connection: Connection, due_ms: int | None, due_after: int
) -> None:
    await enqueue(connection, a=1)
    await poll(queue)

    await queue.release("a", due_ms)

    assert await connection.redis.zscore(QUEUE, "a") == due_after
    assert await connection.redis.exists(keys.lease("a"), keys.starts("a")) == 0


async def test_a_job_that_ended_is_not_released_into_the_queue(
    queue: JobQueue, connection: Connection
) -> None:
    await queue.release("a", NOW_MS)

    assert await connection.redis.exists(QUEUE) == 0


async def test_the_job_of_a_missing_record_ends_when_it_is_begun(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=1, b=1)
    await connection.redis.set("record", b"there")

    assert await queue.begin("a", "record", "GET") == b"there"
    assert await queue.begin("b", "missing", "GET") is None
    assert await queue.begin("b", "missing", "HGETALL") == []

    assert await connection.redis.zrange(QUEUE, 0, -1) == [b"a"]
    assert await connection.redis.exists(keys.job("a"), keys.job("b")) == 1
