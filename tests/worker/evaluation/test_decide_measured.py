"""Rules that measure, from the event to the deliveries, on a real Redis with a set clock."""

import asyncio
import contextlib
import itertools

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.alerts import AlertStatus, Measurement
from router.errors import JournalUnavailableError
from router.events.model import Event
from router.journal.connection import Connection

SHARE = """
rules:
  - name: failing
    events: [a]
    ratio: {of: data.state == "fail", at_least: 5%, min_events: 20, within: 10m, by: [data.region]}
    send_to: [noc]
"""
JITTER = """
rules:
  - name: jitter
    events: [a]
    measure: {value: data.jitter, avg: {above: 30}, min_events: 3, within: 5m}
    cooldown: {for: 1h}
    send_to: [noc]
"""
MORE = """
rules:
  - name: more
    events: [a]
    spike: {times: 3, within: 10m, min_events: 6}
    send_to: [noc]
"""


NUMBERS = itertools.count()


def calls(world: World, region: str, *, failed: int, completed: int) -> list[Event]:
    states = ["completed"] * completed + ["fail"] * failed
    return [world.event(str(next(NUMBERS)), region=region, state=state) for state in states]


async def told(world: World) -> list[str]:
    found = [delivery.alert.measure for delivery in await world.told()]
    return ["" if each is None else each.text for each in found]


async def test_a_share_is_told_when_it_is_reached_and_again_only_after_it_was_back(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, SHARE)

    await world.send(*calls(world, "de1", failed=1, completed=18))
    assert await told(world) == []  # too few
    await world.send(*calls(world, "de1", failed=3, completed=0))
    assert await told(world) == ["2 of 20 in the last 10m, 10.0 %"]
    time.now += 60
    await world.send(*calls(world, "de1", failed=9, completed=0))
    assert await told(world) == []  # still beyond
    await world.send(*calls(world, "us1", failed=0, completed=300))
    time.now += 60
    await world.send(*calls(world, "de1", failed=0, completed=300))
    await world.send(*calls(world, "de1", failed=9, completed=0))

    assert await told(world) == ["17 of 335 in the last 10m, 5.1 %"]


async def test_what_left_the_window_is_no_part_of_the_share(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, SHARE)
    await world.send(*calls(world, "de1", failed=10, completed=0))
    time.now += 600
    await world.send(*calls(world, "de1", failed=0, completed=19))

    await world.send(*calls(world, "de1", failed=1, completed=0))

    assert await told(world) == ["1 of 20 in the last 10m, 5.0 %"]


async def test_an_alert_carries_what_was_measured(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, JITTER)

    await world.send(*(world.event(str(ms), jitter=ms) for ms in (20, 40.5, 30)))

    (delivery,) = await world.told()
    assert delivery.alert.measure == Measurement(
        value=90.5 / 3, total=3, text="avg 30.167 of 3 events in the last 5m"
    )


async def test_events_without_a_number_are_counted_by_themselves(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, JITTER)

    await world.send(
        world.event("1", jitter="40"),
        world.event("2", jitter=True),
        world.event("3"),
        world.event("4", jitter=40),
        world.event("5", jitter=1e300),
        world.event("6", jitter=40),
    )

    assert await told(world) == []
    name = "router_rule_events_left_out_total"
    assert world.metric(name, rule="jitter", reason="no_value") == 4
    assert (await world.ledger()).matched == 6


async def test_an_event_from_before_the_window_is_left_out(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, JITTER)
    old = world.event("old", jitter=1000)
    time.now += 300

    await world.send(*(world.event(str(ms), jitter=ms) for ms in (10, 20)), old)

    assert await told(world) == []
    assert world.metric("router_rule_events_left_out_total", rule="jitter", reason="late") == 1


async def test_a_spike_is_told_against_the_window_before(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, MORE)

    async def some(count: int) -> list[str]:
        await world.send(*(world.event(f"{time.now} {number}") for number in range(count)))
        return await told(world)

    assert await some(9) == []  # nothing is known of the time before
    time.now += 600
    assert await some(40) == []
    time.now += 600
    assert await some(40) == []
    time.now += 600
    assert await some(4) == []
    time.now += 600
    assert await some(20) == ["12 in the last 10m, 4 in the 10m before, 3 times as many"]


async def test_each_member_of_a_group_carries_what_was_measured_for_it(
    connection: Connection, time: SetClock
) -> None:
    rules = SHARE.replace("send_to: [noc]", "group: {wait: 30s}\n    send_to: [noc]")
    rules = rules.replace("send_to", 'summary: "{{ alert.measure.text }}"\n    send_to')
    world = World(connection, time, rules)
    for region in ("de1", "us1"):
        await world.send(*calls(world, region, failed=2, completed=18))
    await world.passes(30)

    (delivery,) = await world.told()
    assert delivery.alert.measure is not None
    assert (delivery.alert.measure.of, delivery.alert.measure.total) == (2, 20)
    assert [each.summary for each in delivery.alert.members] == ["2 of 20 in the last 10m, 10.0 %"]


async def test_what_was_measured_stands_in_the_escalation_and_the_resolved_message(
    connection: Connection, time: SetClock
) -> None:
    more = "resolve: {events: [up], by: [data.region]}\n    escalate: {after: 5m, send_to: [boss]}"
    world = World(connection, time, SHARE.replace("send_to: [noc]", f"{more}\n    send_to: [noc]"))
    await world.send(*calls(world, "de1", failed=2, completed=18))
    await world.passes(300)
    time.now += 1
    await world.send(world.event("up", type="up", region="de1"))

    both = [*await world.told("boss"), *await world.told()]
    assert [each.alert.status for each in both] == [
        AlertStatus.FIRING,
        AlertStatus.RESOLVED,
        AlertStatus.FIRING,
        AlertStatus.RESOLVED,
    ]
    assert {each.alert.measure for each in both} == {
        Measurement(value=0.1, of=2, total=20, text="2 of 20 in the last 10m, 10.0 %")
    }


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("rules", [SHARE, JITTER.replace("avg", "p95")])
async def test_figures_are_exact_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, rules: str, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, rules)
    events = [
        world.event(str(number), region="de1", jitter=40, state=state)
        for number, state in enumerate(["completed"] * 19 + ["fail"])
    ]
    batch = await world.accept(events)
    for cut_at in range(1, 8):
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    (measure,) = [delivery.alert.measure for delivery in await world.told()]
    assert measure is not None
    assert measure.total == (20 if "ratio" in rules else 3)


def with_back(rules: str, more: str = "") -> str:
    return rules.replace("send_to: [noc]", f"resolve: {{back: true}}\n    {more}send_to: [noc]")


async def statuses(world: World, destination: str = "noc") -> list[tuple[str, str]]:
    found = await world.told(destination)
    return [(each.alert.event_id, str(each.alert.status)) for each in found]


async def test_an_alert_is_resolved_when_its_share_is_back(
    connection: Connection, time: SetClock
) -> None:
    hysteresis = SHARE.replace("at_least: 5%", "at_least: 5%, back: 3%")
    world = World(connection, time, with_back(hysteresis))

    await world.send(*calls(world, "de1", failed=3, completed=17))
    ((first, firing),) = await statuses(world)
    assert firing == "firing"
    time.now += 60
    await world.send(*calls(world, "us1", failed=0, completed=20))
    await world.send(*calls(world, "de1", failed=0, completed=60))  # 3 of 80, 3.75 %
    await world.send(*calls(world, "de1", failed=2, completed=0))  # 5 of 82: it was never back
    assert await statuses(world) == []
    await world.send(*calls(world, "de1", failed=0, completed=85))  # 5 of 167, 2.99 %
    assert await statuses(world) == [(first, "resolved")]
    await world.send(*calls(world, "de1", failed=0, completed=5))
    assert await statuses(world) == []
    time.now += 1200
    await world.send(*calls(world, "de1", failed=3, completed=17))
    assert [status for _, status in await statuses(world)] == ["firing"]


@pytest.mark.parametrize("statistic", ["avg", "max", "p90"])
async def test_an_alert_is_resolved_when_its_number_is_back(
    connection: Connection, time: SetClock, statistic: str
) -> None:
    rules = with_back(JITTER.replace("avg: {above: 30}", f"{statistic}: {{above: 30, back: 25}}"))
    world = World(connection, time, rules)

    await world.send(*(world.event(f"a{number}", jitter=40) for number in range(3)))
    assert [status for _, status in await statuses(world)] == ["firing"]
    time.now += 300
    await world.send(world.event("b", jitter=28))
    assert await statuses(world) == []
    time.now += 300
    await world.send(world.event("c", jitter=25))
    assert [status for _, status in await statuses(world)] == ["resolved"]


async def test_a_spike_is_resolved_when_as_many_events_are_usual(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, with_back(MORE))
    await world.send(world.event("first"))
    time.now += 1800
    await world.send(*(world.event(f"a{number}") for number in range(20)))
    assert [status for _, status in await statuses(world)] == ["firing"]

    time.now += 600
    await world.send(world.event("b"))

    assert [status for _, status in await statuses(world)] == ["resolved"]


async def test_what_came_back_before_its_group_was_sent_is_not_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, with_back(SHARE, "group: {wait: 30s}\n    "))

    await world.send(*calls(world, "de1", failed=3, completed=17))
    await world.send(*calls(world, "de1", failed=0, completed=100))
    await world.passes(30)

    assert await statuses(world) == []
    assert (await world.ledger()).suppressed_alerts == {"resolved": 1}


async def test_an_escalation_ends_when_the_share_is_back(
    connection: Connection, time: SetClock
) -> None:
    more = "escalate: {after: 5m, send_to: [boss]}\n    "
    world = World(connection, time, with_back(SHARE, more))

    await world.send(*calls(world, "de1", failed=3, completed=17))
    await world.send(*calls(world, "de1", failed=0, completed=100))
    await world.passes(600)

    assert await statuses(world, "boss") == []
    assert len(await statuses(world)) == 2


async def test_a_rule_in_shadow_resolves_nothing_when_it_is_back(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, with_back(SHARE, "mode: shadow\n    "))

    await world.send(*calls(world, "de1", failed=3, completed=17))
    await world.send(*calls(world, "de1", failed=0, completed=100))

    assert await statuses(world) == []
    assert (await world.ledger()).suppressed_alerts == {"shadow": 1}
