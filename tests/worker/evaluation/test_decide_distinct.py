"""Rules that count different values, from the event to the deliveries, on a real Redis."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.errors import JournalUnavailableError
from router.journal.connection import Connection

RULES = """
rules:
  - name: conferences
    events: [a]
    count: {at_least: 3, distinct: data.sid, within: 10m, by: [data.region]}
    send_to: [noc]
"""


async def test_events_with_the_same_value_count_once(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    same = [world.event(f"same {number}", sid="1", region="de1") for number in range(20)]
    await world.send(*same, world.event("2", sid=1, region="de1"))
    await world.send(world.event("3", sid="3", region="us1"))
    assert await world.told() == []

    await world.send(world.event("4", sid="4", region="de1"))

    (delivery,) = await world.told()
    assert delivery.alert.count == 3  # "1", 1 and "4": text is no number
    assert delivery.alert.measure is not None
    assert delivery.alert.measure.text == "3 different values within 10m"


async def test_events_without_a_value_are_left_out(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)

    await world.send(
        *(world.event(str(number), region="de1") for number in range(3)),
        world.event("null", sid=None, region="de1"),
        *(world.event(sid, sid=sid, region="de1") for sid in "xy"),
    )

    assert await world.told() == []
    name = "router_rule_events_left_out_total"
    assert world.metric(name, rule="conferences", reason="no_value") == 4


async def test_late_events_complete_an_earlier_span(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    late = world.event("late", sid="late", region="de1")
    time.now += 590
    first = [world.event(sid, sid=sid, region="de1") for sid in "xy"]
    time.now += 20
    await world.send(world.event("new", sid="x", region="de1"), *first)
    assert await world.told() == []

    await world.send(late)

    assert [delivery.alert.event_id for delivery in await world.told()] == ["late"]


@pytest.mark.parametrize("happens", [True, False])
async def test_values_are_exact_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, RULES)
    events = [world.event(str(number), region="de1", sid=number // 2) for number in range(10)]
    batch = await world.accept(events)
    for cut_at in range(1, 8):
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    assert [delivery.alert.event_id for delivery in await world.told()] == ["4", "8"]
