"""Lists of ``first_of``: which rule tells of an event that several rules match, on a real Redis."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World, configuration

from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection

PLAIN = """
rules:
  - {name: any, events: [a, b], send_to: [noc]}
  - {name: worst, events: [a], when: data.level > 8, send_to: [noc]}
  - {name: bad, events: ["*"], when: data.level > 4, send_to: [noc]}
first_of: [worst, bad, any]
"""
COUNTING = """
rules:
  - name: each
    events: [a]
    cooldown: {for: 1m}
    send_to: [noc]
  - name: burst
    events: [a]
    count: {at_least: 3, within: 10m}
    send_to: [noc]
  - name: other
    events: [a]
    when: data.level > 8
    send_to: [noc]
first_of: [[burst, each, other]]
"""


async def told(world: World) -> list[str]:
    """The rule and the event of each alert that is told."""
    return [f"{each.alert.rule} {each.alert.event_id}" for each in await world.told()]


def suppressed(world: World, rule: str, reason: str = "first_of") -> float:
    return world.metric("router_alerts_suppressed_total", rule=rule, reason=reason)


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ("", {9: "worst", 5: "bad", 1: "any"}),
        # A rule whose alert is suppressed is the first one all the same.
        (
            "silences: [{match: {rule: worst}, ends: '2023-11-15T00:00:00Z', author: a, comment: b}]",
            {9: None, 5: "bad", 1: "any"},
        ),
    ],
)
async def test_the_first_rule_of_a_list_tells(
    connection: Connection, time: SetClock, more: str, rules: dict[int, str | None]
) -> None:
    world = World(connection, time, PLAIN + more)

    await world.send(*(world.event(f"e{level}", level=level) for level in rules))

    expected = [f"{rule} e{level}" for level, rule in rules.items() if rule]
    assert sorted(await told(world)) == sorted(expected)
    assert (suppressed(world, "bad"), suppressed(world, "any")) == (1, 2)
    assert (await world.ledger()).notified == len(expected)


@pytest.mark.parametrize(
    ("rules", "shadow", "first"), [(PLAIN, "worst", "bad"), (COUNTING, "burst", "each")]
)
async def test_a_rule_in_shadow_is_passed_over(
    connection: Connection, time: SetClock, rules: str, shadow: str, first: str
) -> None:
    named = f"name: {shadow}"
    separator = ", " if f"{{{named}" in rules else "\n    "
    world = World(connection, time, rules.replace(named, f"{named}{separator}mode: shadow"))
    for number in range(3):
        time.now += 61
        await world.send(world.event(f"e{number}", level=9))

    assert await told(world) == [f"{first} e{number}" for number in range(3)]
    assert suppressed(world, shadow) == 0


async def test_a_rule_that_counts_is_the_first_when_its_count_is_reached(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, COUNTING)
    for number in range(4):
        time.now += 61
        await world.send(world.event(f"e{number}", level=9))

    assert await told(world) == ["each e0", "each e1", "burst e2", "each e3"]
    assert (suppressed(world, "each"), suppressed(world, "other")) == (1, 4)


async def test_a_rule_that_cools_down_is_the_first_all_the_same(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, COUNTING)

    await world.send(*(world.event(f"e{number}", level=9) for number in range(2)))

    assert await told(world) == ["each e0"]
    assert suppressed(world, "each", "cooldown") == 1
    assert suppressed(world, "other") == 2


async def test_an_alert_that_is_not_the_first_starts_no_cooldown(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, COUNTING)
    for number in range(4):
        time.now += 40
        await world.send(world.event(f"e{number}", level=1))

    # e2 is told by burst; the cooldown of each began with e0.
    assert await told(world) == ["each e0", "burst e2", "each e3"]


async def test_an_alert_that_is_not_the_first_is_not_open(
    connection: Connection, time: SetClock
) -> None:
    rules = """
rules:
  - {name: worst, events: [a], when: data.level > 8, cooldown: {for: 1h}, send_to: [noc]}
  - {name: any, events: [a], resolve: {events: [b], by: [data.k]}, send_to: [noc]}
first_of: [worst, any]
"""
    world = World(connection, time, rules)
    for number, (kind, level) in enumerate([("a", 9), ("b", 0), ("a", 1), ("b", 0)]):
        time.now += 60
        await world.send(world.event(f"e{number}", type=kind, level=level, k=1))

    statuses = [(each.alert.rule, each.alert.status) for each in await world.told()]
    assert statuses == [("worst", "firing"), ("any", "firing"), ("any", "resolved")]
    assert await connection.redis.zcard(keys.KEYED_ALERTS) == 2


async def test_what_a_rule_of_a_list_inhibits_is_decided_after_it(
    connection: Connection, time: SetClock
) -> None:
    rules = """
rules:
  - {name: late, events: [a], send_to: [noc]}
  - {name: second, events: [a], send_to: [noc]}
  - {name: first, events: [a], when: data.level > 4, send_to: [noc]}
first_of: [first, second]
inhibitions: [{while: [second], hold_back: [late]}]
"""
    world = World(connection, time, rules)
    await world.send(world.event("e1", level=9))
    assert sorted(await told(world)) == ["first e1", "late e1"]

    await world.send(world.event("e2", level=1))
    assert await told(world) == ["second e2"]


async def test_an_event_that_ends_an_alert_comes_before_nothing(
    connection: Connection, time: SetClock
) -> None:
    rules = """
rules:
  - name: share
    events: [a]
    ratio: {of: data.bad, at_least: 50%, min_events: 2, within: 1h}
    resolve: {back: true}
    send_to: [noc]
  - {name: each, events: [a], send_to: [noc]}
first_of: [share, each]
"""
    world = World(connection, time, rules)
    for number, bad in enumerate([True, True, False, False, False]):
        time.now += 1
        await world.send(world.event(f"e{number}", bad=bad))

    statuses = [
        f"{each.alert.rule} {each.alert.event_id} {each.alert.status}"
        for each in await world.told()
    ]
    assert statuses == [
        "each e0 firing",
        "share e1 firing",
        *("each e2 firing", "each e3 firing", "each e4 firing"),
        "share e1 resolved",
    ]


async def test_events_of_a_batch_that_is_decided_in_several_calls_are_told_once(
    connection: Connection, time: SetClock
) -> None:
    rules = "rules:\n" + "".join(
        f"  - {{name: r{number}, events: [a], count: {{at_least: 1, within: 1m, by: [data.n]}}, send_to: [noc]}}\n"
        for number in range(7)
    )
    names = ", ".join(f"r{number}" for number in range(7))
    world = World(connection, time, f"{rules}first_of: [{names}]\n")

    await world.send(*(world.event(f"e{number}", n=number) for number in range(70)))

    assert sorted(await told(world)) == sorted(f"r0 e{number}" for number in range(70))


@pytest.mark.parametrize("happens", [True, False])
async def test_one_rule_tells_whatever_is_cut_and_run_again(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    """Each command is cut off before or after it took effect, and at last two workers run it."""
    world = World(connection, time, COUNTING)
    batch = await world.accept([world.event(f"e{number}", level=9) for number in range(4)])
    for cut_at in range(1, 8):
        time.now += 1
        with contextlib.suppress(JournalUnavailableError):
            await world.worker(Cutting(connection, cut_at, happens=happens)).run(batch)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(world.worker(connection).run(batch))

    assert sorted(await told(world)) == ["burst e2", "each e0"]


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        # A rule that is new in the list finds what arose in the run that crashed.
        (COUNTING, COUNTING.replace("burst, each, other", "other, burst, each"), ["each e0"]),
        # A rule that does not match any more comes before nothing.
        (
            COUNTING,
            COUNTING.replace("level > 8", "level > 0").replace("[a]\n    cool", "[b]\n    cool"),
            ["other e0"],
        ),
    ],
)
async def test_rules_that_change_before_a_rerun_leave_each_event_one_rule(
    connection: Connection, time: SetClock, before: str, after: str, rules: list[str]
) -> None:
    world = World(connection, time, before)
    batch = await world.accept([world.event("e0", level=1)])
    with contextlib.suppress(JournalUnavailableError):
        await world.worker(Cutting(connection, 3, happens=False)).run(batch)
    world.live.configuration = configuration(after)

    await world.worker(connection).run(batch)

    assert await told(world) == rules
