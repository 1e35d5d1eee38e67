"""Values that are new, from the event to the deliveries, on a real Redis with a set clock."""

import asyncio
import contextlib

import pytest
from support.chains import START
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.errors import JournalUnavailableError
from router.events.model import Event
from router.journal.connection import Connection
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.rules.state.chain import Chain
from router.rules.state.first_seen import SEEN, CheckFirstSeen
from router.rules.state.memory_store import MemoryStore

DAY = 86_400
RULES = """
rules:
  - name: new
    events: [a]
    first_seen: {by: [data.sid, data.country], forget: 30d}
    send_to: [noc]
"""
LEARNING = RULES.replace("forget: 30d", "forget: 30d, learn: 7d")


def call(world: World, time: SetClock, country: str, sid: str = "AC1") -> Event:
    return world.event(f"{sid} {country} {time.now}", sid=sid, country=country)


async def told(world: World) -> list[str]:
    return [delivery.alert.event_id.rpartition(" ")[0] for delivery in await world.told()]


async def test_the_first_event_with_new_values_is_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    for country, sid in [("de", "AC1"), ("us", "AC1"), ("de", "AC1"), ("de", "AC2")]:
        time.now += 1
        await world.send(call(world, time, country, sid))

    assert await told(world) == ["AC1 de", "AC1 us", "AC2 de"]


async def test_a_value_is_new_again_when_it_was_not_seen_for_long(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    for days in (0, 29, 29, 30):
        time.now += days * DAY
        await world.send(call(world, time, "de"))

    assert await told(world) == ["AC1 de", "AC1 de"]


async def test_nothing_is_told_while_the_rule_learns(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, LEARNING)
    await world.send(call(world, time, "de"))
    time.now += 7 * DAY - 1
    await world.send(call(world, time, "us"))
    time.now += 1
    await world.send(*(call(world, time, country) for country in ("de", "us", "fr")))

    assert await told(world) == ["AC1 fr"]
    name = "router_rule_events_left_out_total"
    assert world.metric(name, rule="new", reason="learning") == 2


async def test_an_event_that_arrives_late_is_not_told_again(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    late = call(world, time, "de")
    time.now += 3600
    await world.send(call(world, time, "de"), late)

    (delivery,) = await world.told()
    assert delivery.alert.event_id != late.id


async def test_values_are_bounded_and_forgotten_ones_make_room(connection: Connection) -> None:
    seconds = [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("a", 4), ("e", 7), ("d", 8)]
    steps = [CheckFirstSeen("s", SEEN, each, START + 1000 * at, 5_000, 0) for each, at in seconds]
    batch = [Chain(f"c{number}", (step,)) for number, step in enumerate(steps)]
    work = timer_work(TimerId("w"))
    await connection.redis.set(work.record, b"x")

    found = await RuleState(connection, keys_limit=3).open(work, START).decide(batch)

    expected = await MemoryStore(keys_limit=3).open("w", START).decide(batch)
    shown = [(each.outcome, each.overflowed) for each in found]
    assert shown == [(each.outcome, each.overflowed) for each in expected]
    assert [is_overflowed for _, is_overflowed in shown] == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize("happens", [True, False])
async def test_new_values_are_told_once_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, RULES)
    events = [
        world.event(f"{country} {n}", sid=1, country=country) for n in "ab" for country in "xy"
    ]
    batch = await world.accept(events)
    for cut_at in range(1, 8):
        time.now += 1
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    assert [delivery.alert.event_id for delivery in await world.told()] == ["x a", "y a"]
