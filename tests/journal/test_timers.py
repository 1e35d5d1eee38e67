"""Timers that no event and no timer causes: due at once, and set once."""

from support.clock import SetClock

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import TimerId
from router.journal.timers import Timers
from router.rules.state.look import ResolutionTimer

TIMER = TimerId("resolution-ak_1")


async def test_a_worker_finds_it_at_once_and_once(
    connection: Connection, clock: Clock, time: SetClock
) -> None:
    timers = Timers(connection, clock)

    def resolution(by: str) -> ResolutionTimer:
        return ResolutionTimer(due_at=time.now, rule="r", state="alert", key="ak_1", by=by)

    assert [await timers.set(resolution(by)) for by in ("ann", "bob")] == [True, False]

    begun = await timers.begin(TIMER)
    assert begun is not None
    assert begun.timer == resolution("ann")
    due = await connection.redis.zrange(keys.TIMER_QUEUE, 0, -1, withscores=True)
    assert due == [(TIMER.encode(), time.now * 1000)]
    assert await connection.redis.zscore(keys.TIMERS, TIMER) == time.now * 1000
    assert await connection.redis.exists(keys.job(TIMER)) == 1
