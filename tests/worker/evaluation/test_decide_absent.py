"""Events that wait for others, from the event to the deliveries, on a real Redis with a set clock."""

import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.errors import JournalUnavailableError
from router.journal.connection import Connection


@pytest.mark.parametrize("happens", [False, True], ids=["before", "after"])
async def test_what_waits_behind_another_event_waits_alone_whenever_a_worker_ends(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """The first opening is answered by a closing that arrives late, the second one is not."""
    text = "rules: [{name: r, events: [a], absent: {event: b, for: 5m}, send_to: [noc]}]"
    world = World(connection, time, text)
    await world.send(world.event("1", type="a", time="2023-11-14T22:00:00Z"))
    await world.send(world.event("2", type="a", time="2023-11-14T22:04:00Z"))
    batch = await world.accept([world.event("3", type="b", time="2023-11-14T22:02:00Z")])

    for cut_at in range(1, 6):
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    await world.evaluate.run(batch)

    assert len(await world.timers()) == 1
    await world.passes(300)
    assert [each.alert.event_id for each in await world.told()] == ["2"]


async def test_the_tolerance_of_the_settings_reaches_the_rules(
    connection: Connection, time: SetClock
) -> None:
    """An answer that arrives first and happened ten seconds later: case R12 for ``absent``."""
    text = "rules: [{name: r, events: [a], absent: {event: b, for: 5m}, send_to: [noc]}]"
    waiting = []
    for tolerance in (30, 5):
        await connection.redis.flushall()
        world = World(connection, time, text)
        world.live.tolerance_ms = tolerance * 1000  # type: ignore[misc]
        await world.send(world.event("1", type="b", time="2023-11-14T22:00:10Z"))
        await world.send(world.event("2", type="a", time="2023-11-14T22:00:00Z"))
        waiting.append(len(await world.timers()))

    assert waiting == [1, 0]
