"""Case D15: how many connections a server accepts is learnt."""

import asyncio

import pytest
from support.clock import SetClock

from router.destinations.transport.connection_limit import ConnectionLimit


@pytest.fixture
def limit(time: SetClock) -> ConnectionLimit:
    return ConnectionLimit(lambda: time.now)


async def taken(limit: ConnectionLimit, count: int) -> None:
    for _ in range(count):
        await limit.acquire()


async def test_without_a_rejection_there_is_no_limit(limit):
    await taken(limit, 100)
    assert (limit.used, limit.limit) == (100, None)


async def test_what_is_open_at_a_rejection_is_the_limit(limit):
    await taken(limit, 4)
    limit.learn(3)
    limit.release()
    assert limit.limit == 3
    waiting = asyncio.ensure_future(limit.acquire())  # noqa: TID251 - a test
    await asyncio.sleep(0)
    assert not waiting.done()
    limit.release()
    await waiting
    assert limit.used == 3


async def test_a_rejection_without_open_connections_leaves_one(limit):
    await taken(limit, 1)
    limit.learn(0)
    assert limit.limit == 1


async def test_a_later_rejection_does_not_raise_the_limit(limit):
    await taken(limit, 5)
    limit.learn(2)
    limit.learn(4)
    assert limit.limit == 2


async def test_a_limit_grows_by_one_after_a_minute_and_later_after_each_try_in_vain(limit, time):
    await taken(limit, 3)
    limit.learn(2)
    limit.release()
    pauses = []
    for _ in range(8):
        pauses.append(await pause_before_one_more(limit, time))
        limit.learn(2)
        limit.release()
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_limit_that_is_no_more_is_forgotten_in_minutes(limit, time):
    """Case D15: a server that was restarted does not keep its clients waiting."""
    await taken(limit, 2)
    limit.learn(1)
    limit.release()
    pauses = [await pause_before_one_more(limit, time) for _ in range(19)]
    assert pauses[:5] == [60, 60, 30, 15, 8]
    assert sum(pauses) < 300


async def pause_before_one_more(limit: ConnectionLimit, time: SetClock) -> float:
    """Return the seconds until the limit allows one more; that permit is then used."""
    began, used = time.now, limit.used
    while limit.used == used:
        time.now += 1
        waiting = asyncio.ensure_future(limit.acquire())  # noqa: TID251 - a test
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    return time.now - began


async def test_who_waits_is_served_in_turn_and_a_cancelled_one_loses_no_permit(limit):
    await taken(limit, 2)
    limit.learn(1)
    limit.release()
    served = []

    async def use(number):
        await limit.acquire()
        served.append(number)
        await asyncio.sleep(0)
        limit.release()

    async with asyncio.TaskGroup() as group:
        users = [group.create_task(use(number)) for number in range(6)]
        await asyncio.sleep(0)
        users[1].cancel()
        limit.release()  # wakes user 0 ...
        users[0].cancel()  # ... which is cancelled before it runs
    assert served == [2, 3, 4, 5]
    assert limit.used == 0
