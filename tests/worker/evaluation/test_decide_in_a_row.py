"""Events in a row, from the event to the deliveries, on a real Redis with a set clock."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.errors import JournalUnavailableError
from router.events.model import Event
from router.journal.connection import Connection

RULES = """
rules:
  - name: failing
    events: [a]
    when: data.state == "fail"
    count:
      {at_least: 3, in_a_row: true, broken_by: {when: data.state == "completed"}, by: [data.k]}
    send_to: [noc]
"""


def calls(world: World, time: SetClock, *states: str, k: str = "x") -> list[Event]:
    """Calls that end one second after the other, in these states."""
    found = []
    for state in states:
        found.append(world.event(f"{k} {time.now}", state=state, k=k))
        time.now += 1
    return found


async def told(world: World) -> list[int]:
    return [delivery.alert.count for delivery in await world.told()]


@pytest.mark.parametrize(
    ("states", "alerts"),
    [
        ("fail fail fail", 1),
        ("fail fail completed fail fail", 0),
        ("fail busy fail no-answer fail", 1),
        ("completed fail fail fail completed", 1),
        ("fail fail fail fail fail fail", 2),
        ("fail fail completed fail fail fail", 1),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
async def test_only_events_in_a_row_count_in_the_order_of_their_own_time(
    connection: Connection, time: SetClock, states: str, alerts: int, *, reverse: bool
) -> None:
    world = World(connection, time, RULES)
    events = calls(world, time, *states.split())
    if reverse:
        # Breaks first: a row that was told of is not taken back.
        events.sort(key=lambda event: (b"completed" not in event.body, event.id), reverse=False)

    for event in events:
        await world.send(event)

    assert await told(world) == [3] * alerts


async def test_a_break_is_of_one_key(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    await world.send(*calls(world, time, "fail", "fail"))
    await world.send(*calls(world, time, "completed", k="y"))
    await world.send(*calls(world, time, "fail"))

    assert await told(world) == [3]


async def test_other_events_can_break_a_row(connection: Connection, time: SetClock) -> None:
    other = RULES.replace('when: data.state == "completed"', "events: [repaired]")
    world = World(connection, time, other)
    await world.send(*calls(world, time, "fail", "completed", "fail"))
    await world.send(world.event("repaired", type="repaired", k="x"))
    time.now += 1
    await world.send(*calls(world, time, "fail", "fail"))
    assert await told(world) == []

    await world.send(*calls(world, time, "fail"))
    assert await told(world) == [3]


@pytest.mark.parametrize("happens", [True, False])
async def test_rows_are_exact_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, RULES)
    states = ["fail", "fail", "completed", "fail", "fail", "fail", "fail"]
    events = calls(world, time, *states)
    batch = await world.accept(events)
    for cut_at in range(1, 8):
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    assert [delivery.alert.event_id for delivery in await world.told()] == [events[5].id]
