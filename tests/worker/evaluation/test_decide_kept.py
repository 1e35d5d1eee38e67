"""Events that a count keeps, from the event to the deliveries, on a real Redis with a set clock."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.alerts import Alert
from router.errors import JournalUnavailableError
from router.events.model import Event
from router.journal.connection import Connection

RULES = """
rules:
  - name: failed
    events: [a]
    count: {at_least: 3, within: 10m, by: [data.k], keep: 10}
    summary: "failed: {{ data.why }}"
    send_to: [noc]
"""


def failures(world: World, *reasons: str) -> list[Event]:
    return [world.event(why, k="x", why=why) for why in reasons]


async def alerts(world: World) -> list[Alert]:
    return [delivery.alert for delivery in await world.told()]


def summaries(alert: Alert) -> list[str]:
    return [member.summary for member in alert.members]


async def test_the_events_of_a_count_are_in_the_alert(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    first = int(time.now)
    for why in "abcdef":
        await world.send(*failures(world, why))
        time.now += 60

    one, other = await alerts(world)

    assert (one.event_id, summaries(one)) == ("c", ["failed: a", "failed: b"])
    assert [member.event_id for member in other.members] == ["d", "e"]
    assert [int(member.raised_at) - first for member in other.members] == [180, 240]


async def test_no_more_are_kept_than_asked_for(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES.replace("keep: 10", "keep: 2"))
    for why in "abc":
        await world.send(*failures(world, why))
        time.now += 60

    (alert,) = await alerts(world)
    assert summaries(alert) == ["failed: b"]


async def test_an_event_that_is_too_old_to_count_is_in_no_alert(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(*failures(world, "old"))
    time.now += 601
    await world.send(*failures(world, "a", "b", "c"))

    (alert,) = await alerts(world)
    assert sorted([*summaries(alert), f"failed: {alert.event_id}"]) == [
        "failed: a",
        "failed: b",
        "failed: c",
    ]


@pytest.mark.parametrize(
    "more", ["group: {wait: 30s}", "distinct: data.why", "resolve: {events: [up], by: [data.k]}"]
)
async def test_other_features_leave_the_events_in_the_alert(
    connection: Connection, time: SetClock, more: str
) -> None:
    rules = (
        RULES.replace("keep: 10", f"keep: 10, {more}")
        if "distinct" in more
        else RULES.replace("send_to", f"{more}\n    send_to")
    )
    world = World(connection, time, rules)
    await world.send(*failures(world, "a", "b", "c"))
    await world.passes(31)
    time.now += 1
    await world.send(world.event("up", type="up", k="x"))

    found = await alerts(world)
    assert len(found) == (2 if "resolve" in more else 1)
    assert [len(alert.members) for alert in found] == [2] * len(found)


@pytest.mark.parametrize("happens", [True, False])
async def test_members_are_exact_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, RULES)
    batch = await world.accept(failures(world, "a", "b", "c"))
    for cut_at in range(1, 8):
        time.now += 1
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    (alert,) = await alerts(world)
    assert (alert.event_id, summaries(alert)) == ("c", ["failed: a", "failed: b"])
