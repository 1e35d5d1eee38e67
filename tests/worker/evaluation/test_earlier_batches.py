"""Timers that wait for a backlog, on a real Redis with a set clock."""

import pytest
from support.clock import SetClock
from support.world import World

from router.errors import PostponedError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import BatchId, TimerId
from router.worker.evaluation.earlier_batches import STUCK_SECONDS

RULES = """
rules:
  - name: silent-host
    events: [beat]
    absent: {event: beat, for: 6s, by: [data.host]}
    send_to: [noc]
  - name: many
    events: [a]
    group: {by: [data.k], wait: 6s, interval: 1m}
    send_to: [noc]
"""


async def told(world: World) -> list[str]:
    return [each.alert.event_id for each in await world.told()]


async def fires(world: World) -> bool:
    """Begin the first timer that is set; return whether it is judged."""
    name, _ = (await world.timers())[0]
    try:
        await world.timer_worker(world.connection).run(name)
    except PostponedError:
        return False
    return True


async def test_a_heartbeat_in_a_backlog_is_not_missed(
    connection: Connection, time: SetClock
) -> None:
    """Case R3: heartbeats are accepted behind other events while the worker stands still."""
    world = World(connection, time, RULES)
    await world.send(world.event("b0", type="beat", host="h"))
    backlog = []
    for second in range(1, 16):
        time.now += 1
        other = world.event(f"x{second}", type="other")
        beat = world.event(f"b{second}", type="beat", host="h")
        backlog += [await world.accept([other]), await world.accept([beat])]

    for batch in backlog[:9]:
        assert not await fires(world)
        await world.evaluate.run(batch)
    await world.passes(0)
    for batch in backlog[9:]:
        await world.evaluate.run(batch)
    await world.passes(5)
    assert await told(world) == []

    await world.passes(1)  # and the absence of the next one is told when it is due

    assert await told(world) == ["b15"]


async def test_what_was_accepted_when_the_timer_was_due_is_not_waited_for(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("b0", type="beat", host="h"))
    time.now += 6
    await world.accept([world.event("b1", type="beat", host="h")])

    assert await fires(world)

    assert await told(world) == ["b0"]


async def test_a_group_is_sent_with_what_waits_in_a_backlog(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("e1", k=1))
    time.now += 5
    batch = await world.accept([world.event("e2", k=1)])
    time.now += 5
    assert not await fires(world)
    await world.evaluate.run(batch)

    assert await fires(world)

    assert [each.alert.grouped for each in await world.told()] == [2]


async def stuck(world: World) -> BatchId:
    """Let a batch be accepted before the timer of an absence is due; nothing evaluates it."""
    await world.send(world.event("b0", type="beat", host="h"))
    world.time.now += 1
    batch = await world.accept([world.event("other", type="other")])
    world.time.now += 5
    return batch


async def look(world: World, seconds: float) -> bool:
    """Let workers look at the timer every 20 s for so long; return whether it is judged at last."""
    for _ in range(int(seconds / 20)):
        if await fires(world):
            return True
        world.time.now += 20
    return await fires(world)


async def test_a_batch_that_is_stuck_is_waited_for_five_minutes(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(connection, time, RULES)
    batch = await stuck(world)

    assert not await look(world, STUCK_SECONDS - 20)
    time.now += 20
    assert await fires(world)

    assert await told(world) == ["b0"]
    (record,) = [each for each in caplog.records if "judged" in each.message]
    assert (record.batch, record.unchanged_seconds) == (batch, 300)  # type: ignore[attr-defined]
    assert world.metric("router_timers_judged_early_total", feature="absent") == 1


@pytest.mark.parametrize("change", ["a part", "no look", "another batch", "another clock"])
async def test_a_backlog_that_drains_is_waited_for_as_long_as_that_takes(
    connection: Connection, time: SetClock, change: str
) -> None:
    """Mutants: the time is measured from the timer's due time; or for all batches together."""
    world = World(connection, time, RULES)
    batch = await stuck(world)
    if change == "another batch":
        await connection.redis.zadd(keys.BATCHES, {"next": (time.now - 1) * 1000})
    assert not await look(world, STUCK_SECONDS - 20)

    match change:
        case "a part":
            await connection.redis.set(keys.parts(batch), 1)
        case "no look":
            # A minute without one: nothing was evaluated either.
            assert 0 < await connection.redis.pttl(keys.TIMER_WATCH) <= 60_000
            await connection.redis.delete(keys.TIMER_WATCH)
        case "another batch":
            await world.evaluate.run(batch)
        case "another clock":
            time.now -= 100_000

    assert not await look(world, STUCK_SECONDS - 20)
    await connection.redis.zrem(keys.BATCHES, "next", batch)
    assert await fires(world)


async def test_timers_wait_while_due_times_are_moved(
    connection: Connection, time: SetClock
) -> None:
    """Redis's clock was set back, and the batches are moved after the timers."""
    world = World(connection, time, RULES)
    await stuck(world)
    await connection.redis.rename(keys.BATCHES, f"{keys.BATCHES}:set-back:1")
    await connection.redis.hset(keys.CLOCK_MOVES, f"{keys.BATCHES}:set-back:1", 5000)

    assert not await fires(world)
    await connection.redis.delete(keys.CLOCK_MOVES)

    assert await fires(world)


async def test_a_worker_that_puts_a_timer_back_leaves_timers_alone_for_a_moment(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await stuck(world)
    job = world.timer_worker(connection)
    assert world.earlier.wait() == 0

    with pytest.raises(PostponedError, match="was accepted before") as postponed:
        await job.run(TimerId((await world.timers())[0][0]))

    assert world.earlier.wait() == 0.25
    assert postponed.value.seconds is None  # it keeps its place in the queue
