"""A queue's jobs are acquired once, released as they were, and end with their work."""

import math

import pytest

from router.errors import LeaseLostError
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue, Poll, PolledJob, new_token
from router.journal.leases import Lease, LeaseToken

QUEUE = "router:queue:test"
RECORD = jobs.payload("test", 1)
LEASE_MS = 60_000
HOUR_MS = 3_600_000
TOKEN = new_token("worker", 1, lease_ms=LEASE_MS)
OTHER = new_token("another", 1, lease_ms=LEASE_MS)


@pytest.fixture
def queue(connection: Connection) -> JobQueue:
    return JobQueue(connection, QUEUE)


async def redis_ms(connection: Connection) -> int:
    seconds, microseconds = await connection.redis.time()
    return int(seconds * 1000 + microseconds // 1000)


async def enqueue(connection: Connection, **due_ms: int) -> None:
    for job_id in due_ms:
        await connection.redis.set(keys.job(job_id), RECORD)
    await connection.redis.zadd(QUEUE, due_ms)


async def poll(
    queue: JobQueue, token: LeaseToken = TOKEN, *, max_jobs: int = 9, max_ids: int = 9
) -> Poll:
    return await queue.poll(token, lease_ms=LEASE_MS, max_jobs=max_jobs, max_ids=max_ids)


def lease(job_id: str, token: LeaseToken = TOKEN, *, due_ms: int = 1) -> Lease:
    return Lease(job_id, token, due_ms=due_ms, seconds=60.0, monotonic=lambda: 0.0, at=0.0)


def ids(found: Poll) -> list[str]:
    return [job.id for job in found.jobs]


async def test_an_empty_queue_has_no_next_job(queue: JobQueue) -> None:
    assert await poll(queue) == Poll((), math.inf, more_due=False)


async def test_due_jobs_are_acquired_once_and_the_next_one_is_known(
    queue: JobQueue, connection: Connection
) -> None:
    now = await redis_ms(connection)
    await enqueue(connection, a=now - 1, b=now, later=now + 20_000)

    found = await poll(queue)

    assert found.jobs == (PolledJob("a", RECORD, 1, now - 1), PolledJob("b", RECORD, 1, now))
    assert 19_000 < found.next_due_in_ms <= 20_000
    assert not found.more_due
    assert (await poll(queue)).jobs == ()
    assert 0 < await connection.redis.pttl(keys.lease("a")) <= LEASE_MS
    assert await connection.redis.get(keys.lease("a")) == TOKEN.encode()


@pytest.mark.parametrize(("max_jobs", "more_due"), [(1, True), (2, False), (3, False)])
async def test_a_limit_leaves_due_jobs_and_says_so(
    queue: JobQueue, connection: Connection, max_jobs: int, *, more_due: bool
) -> None:
    await enqueue(connection, a=1, b=2)

    found = await poll(queue, max_jobs=max_jobs)

    assert ids(found) == ["a", "b"][:max_jobs]
    assert found.more_due is more_due


async def test_a_leased_job_is_due_when_its_lease_ends(
    queue: JobQueue, connection: Connection
) -> None:
    """Seen to fail without the ZADD of an acquired job in ``poll.lua``."""
    now = await redis_ms(connection)
    await enqueue(connection, a=1)

    await poll(queue)

    due = await connection.redis.zscore(QUEUE, "a")
    assert 0 <= due - now - LEASE_MS < 5000
    assert 0 < (await poll(queue, OTHER)).next_due_in_ms <= LEASE_MS


async def test_jobs_that_an_older_router_has_leased_do_not_stand_before_the_others(
    queue: JobQueue, connection: Connection
) -> None:
    """Seen to fail without the ZADD of a leased job in ``poll.lua``."""
    await enqueue(connection, **{f"leased{n}": n for n in range(30)}, free=1000)
    for number in range(30):  # as that router does it: the job's place in the queue is unchanged
        await connection.redis.set(keys.lease(f"leased{number}"), b"1", px=5000)

    first = await poll(queue, max_jobs=1, max_ids=20)
    second = await poll(queue, max_jobs=1, max_ids=20)

    assert (ids(first), first.more_due) == ([], True)
    assert ids(second) == ["free"]
    assert await connection.redis.zcount(QUEUE, "-inf", await redis_ms(connection)) == 0


async def test_a_lease_without_an_end_is_not_polled_without_a_pause(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=1)
    await connection.redis.set(keys.lease("a"), b"1")

    assert (await poll(queue)).next_due_in_ms > LEASE_MS / 2


async def test_a_lease_of_a_clock_that_was_set_back_lasts_no_longer_than_it_should(
    queue: JobQueue, connection: Connection
) -> None:
    """Redis stores when a key expires, so an hour back makes each lease an hour longer.

    Seen to fail without the PEXPIRE in ``poll.lua``.
    """
    await enqueue(connection, a=1)
    await connection.redis.set(keys.lease("a"), OTHER, px=HOUR_MS)

    await poll(queue)

    assert await connection.redis.pttl(keys.lease("a")) <= LEASE_MS


async def test_a_job_without_a_record_is_acquired_to_be_removed(
    queue: JobQueue, connection: Connection
) -> None:
    await connection.redis.zadd(QUEUE, {"a": 1})

    assert (await poll(queue)).jobs == (PolledJob("a", b"", 1, 1),)
    await queue.remove("a", TOKEN)

    assert await connection.redis.keys("*") == []


async def test_a_start_without_a_release_is_counted(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=1)
    await poll(queue)
    await connection.redis.delete(keys.lease("a"))  # as when the process ends and its lease expires
    await connection.redis.zadd(QUEUE, {"a": 1})

    assert (await poll(queue)).jobs == (PolledJob("a", RECORD, 2, 1),)


async def test_a_released_job_is_due_as_before_and_was_not_started(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=7)
    (job,) = (await poll(queue)).jobs

    assert await queue.release_leases([lease("a", due_ms=job.due_ms)]) == [True]

    assert await connection.redis.zscore(QUEUE, "a") == 7
    assert await connection.redis.exists(keys.lease("a"), keys.starts("a")) == 0


async def test_a_job_released_with_a_pause_is_due_after_it(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=7)
    await poll(queue)
    now = await redis_ms(connection)

    await queue.release_leases([lease("a")], 20.0)

    assert 0 <= await connection.redis.zscore(QUEUE, "a") - now - 20_000 < 5000


async def test_a_job_that_was_due_by_a_clock_since_set_back_is_due_when_released(
    queue: JobQueue, connection: Connection
) -> None:
    """Seen to fail without ``math.min`` in ``release.lua``."""
    await enqueue(connection, a=7)
    await poll(queue)
    now = await redis_ms(connection)

    await queue.release_leases([lease("a", due_ms=now + HOUR_MS)])

    assert await connection.redis.zscore(QUEUE, "a") < now + 5000


async def test_a_job_that_ended_is_not_released_into_the_queue(
    queue: JobQueue, connection: Connection
) -> None:
    await queue.release_leases([lease("a")], 0.0)

    assert await connection.redis.exists(QUEUE) == 0


async def test_a_lease_that_expired_is_released_by_the_worker_that_had_it(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=7)
    await poll(queue)
    await connection.redis.delete(keys.lease("a"))

    assert await queue.release_leases([lease("a")]) == [True]

    assert await connection.redis.exists(keys.starts("a")) == 0


async def test_the_lease_of_another_worker_is_not_released(
    queue: JobQueue, connection: Connection
) -> None:
    """Seen to fail without ``is_lost`` in ``release.lua``."""
    await enqueue(connection, a=7)
    await poll(queue, OTHER)
    due = await connection.redis.zscore(QUEUE, "a")

    assert await queue.release_leases([lease("a")], 5.0) == [False]

    assert await connection.redis.get(keys.lease("a")) == OTHER.encode()
    assert await connection.redis.get(keys.starts("a")) == b"1"
    assert await connection.redis.zscore(QUEUE, "a") == due


async def test_a_job_of_another_worker_is_not_removed(
    queue: JobQueue, connection: Connection
) -> None:
    """Seen to fail without ``is_lost`` in ``remove_job.lua``."""
    await enqueue(connection, a=7)
    await poll(queue, OTHER)

    await queue.remove("a", TOKEN)

    assert await connection.redis.exists(keys.job("a"), keys.lease("a"), keys.starts("a")) == 3


async def test_only_ones_own_leases_are_renewed(queue: JobQueue, connection: Connection) -> None:
    """Seen to fail without the comparison in ``renew.lua``."""
    await enqueue(connection, mine=1, expired=1, others=1)
    await poll(queue)
    await connection.redis.delete(keys.lease("expired"))
    await connection.redis.set(keys.lease("others"), OTHER, px=5000)
    now = await redis_ms(connection)

    renewed = await queue.renew([lease("mine"), lease("expired"), lease("others")], 2 * LEASE_MS)

    assert renewed == [True, False, False]
    assert await connection.redis.pttl(keys.lease("mine")) > LEASE_MS
    assert await connection.redis.zscore(QUEUE, "mine") >= now + 2 * LEASE_MS
    assert not await connection.redis.exists(keys.lease("expired"))
    assert await connection.redis.pttl(keys.lease("others")) <= 5000


async def test_a_renewal_does_not_enqueue_a_job_that_ended(
    queue: JobQueue, connection: Connection
) -> None:
    await connection.redis.set(keys.lease("a"), TOKEN)

    await queue.renew([lease("a")], LEASE_MS)

    assert await connection.redis.exists(QUEUE) == 0


async def test_the_job_of_a_missing_record_ends_when_it_is_begun(
    queue: JobQueue, connection: Connection
) -> None:
    await enqueue(connection, a=1, b=1)
    await connection.redis.set("router:timer:a", b"there")
    await poll(queue)

    assert await queue.begin_timer("a", TOKEN, "router:timer:a") == (b"there", None)
    assert await queue.begin_timer("b", TOKEN, "router:timer:b") is None

    assert await connection.redis.zrange(QUEUE, 0, -1) == [b"a"]
    assert await connection.redis.exists(keys.job("a"), keys.job("b")) == 1


@pytest.mark.parametrize("owner", [None, OTHER], ids=["expired", "of another worker"])
async def test_work_is_not_begun_without_its_lease(
    queue: JobQueue, connection: Connection, owner: LeaseToken | None
) -> None:
    """Seen to fail without the comparison in ``begin.lua``."""
    await enqueue(connection, a=1)
    await connection.redis.set("router:timer:a", b"there")
    if owner is not None:
        await connection.redis.set(keys.lease("a"), owner)

    with pytest.raises(LeaseLostError, match="job a"):
        await queue.begin_timer("a", TOKEN, "router:timer:a")
    with pytest.raises(LeaseLostError, match="job a"):
        await queue.begin_timer("a", TOKEN, "router:timer:b")

    assert await connection.redis.zscore(QUEUE, "a") == 1


@pytest.mark.parametrize(
    ("at", "is_valid"), [(0.0, True), (8.9, True), (9.0, False), (10.0, False)]
)
def test_a_lease_is_valid_until_shortly_before_its_end(at: float, *, is_valid: bool) -> None:
    now = [0.0]
    held = Lease("a", TOKEN, due_ms=1, seconds=10.0, monotonic=lambda: now[0], at=0.0)

    now[0] = at
    assert held.is_valid is is_valid

    held.renewed(at)
    assert held.is_valid

    held.lose()
    assert not held.is_valid
