"""Events that follow others, from the event to the deliveries, on a real Redis with a set clock."""

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
  - name: login
    events: [ok]
    follows: {event: failed, when: data.why != "typo", within: 10m, by: [data.ip], at_least: 3}
    send_to: [noc]
"""


def failures(world: World, time: SetClock, count: int, **more: str) -> list[Event]:
    found = []
    for _ in range(count):
        time.now += 1
        fields = {"ip": "::1", "why": "password", **more}
        found.append(world.event(f"failed {time.now}", type="failed", **fields))
    return found


def login(world: World, time: SetClock, number: str = "ok", **more: str) -> Event:
    time.now += 1
    return world.event(number, type="ok", **{"ip": "::1", **more})


async def told(world: World) -> list[tuple[str, int]]:
    return [(each.alert.event_id, each.alert.count) for each in await world.told()]


async def test_an_event_after_enough_others_is_told(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    await world.send(*failures(world, time, 2), login(world, time, "too few"))
    await world.send(*failures(world, time, 1, ip="::2"), *failures(world, time, 1, why="typo"))
    await world.send(login(world, time, "of others"))
    assert await told(world) == []

    await world.send(*failures(world, time, 1), login(world, time))
    assert await told(world) == [("ok", 4)]
    await world.send(login(world, time, "again"))
    assert await told(world) == []  # the failures are used up


async def test_what_happened_too_long_before_does_not_count(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(*failures(world, time, 3))
    time.now += 597
    await world.send(login(world, time))

    assert await told(world) == []


async def test_others_that_happened_after_it_do_not_count(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(login(world, time), *failures(world, time, 3))
    await world.passes(0)

    assert await told(world) == []


async def test_an_event_is_told_when_what_it_follows_arrives_late(
    connection: Connection, time: SetClock
) -> None:
    more = "cooldown: {for: 1h}\n    send_to"
    world = World(connection, time, RULES.replace("send_to", more))
    before = failures(world, time, 3)
    own = login(world, time)
    time.now += 20
    for each in (before[2], own, before[0]):
        await world.send(each)
    await world.passes(0)
    assert await told(world) == []

    await world.send(before[1])
    await world.passes(0)

    assert await told(world) == [("ok", 4)]
    await world.send(*failures(world, time, 3), login(world, time, "cooling"))
    assert await told(world) == []
    assert (await world.ledger()).matched == 7
    assert world.metric("router_alerts_suppressed_total", rule="login", reason="cooldown") == 1


async def test_an_event_without_a_value_follows_nothing(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    events = [world.event(str(number), type="failed", why="x") for number in range(3)]
    await world.send(*events, world.event("ok", type="ok"))

    assert await told(world) == []
    left_out = "router_rule_events_left_out_total"
    assert world.metric(left_out, rule="login", reason="no_value") == 1


@pytest.mark.parametrize("own_at", [0, 2, 3])
@pytest.mark.parametrize("happens", [True, False])
async def test_it_is_told_once_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool, own_at: int
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, RULES)
    events = failures(world, time, 3)
    events.insert(own_at, login(world, time))
    batch = await world.accept(events)
    for cut_at in range(1, 8):
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))
    await world.passes(0)

    assert await told(world) == [("ok", 4)]
