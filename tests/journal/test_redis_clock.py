"""One clock for all processes, Redis's; and what is due stays due when it is set back."""

import asyncio
import logging
import math

import msgspec
import pytest
from support.clock import SetClock

from router.clock import Clock, system_clock
from router.journal import jobs, keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue, new_token
from router.journal.keys import BatchId
from router.journal.redis_clock import RedisClock
from router.journal.sweeper import Sweeper
from router.metrics import Metrics

HOUR_MS = 3_600_000
TOKEN = new_token("worker", 1, lease_ms=10_000)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


async def redis_ms(connection: Connection) -> int:
    seconds, microseconds = await connection.redis.time()
    return int(seconds * 1000 + microseconds // 1000)


async def set_back_by_an_hour(connection: Connection) -> int:
    """Return the time that Redis's clock showed before, and now is ahead of it by an hour."""
    before = await redis_ms(connection) + HOUR_MS
    await connection.redis.set(keys.CLOCK, before)
    return before


def set_back(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("router_clock_set_back_total")


@pytest.mark.parametrize("off", [3600.0, -3600.0, 40.0, -40.0, 0.0])
async def test_the_time_is_redis_s_whatever_the_process_s_own_clock_says(
    connection: Connection, metrics: Metrics, off: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen to fail if ``now`` returns the process's own time."""
    system = system_clock()
    own = msgspec.structs.replace(system, now=lambda: system.now() + off)
    clock = RedisClock(connection, own, metrics)
    caplog.set_level(logging.INFO)

    await clock.measure()
    await clock.measure()

    assert clock.now() == pytest.approx(await redis_ms(connection) / 1000, abs=1.0)
    offset = metrics.registry.get_sample_value("router_clock_offset_seconds")
    assert offset == pytest.approx(off, abs=0.9)
    logged = [record.message for record in caplog.records if record.name.startswith("router")]
    assert logged == (["clock differs from Redis's"] if off else [])


async def test_before_redis_has_answered_the_time_is_the_process_s_own(
    connection: Connection, metrics: Metrics, time: SetClock, clock: Clock
) -> None:
    assert RedisClock(connection, clock, metrics).now() == time.now


def test_a_slow_answer_moves_the_time_only_as_far_as_it_proves(
    connection: Connection, metrics: Metrics, time: SetClock, clock: Clock
) -> None:
    """``_take`` gets Redis's time, and the monotonic times before the question and after the answer.

    Seen to fail if each answer sets the offset to the middle of its bounds.
    """
    redis_clock = RedisClock(connection, clock, metrics)
    start = time.now
    redis_clock._take(5000.0, start, start)
    assert redis_clock.now() == 5000.0

    redis_clock._take(5002.0, start, start + 10.0)  # at some moment of ten seconds
    assert redis_clock.now() == 5000.0

    redis_clock._take(5012.0, start, start + 10.0)  # at the last moment at the earliest
    assert redis_clock.now() == 5002.0

    redis_clock._take(4000.0, start, start)  # set back
    assert redis_clock.now() == 4000.0


async def fill(connection: Connection, now: int) -> None:
    """Enqueue work as by a clock that said ``now``: a due job, one that waits, a leased one."""
    redis = connection.redis
    for job_id in ("due", "waits", "leased"):
        await redis.set(keys.job(job_id), jobs.payload(jobs.DELIVER, now))
    queue = keys.deliver_queue("mail")
    await redis.zadd(queue, {"due": now - 1, "waits": now + 60_000, "leased": now + 5000})
    await redis.set(keys.lease("leased"), new_token("dead", 1, lease_ms=10_000), px=HOUR_MS)
    await redis.zadd(keys.open_sets("mail"), {"due": now - 1})
    await redis.zadd(keys.LOOKS, {"due": now - 1})
    await redis.hset(keys.LEDGER, "opened:mail", 1)


async def test_what_was_due_is_due_when_the_clock_was_set_back(
    connection: Connection, metrics: Metrics
) -> None:
    """Seen to fail without ``set_back.lua``: nothing is due for an hour."""
    await fill(connection, await set_back_by_an_hour(connection))
    queue = JobQueue(connection, keys.deliver_queue("mail"))
    poll = {"lease_ms": 10_000, "max_jobs": 9, "max_ids": 9}
    assert (await queue.poll(TOKEN, **poll)).jobs == ()

    await RedisClock(connection, system_clock(), metrics).measure()

    found = await queue.poll(TOKEN, **poll)
    assert [job.id for job in found.jobs] == ["due"]
    assert found.next_due_in_ms <= 5000  # the end of the dead worker's lease, as it was
    now = await redis_ms(connection)
    waits = await connection.redis.zscore(keys.deliver_queue("mail"), "waits")
    assert 50_000 < waits - now <= 60_000
    assert await connection.redis.zscore(keys.open_sets("mail"), "due") < now
    assert await connection.redis.zscore(keys.LOOKS, "due") < now
    assert set_back(metrics) == 1
    assert not await connection.redis.keys("*set-back*")
    assert not await connection.redis.exists(keys.CLOCK_MOVES)


async def test_a_lease_of_a_dead_worker_ends_in_time_when_the_clock_was_set_back(
    connection: Connection, metrics: Metrics
) -> None:
    """Seen to fail without the PEXPIRE in ``poll.lua``: its key lasts an hour longer."""
    await fill(connection, await set_back_by_an_hour(connection))
    await RedisClock(connection, system_clock(), metrics).measure()
    redis = connection.redis
    await redis.zadd(keys.deliver_queue("mail"), {"leased": 1})  # as after five seconds

    queue = JobQueue(connection, keys.deliver_queue("mail"))
    await queue.poll(TOKEN, lease_ms=10_000, max_jobs=9, max_ids=9)

    assert await redis.pttl(keys.lease("leased")) <= 10_000


@pytest.mark.parametrize("ahead_ms", [0, 900, -HOUR_MS])
async def test_a_clock_that_was_not_set_back_moves_nothing(
    connection: Connection, metrics: Metrics, ahead_ms: int
) -> None:
    """Nor one that was set forward. Seen to fail with a tolerance of 0."""
    now = await redis_ms(connection)
    await connection.redis.set(keys.CLOCK, now + ahead_ms)
    await connection.redis.zadd(keys.EVALUATE_QUEUE, {"b": now + 60_000})

    await RedisClock(connection, system_clock(), metrics).measure()

    assert await connection.redis.zscore(keys.EVALUATE_QUEUE, "b") == now + 60_000
    assert set_back(metrics) == 0


async def test_every_kind_of_due_time_is_moved_in_pages_and_once(
    connection: Connection, metrics: Metrics
) -> None:
    """By several processes that notice at the same time. Seen to fail without the guard."""
    before = await set_back_by_an_hour(connection)
    await connection.redis.hset(keys.LEDGER, "opened:mail", 1)
    places = (
        *(keys.BATCHES, keys.EVALUATE_QUEUE, keys.TIMERS, keys.TIMER_QUEUE),
        *(keys.open_sets("mail"), keys.deliver_queue("mail")),
    )
    for place in places:
        await connection.redis.zadd(place, {f"m{n}": before + n for n in range(1201)})
    clocks = [RedisClock(connection, system_clock(), metrics) for _ in range(3)]

    async with asyncio.TaskGroup() as group:
        for each in clocks:
            group.create_task(each.measure())

    now = await redis_ms(connection)
    for place in places:
        scores = [
            score for _, score in await connection.redis.zrange(place, 0, -1, withscores=True)
        ]
        assert len(scores) == 1201
        assert now - 5000 < scores[0] <= now
        assert scores == [scores[0] + n for n in range(1201)]
    assert set_back(metrics) == 1


async def test_a_process_that_ends_while_it_moves_leaves_the_rest_to_the_next(
    connection: Connection, metrics: Metrics
) -> None:
    """Also if the clock is set back again meanwhile. Seen to fail without the HINCRBY."""
    before = await set_back_by_an_hour(connection)
    await connection.redis.zadd(keys.EVALUATE_QUEUE, {f"m{n}": before + n for n in range(10)})
    crashing = RedisClock(connection, system_clock(), metrics)
    await crashing._set_back()  # and nothing after it
    assert not await connection.redis.exists(keys.EVALUATE_QUEUE)
    await connection.redis.incrby(keys.CLOCK, HOUR_MS)  # as when the clock is an hour behind again

    await RedisClock(connection, system_clock(), metrics).measure()

    now = await redis_ms(connection)
    ((_, first),) = await connection.redis.zrange(keys.EVALUATE_QUEUE, 0, 0, withscores=True)
    assert math.isclose(first, now - HOUR_MS, abs_tol=5000)
    assert await connection.redis.zcard(keys.EVALUATE_QUEUE) == 10


async def test_two_steps_from_the_same_time_lose_nothing(
    connection: Connection, metrics: Metrics
) -> None:
    """As when the second one comes before the first is moved. Mutant: one name for both."""
    before = await set_back_by_an_hour(connection)
    clock = RedisClock(connection, system_clock(), metrics)
    for job_id in ("first", "second"):
        await connection.redis.set(keys.CLOCK, before)
        await connection.redis.zadd(keys.EVALUATE_QUEUE, {job_id: before})
        await clock._set_back()

    await clock.measure()

    assert set(await connection.redis.zrange(keys.EVALUATE_QUEUE, 0, -1)) == {b"first", b"second"}
    assert not await connection.redis.keys("*set-back*")


async def test_work_that_is_added_while_others_are_moved_keeps_its_earlier_time(
    connection: Connection, metrics: Metrics
) -> None:
    """Seen to fail without ``LT`` in ``move_back.lua``."""
    before = await set_back_by_an_hour(connection)
    await connection.redis.zadd(keys.EVALUATE_QUEUE, {"again": before + 60_000})
    clock = RedisClock(connection, system_clock(), metrics)
    await clock._set_back()
    now = await redis_ms(connection)
    await connection.redis.zadd(keys.EVALUATE_QUEUE, {"again": now})

    await clock.measure()

    assert await connection.redis.zscore(keys.EVALUATE_QUEUE, "again") == now


async def test_work_that_ends_while_it_is_set_aside_leaves_nothing(
    connection: Connection, metrics: Metrics
) -> None:
    """Its entries return without a record: the job ends when it is run, the sweeper removes the other."""
    before = await set_back_by_an_hour(connection)
    for place in (keys.BATCHES, keys.EVALUATE_QUEUE):
        await connection.redis.zadd(place, {"gone": before})
    clock = system_clock()
    await RedisClock(connection, clock, metrics).measure()

    queue = JobQueue(connection, keys.EVALUATE_QUEUE)
    (job,) = (await queue.poll(TOKEN, lease_ms=10_000, max_jobs=1, max_ids=9)).jobs
    assert await Batches(connection, clock).begin(BatchId(job.id), TOKEN, claim_seconds=9) is None
    await Sweeper(connection, list, clock).sweep()

    assert await connection.redis.keys("*") == [keys.CLOCK.encode()]
