"""All workers together keep a rate; a delivery over the rate waits in the queue."""

import asyncio

from router.clock import system_clock
from router.datatypes import Duration, Rate
from router.journal.connection import Connection
from router.worker.delivery.rate_limiter import RateLimiter

CLOCK = system_clock()


async def test_two_workers_share_a_rate(connection: Connection) -> None:
    rate = Rate(limit=100, per=Duration(1))
    limiters = [RateLimiter(connection, "mail", rate, CLOCK) for _ in range(2)]
    began: list[float] = []

    async def send(limiter: RateLimiter, count: int) -> None:
        for _ in range(count):
            assert await limiter.acquire()
            began.append(CLOCK.monotonic())

    async with asyncio.TaskGroup() as group:
        for limiter in limiters:
            group.create_task(send(limiter, 20))

    # A worker that begins late does not delay the others, so only the sum is bounded.
    assert max(began) - min(began) >= 39 * rate.interval - 0.02
    assert len(began) == 40


async def test_attempts_are_spread_evenly(connection: Connection) -> None:
    limiter = RateLimiter(connection, "mail", Rate(limit=20, per=Duration(1)), CLOCK)
    before = CLOCK.monotonic()
    began = []
    for _ in range(5):
        assert await limiter.acquire()
        began.append(CLOCK.monotonic() - before)

    # None is early. A busy machine makes one late, and then the next one is not.
    assert all(at > 0.05 * number - 0.025 for number, at in enumerate(began)), began


async def test_a_moment_beyond_the_lookahead_is_not_waited_for(connection: Connection) -> None:
    limiter = RateLimiter(connection, "mail", Rate(limit=1, per=Duration(60)), CLOCK)
    assert await limiter.acquire()

    assert not await limiter.acquire()

    assert 55 < limiter.wait() <= 60
