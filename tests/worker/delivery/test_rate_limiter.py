"""A rate is kept by all workers together, and what must wait lies in the queue."""

import asyncio
from itertools import pairwise

from router.clock import system_clock
from router.datatypes import Duration, Rate
from router.journal.connection import Connection
from router.worker.delivery.rate_limiter import RateLimiter

CLOCK = system_clock()


async def test_two_workers_share_a_rate(connection: Connection) -> None:
    rate = Rate(limit=100, per=Duration(1))
    pacers = [RateLimiter(connection, "mail", rate, CLOCK) for _ in range(2)]
    began: list[float] = []

    async def send(limiter: RateLimiter, count: int) -> None:
        for _ in range(count):
            assert await limiter.acquire()
            began.append(CLOCK.monotonic())

    async with asyncio.TaskGroup() as group:
        for limiter in pacers:
            group.create_task(send(limiter, 20))

    # A worker that is late with its turn does not make the others wait: the sum is what counts.
    assert max(began) - min(began) >= 39 * rate.interval - 0.02
    assert len(began) == 40


async def test_turns_come_one_by_one(connection: Connection) -> None:
    limiter = RateLimiter(connection, "mail", Rate(limit=20, per=Duration(1)), CLOCK)
    began = []
    for _ in range(5):
        assert await limiter.acquire()
        began.append(CLOCK.monotonic())

    assert min(later - earlier for earlier, later in pairwise(began)) > 0.025


async def test_a_turn_that_is_far_away_is_not_waited_for(connection: Connection) -> None:
    limiter = RateLimiter(connection, "mail", Rate(limit=1, per=Duration(60)), CLOCK)
    assert await limiter.acquire()

    assert not await limiter.acquire()

    assert 55 < limiter.wait() <= 60
