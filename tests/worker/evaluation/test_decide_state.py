"""Rules that remember, from the event to the deliveries, on a real Redis with a set clock."""

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.alerts import alert_key
from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, connect

BURST = """
rules:
  - name: burst
    events: [a]
    count: {at_least: 3, within: 10m, by: [data.account, data.region]}
    send_to: [noc]
"""
QUIET = """
rules:
  - name: quiet
    events: [a]
    cooldown: {for: 10m, by: [data.account]}
    send_to: [noc, boss]
"""


async def test_a_count_tells_when_it_is_reached_and_begins_anew(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, BURST)
    events = [world.event(str(number), account="AC1") for number in range(7)]

    await world.send(*events[:2])
    assert await world.told() == []
    await world.send(*events[2:])

    first, second = await world.told()
    assert (first.alert.event_id, first.alert.count) == ("2", 3)
    assert second.alert.event_id == "5"
    assert first.alert.key == alert_key("burst", ('"AC1"', "null"))
    ledger = await world.ledger()
    assert (ledger.matched, ledger.alerts, ledger.notified, ledger.pending) == (7, 2, 2, 0)


async def test_a_count_goes_by_the_time_of_the_events(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, BURST)
    await world.send(
        world.event("1", time="2023-11-14T21:00:00Z"),
        world.event("2", time="2023-11-14T21:09:59+00:00"),
        world.event("3", time="2023-11-14T21:10:00Z"),
    )
    assert await world.told() == []

    await world.send(world.event("4", time="2023-11-14T23:05:00+02:00"))

    (delivery,) = await world.told()
    assert delivery.alert.event_id == "4"


async def test_an_event_from_the_future_happens_now(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, BURST)

    await world.send(
        world.event("1", time="2099-01-01T00:00:00Z"),
        world.event("2"),
        world.event("3", time="no time at all"),
    )

    assert len(await world.told()) == 1


async def test_values_of_by_tell_events_apart(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, BURST)

    await world.send(
        world.event("1", account="AC1", region="us1"),
        world.event("2", account="AC1", region="us2"),
        world.event("3", account="AC1us1"),
        world.event("4", account=["AC1", "us1"]),
        world.event("5", account="AC1", region="us1"),
    )

    assert await world.told() == []


async def test_a_cooldown_tells_once_and_then_how_many_were_held_back(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, QUIET)
    await world.send(*(world.event(str(number), account="AC1") for number in range(4)))
    await world.send(world.event("other", account="AC2"))
    time.now += 600
    await world.send(world.event("5", account="AC1"))

    told = {
        place: [(each.alert.event_id, each.alert.held_back) for each in await world.told(place)]
        for place in ("noc", "boss")
    }

    assert told["noc"] == told["boss"] == [("0", 0), ("other", 0), ("5", 3)]
    assert world.metric("router_alerts_suppressed_total", rule="quiet", reason="cooldown") == 3
    ledger = await world.ledger()
    assert (ledger.suppressed, ledger.matched, ledger.pending) == (3, 3, 0)
    assert (ledger.alerts, ledger.notified, ledger.suppressed_alerts, ledger.waiting) == (
        6,
        3,
        {"cooldown": 3},
        0,
    )


async def test_count_and_cooldown_together_tell_the_first_burst(
    connection: Connection, time: SetClock
) -> None:
    rules = BURST + "    cooldown: {for: 1h}\n"
    world = World(connection, time, rules)

    await world.send(*(world.event(str(number)) for number in range(9)))
    time.now += 3600
    await world.send(*(world.event(str(number)) for number in range(9, 12)))

    assert [(each.alert.count, each.alert.held_back) for each in await world.told()] == [
        (3, 0),
        (3, 2),
    ]


async def test_a_shadow_rule_remembers_and_tells_nobody(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, BURST + "    mode: shadow\n")

    await world.send(*(world.event(str(number)) for number in range(7)))

    assert await world.told() == []
    assert world.metric("router_alerts_suppressed_total", rule="burst", reason="shadow") == 2


async def test_another_threshold_begins_anew_and_another_description_does_not(
    connection: Connection, time: SetClock
) -> None:
    before = World(connection, time, BURST)
    described = World(connection, time, BURST + "    description: now described\n")
    changed = World(connection, time, BURST.replace("at_least: 3", "at_least: 2"))

    await before.send(before.event("1"), before.event("2"))
    await changed.send(before.event("3"))
    assert await before.told() == []
    await described.send(before.event("4"))

    assert len(await before.told()) == 1


async def test_rules_that_remember_nothing_cost_no_further_command(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, "rules: [{name: all, events: [a], send_to: [noc]}]")
    batch = await world.accept([world.event("1")])
    before = (await connection.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]

    await world.evaluate.run(batch)

    after = (await connection.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert after - before <= 2  # begin and finish


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize("cut_at", [1, 2, 3])
async def test_a_run_that_is_cut_anywhere_and_run_again_tells_the_same(
    connection: Connection, time: SetClock, cut_at: int, *, happens: bool
) -> None:
    world = World(connection, time, BURST + QUIET.replace("rules:\n", ""))
    batch = await world.accept([world.event(str(number)) for number in range(4)])

    with pytest.raises(JournalUnavailableError):
        await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    await world.send(world.event("between"))
    await world.evaluate.run(batch)
    await world.evaluate.run(batch)

    told = await world.told()
    assert [each.alert.rule for each in told].count("quiet") == 1
    assert [each.alert.count for each in told if each.alert.rule == "burst"] == [3]
    ledger = await world.ledger()
    assert (ledger.accepted, ledger.pending, ledger.waiting) == (5, 0, 0)
    assert ledger.notified + ledger.suppressed_alerts["cooldown"] == ledger.alerts == 6
    assert await connection.redis.keys("router:answers:*") == []


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    accounts=st.lists(st.sampled_from("ab"), min_size=1, max_size=14),
    cuts=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4), st.booleans()), max_size=6),
    size=st.integers(1, 5),
)
def test_counts_are_right_after_crashes_duplicates_and_races(
    redis_url: Secret, accounts: list[str], cuts: list[tuple[int, int, bool]], size: int
) -> None:
    """Batches with repeats in them are run, cut anywhere, then run by two workers at once."""

    async def run() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=8)
        await connection.redis.flushall()
        world = World(connection, SetClock(), BURST)
        events = [world.event(str(n), account=account) for n, account in enumerate(accounts)]
        cut_up = [events[start : start + size + 1] for start in range(0, len(events), size)]
        batches = [await world.accept(batch) for batch in cut_up]
        for which, cut_at, happens in cuts:
            cutting = world.worker(Cutting(connection, cut_at, happens=happens))
            with contextlib.suppress(JournalUnavailableError):
                await cutting.run(batches[which % len(batches)])
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(world.worker(connection).run(batch))
                group.create_task(world.worker(connection).run(batch))

        told = [each.alert for each in await world.told()]
        assert len({alert.id for alert in told}) == len(told)
        expected = sorted(name for name in "ab" for _ in range(accounts.count(name) // 3))
        keys = {alert_key("burst", (f'"{name}"', "null")): name for name in "ab"}
        assert sorted(keys[alert.key] for alert in told) == expected
        ledger = await world.ledger()
        assert (ledger.pending, ledger.alerts, ledger.notified) == (0, len(told), len(told))
        await connection.close()

    asyncio.run(run())
