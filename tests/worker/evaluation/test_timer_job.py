"""Rules that wait: ``absent``, ``group``, ``resolve``, ``escalate``, on a real Redis with a set clock."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.alerts import Alert, AlertStatus, alert_key
from router.destinations.rendering.summary import rfc3339
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection

ABSENT = """
rules:
  - name: never-completed
    events: [partial]
    absent: {event: complete, for: 1h, by: [data.id], when: data.ok}
    send_to: [noc]
"""
GROUP = """
rules:
  - name: many
    events: [a]
    group: {by: [data.account], wait: 30s, interval: 5m}
    summary: "call {{ data.call }}"
    send_to: [noc]
"""
RESOLVE = """
rules:
  - name: down
    events: [down]
    resolve: {events: [up], when: data.ok, by: [data.host]}
    send_to: [noc]
"""
ESCALATE = """
rules:
  - name: urgent
    events: [a]
    resolve: {events: [fine], by: [data.host]}
    escalate:
      - {after: 15m, send_to: [boss]}
      - {after: 30m, send_to: [boss, noc]}
    send_to: [noc]
"""


async def alerts(world: World, destination: str = "noc") -> list[Alert]:
    return [each.alert for each in await world.told(destination)]


def shown(told: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.event_id, str(alert.status)) for alert in told]


async def nothing_is_left(world: World) -> None:
    """No timer, no result, no job of either, and nothing is pending in the ledger."""
    redis = world.connection.redis
    assert await world.timers() == []
    for queue in (keys.TIMER_QUEUE, keys.EVALUATE_QUEUE):
        assert await redis.zcard(queue) == 0
    for pattern in ("router:timer:*", "router:taken:*", "router:answers:*"):
        assert await redis.keys(pattern) == []
    ledger = await world.ledger()
    assert (ledger.pending, ledger.waiting) == (0, 0)


# absent


async def test_what_never_comes_is_told_with_the_event_that_waited(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ABSENT)
    await world.send(world.event("p1", type="partial", id=1))
    await world.passes(3599)
    assert await alerts(world) == []
    assert (await world.ledger()).matched == 1

    await world.passes(1)

    (alert,) = await alerts(world)
    assert (alert.event_id, alert.event_type, alert.raised_at) == ("p1", "partial", time.now)
    assert b'"id":1' in alert.event
    await nothing_is_left(world)
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified) == (1, 1)


@pytest.mark.parametrize("first", ["partial", "complete"])
async def test_what_comes_in_time_is_not_told_whichever_came_first(
    connection: Connection, time: SetClock, first: str
) -> None:
    world = World(connection, time, ABSENT)
    partial = world.event("p", type="partial", id=1, time="2023-11-14T20:00:00Z")
    complete = world.event("c", type="complete", id=1, ok=True, time="2023-11-14T20:01:00Z")
    one, other = (partial, complete) if first == "partial" else (complete, partial)

    await world.send(one)
    await world.passes(3000)
    await world.send(other)
    await nothing_is_left(world)
    assert await connection.redis.zcard(keys.TIMER_QUEUE) == 0
    await world.passes(10_000)

    assert await alerts(world) == []
    assert (await world.ledger()).alerts == 0


async def test_another_key_and_another_condition_end_nothing(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ABSENT)

    await world.send(
        world.event("p1", type="partial", id=1),
        world.event("c2", type="complete", id=2, ok=True),
        world.event("c3", type="complete", id=1, ok=False),
    )
    await world.passes(3600)

    assert shown(await alerts(world)) == [("p1", "firing")]


async def test_several_that_wait_for_the_same_are_one_alert(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ABSENT)
    await world.send(world.event("p1", type="partial", id=1))
    await world.passes(1800)
    await world.send(world.event("p2", type="partial", id=1))

    await world.passes(7200)

    assert shown(await alerts(world)) == [("p1", "firing")]


async def test_a_heartbeat_is_missed_once_it_stops(connection: Connection, time: SetClock) -> None:
    world = World(
        connection,
        time,
        """
rules:
  - name: silent-host
    events: [beat]
    absent: {event: beat, for: 5m, by: [data.host]}
    send_to: [noc]
""",
    )
    for number in range(4):
        await world.send(world.event(f"b{number}", type="beat", host="h"))
        await world.passes(200)
    assert await alerts(world) == []

    await world.passes(200)

    assert shown(await alerts(world)) == [("b3", "firing")]
    await nothing_is_left(world)


async def test_an_absence_goes_through_the_cooldown(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, ABSENT + "    cooldown: {for: 1d}\n")
    await world.send(*(world.event(f"p{n}", type="partial", id=n) for n in range(3)))

    await world.passes(3600)

    assert len(await alerts(world)) == 1
    assert (await world.ledger()).suppressed_alerts == {"cooldown": 2}


# group


async def test_many_alerts_are_one_message_and_later_ones_the_next(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, GROUP)
    await world.send(world.event("e1", account="AC1", call=1))
    await world.passes(10)
    await world.send(*(world.event(f"e{n}", account="AC1", call=n) for n in range(2, 5)))
    assert await alerts(world) == []
    assert (await world.ledger()).waiting == 4

    await world.passes(20)
    (first,) = await alerts(world)
    await world.send(world.event("e5", account="AC1", call=5))
    await world.passes(299)
    assert await alerts(world) == []
    await world.passes(1)
    (second,) = await alerts(world)
    await world.passes(300)

    assert (first.event_id, first.grouped) == ("e1", 4)
    assert [member.summary for member in first.members] == ["call 2", "call 3", "call 4"]
    assert (second.event_id, second.grouped, second.members) == ("e5", 1, ())
    assert first.key == second.key
    await nothing_is_left(world)
    assert await connection.redis.keys("router:state:*") == []
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified, ledger.matched) == (5, 5, 5)


async def test_a_group_of_many_keeps_some_and_counts_all(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, GROUP)
    await world.send(*(world.event(f"e{n}", account="AC1", call=n) for n in range(50)))

    await world.passes(30)

    (message,) = await alerts(world)
    assert (message.grouped, len(message.members)) == (50, 19)
    assert (await world.ledger()).notified == 50


async def test_groups_are_told_apart(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, GROUP)
    await world.send(*(world.event(f"e{n}", account=f"AC{n % 2}", call=n) for n in range(4)))

    await world.passes(30)

    assert sorted(alert.grouped for alert in await alerts(world)) == [2, 2]


async def test_what_a_cooldown_held_back_is_said_in_the_group(
    connection: Connection, time: SetClock
) -> None:
    rules = GROUP + "    cooldown: {for: 1m, by: [data.account]}\n"
    world = World(connection, time, rules)
    await world.send(*(world.event(f"e{n}", account="AC1") for n in range(3)))
    await world.passes(60)
    await alerts(world)
    await world.send(world.event("e9", account="AC1"))

    await world.passes(300)

    (message,) = await alerts(world)
    assert (message.event_id, message.held_back) == ("e9", 2)


# resolve


async def test_a_later_event_ends_the_alert_where_it_was_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE)
    await world.send(world.event("d1", type="down", host="h1"))
    await world.passes(60)
    await world.send(
        world.event("u1", type="up", host="h1", ok=False),
        world.event("u2", type="up", host="h2", ok=True),
        world.event("u3", type="up", host="h1", ok=True),
        world.event("u4", type="up", host="h1", ok=True),
    )

    firing, resolved = await alerts(world)
    assert (firing.status, resolved.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert (resolved.key, resolved.event_id) == (firing.key, "d1")
    assert resolved.id != firing.id
    assert resolved.raised_at == time.now
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified, ledger.matched, ledger.filtered) == (1, 1, 4, 1)


async def test_an_event_from_before_the_alert_does_not_end_it(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE)
    await world.send(world.event("d1", type="down", host="h", time="2023-11-14T20:00:00Z"))

    await world.send(world.event("u1", type="up", host="h", ok=True, time="2023-11-14T19:59:29Z"))
    assert len(await alerts(world)) == 1
    await world.send(world.event("u2", type="up", host="h", ok=True, time="2023-11-14T20:00:01Z"))

    assert shown(await alerts(world)) == [("d1", "resolved")]


async def test_monitors_whose_clocks_differ_resolve_an_alert(
    connection: Connection, time: SetClock
) -> None:
    """Case R12: the end has an earlier time and comes later."""
    world = World(connection, time, RESOLVE)
    await world.send(world.event("d1", type="down", host="h", time="2023-11-14T20:00:00Z"))

    await world.send(world.event("u1", type="up", host="h", ok=True, time="2023-11-14T19:59:59Z"))

    assert [alert.status for alert in await alerts(world)] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("source", "seconds", "expected"),
    [
        ("one", 1, []),
        ("one", 40, []),
        ("other", 1, ["d1"]),
        ("other", 40, []),
    ],
)
async def test_an_alert_that_arrives_after_its_end_is_ordered_by_the_clock_of_its_sender(
    connection: Connection, time: SetClock, source: str, seconds: int, expected: list[str]
) -> None:
    world = World(connection, time, RESOLVE)
    before = rfc3339(time.now - 100 - seconds)
    up = world.event("u1", type="up", host="h", ok=True, time=rfc3339(time.now - 100), source="one")
    await world.send(up)

    await world.send(world.event("d1", type="down", host="h", time=before, source=source))

    assert [alert.event_id for alert in await alerts(world)] == expected


def at(second: int) -> str:
    return f"2023-11-14T20:00:{second:02}Z"


async def test_an_alert_whose_end_came_before_it_is_not_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE)
    await world.send(world.event("u1", type="up", host="h", ok=True, time=at(30)))

    await world.send(
        world.event("d1", type="down", host="h", time=at(29)),
        world.event("d2", type="down", host="other", time=at(29)),
        world.event("d3", type="down", host="h", time=at(30)),
    )

    assert shown(await alerts(world)) == [("d2", "firing"), ("d3", "firing")]
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified, ledger.suppressed_alerts, ledger.suppressed) == (
        3,
        2,
        {"resolved": 1},
        1,
    )


async def test_an_end_counts_for_later_comers_too_when_it_ended_an_alert(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE)
    await world.send(world.event("d1", type="down", host="h", time=at(1)))
    await world.send(world.event("u1", type="up", host="h", ok=True, time=at(30)))
    await world.send(world.event("u0", type="up", host="h", ok=True, time=at(3)))
    await alerts(world)

    await world.send(world.event("d2", type="down", host="h", time=at(20)))

    assert await alerts(world) == []


async def test_an_end_is_remembered_for_four_hours(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RESOLVE)
    await world.send(world.event("u1", type="up", host="h", ok=True, time=at(30)))
    await world.passes(4 * 3600 - 1)
    await world.send(world.event("d1", type="down", host="h", time=at(1)))
    assert await alerts(world) == []
    await world.passes(1)

    await world.send(world.event("d2", type="down", host="h", time=at(1)))

    assert shown(await alerts(world)) == [("d2", "firing")]


async def test_what_is_overdue_is_told_whatever_came_before(
    connection: Connection, time: SetClock
) -> None:
    """A host's last heartbeats came in the wrong order, and then none."""
    rules = """
rules:
  - name: host-silent
    events: [beat]
    absent: {event: beat, for: 5m, by: [data.host]}
    resolve: {events: [beat], by: [data.host]}
    send_to: [noc]
"""
    world = World(connection, time, rules)
    await world.send(world.event("b2", type="beat", host="h", time=at(30)))
    await world.send(world.event("b1", type="beat", host="h", time=at(20)))

    await world.passes(300)

    assert shown(await alerts(world)) == [("b1", "firing")]


async def test_an_alert_that_nobody_was_told_of_ends_in_silence(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE + "    cooldown: {for: 1h}\n")
    await world.send(world.event("d1", type="down", host="h1"))
    await world.send(world.event("d2", type="down", host="h2"))
    await alerts(world)

    await world.send(world.event("u2", type="up", host="h2", ok=True))

    assert await alerts(world) == []


async def test_an_alert_that_is_over_leaves_its_group(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE + "    group: {wait: 30s}\n")
    await world.send(*(world.event(f"d{n}", type="down", host=f"h{n}") for n in range(3)))
    await world.send(world.event("u0", type="up", host="h0", ok=True))
    await world.passes(30)
    (message,) = await alerts(world)
    await world.send(world.event("u1", type="up", host="h1", ok=True))

    assert (message.event_id, message.grouped, len(message.members)) == ("d1", 2, 1)
    assert shown(await alerts(world)) == [("d1", "resolved")]
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified, ledger.suppressed_alerts, ledger.waiting) == (
        3,
        2,
        {"resolved": 1},
        0,
    )


async def test_a_group_is_told_of_those_that_came_late_when_the_first_ones_are_over(
    connection: Connection, time: SetClock
) -> None:
    """Of a group the first twenty alerts are kept, the others counted."""
    world = World(connection, time, RESOLVE + "    group: {wait: 30s}\n")
    await world.send(*(world.event(f"d{n}", type="down", host=f"h{n}") for n in range(25)))
    await world.send(*(world.event(f"u{n}", type="up", host=f"h{n}", ok=True) for n in range(20)))

    await world.passes(30)

    (message,) = await alerts(world)
    assert (message.event_id, message.grouped, len(message.members)) == ("d20", 5, 4)
    ledger = await world.ledger()
    assert (ledger.notified, ledger.suppressed_alerts, ledger.waiting) == (5, {"resolved": 20}, 0)


async def test_a_group_of_which_all_are_over_is_not_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RESOLVE + "    group: {wait: 30s}\n")
    await world.send(world.event("d1", type="down", host="h"))
    await world.send(world.event("u1", type="up", host="h", ok=True))

    await world.passes(30)

    assert await alerts(world) == []
    await nothing_is_left(world)


# escalate


async def test_more_are_told_level_by_level_until_the_last(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ESCALATE)
    await world.send(world.event("e1", host="h"))
    (first,) = await alerts(world)
    await world.passes(899)
    assert await alerts(world, "boss") == []

    await world.passes(1)
    (level_one,) = await alerts(world, "boss")
    await world.passes(1800)
    (level_two,) = await alerts(world, "boss")

    assert (first.escalation, level_one.escalation, level_two.escalation) == (0, 1, 2)
    assert len({first.id, level_one.id, level_two.id}) == 3
    assert first.key == level_one.key == level_two.key
    assert len(await alerts(world)) == 1
    await nothing_is_left(world)
    assert (await world.ledger()).alerts == 1


async def test_an_acknowledged_alert_does_not_escalate_and_the_next_one_does(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ESCALATE)
    acknowledgements = Acknowledgements(connection)
    await world.send(world.event("e1", host="h"))
    (told,) = await alerts(world)
    await world.passes(60)
    await acknowledgements.acknowledge(told.key, "ann", time.now)
    await world.passes(3600)
    assert await alerts(world, "boss") == []
    await nothing_is_left(world)

    await world.send(world.event("e2", host="h"))
    await world.passes(900)

    assert shown(await alerts(world, "boss")) == [("e2", "firing")]


async def test_a_resolved_alert_stops_escalating_and_all_who_were_told_hear_of_it(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ESCALATE)
    await world.send(world.event("e1", host="h1"), world.event("e2", host="h2"))
    await world.passes(600)
    await world.send(world.event("f1", type="fine", host="h1"))
    await world.passes(400)
    await world.send(world.event("f2", type="fine", host="h2"))
    await world.passes(10_000)

    assert shown(await alerts(world, "boss")) == [("e2", "firing"), ("e2", "resolved")]
    assert [str(alert.status) for alert in await alerts(world)].count("resolved") == 2
    await nothing_is_left(world)


async def test_repeated_alerts_of_a_key_escalate_once(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ESCALATE)
    await world.send(*(world.event(f"e{n}", host="h") for n in range(3)))

    await world.passes(900)

    assert shown(await alerts(world, "boss")) == [("e0", "firing")]


async def test_a_rule_without_keys_escalates_each_alert_by_itself(
    connection: Connection, time: SetClock
) -> None:
    world = World(
        connection,
        time,
        """
rules:
  - name: plain
    events: [a]
    send_to: [noc]
    escalate: {after: 10m, send_to: [boss]}
""",
    )
    await world.send(world.event("e1"), world.event("e2"))
    first, _ = await alerts(world)
    await Acknowledgements(connection).acknowledge(first.key, "ann", time.now)

    await world.passes(600)

    assert shown(await alerts(world, "boss")) == [("e2", "firing")]


async def test_a_group_escalates_as_one(connection: Connection, time: SetClock) -> None:
    rules = GROUP + "    escalate: {after: 10m, send_to: [boss]}\n"
    world = World(connection, time, rules)
    await world.send(*(world.event(f"e{n}", account="AC1", call=n) for n in range(3)))
    await world.passes(30)
    await alerts(world)

    await world.passes(600)

    (message,) = await alerts(world, "boss")
    assert (message.grouped, message.escalation) == (3, 1)


# crashes and races

ALL = """
rules:
  - name: grouped
    events: [down]
    group: {wait: 30s}
    resolve: {events: [up], by: [data.host]}
    escalate: {after: 5m, send_to: [boss]}
    send_to: [noc]
  - name: expecting
    events: [down]
    absent: {event: up, for: 2m, by: [data.host]}
    cooldown: {for: 1h, by: [data.host]}
    send_to: [noc]
"""


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize("cut_at", [1, 2, 3, 4, 5])
async def test_timers_cut_anywhere_and_fired_again_by_two_workers_tell_once(
    connection: Connection, time: SetClock, cut_at: int, *, happens: bool
) -> None:
    world = World(connection, time, ALL)
    await world.send(*(world.event(f"d{n}", type="down", host=f"h{n}") for n in range(3)))
    await world.send(world.event("u0", type="up", host="h0"))

    while timers := await world.timers():
        timer_id, wait = timers[0]
        time.now += max(0.0, wait)
        cut = world.timer_worker(Cutting(connection, cut_at, happens=happens))
        with contextlib.suppress(JournalUnavailableError):
            await cut.run(timer_id)
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(world.timer_worker(connection).run(timer_id))

    told = await alerts(world)
    assert sorted((alert.rule, alert.event_id, alert.grouped) for alert in told) == [
        ("expecting", "d1", 1),
        ("expecting", "d2", 1),
        ("grouped", "d1", 2),
    ]
    assert shown(await alerts(world, "boss")) == [("d1", "firing")]
    await nothing_is_left(world)
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.notified, ledger.suppressed_alerts) == (5, 4, {"resolved": 1})


async def test_the_sweeper_gives_a_timer_that_lost_its_job_another(
    connection: Connection, time: SetClock
) -> None:
    from router.journal.sweeper import Sweeper

    world = World(connection, time, GROUP)
    await world.send(world.event("e1", account="AC1"))
    ((timer_id, _),) = await world.timers()
    await connection.redis.delete(keys.job(timer_id))
    await connection.redis.delete(keys.TIMER_QUEUE)
    sweeper = Sweeper(connection, list, world.clock)

    assert await sweeper.sweep() == 0  # it is not due
    time.now += 31
    assert await sweeper.sweep() == 1

    assert await connection.redis.zrange(keys.TIMER_QUEUE, 0, -1) == [timer_id.encode()]


ROUTED = """
routes:
  - {match: {team: boss}, send_to: [boss]}
  - {send_to: [noc]}
rules:
  - name: many
    events: [a]
    labels: {team: "{{ data.team }}"}
    group: {wait: 30s}
"""


async def test_alerts_for_different_destinations_are_different_messages(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, ROUTED)
    await world.send(*(world.event(f"e{n}", team=["boss", "ops"][n % 2]) for n in range(5)))

    await world.passes(30)

    (to_boss,), (to_noc,) = await alerts(world, "boss"), await alerts(world)
    assert (to_boss.event_id, to_boss.grouped, to_boss.labels) == ("e0", 3, {"team": "boss"})
    assert (to_noc.event_id, to_noc.grouped) == ("e1", 2)


@pytest.mark.parametrize("group", ["", "    group: {wait: 30s}\n"])
async def test_all_who_were_told_of_an_alert_hear_that_it_is_over_and_nobody_else(
    connection: Connection, time: SetClock, group: str
) -> None:
    rules = ROUTED.replace("    group: {wait: 30s}\n", group)
    world = World(connection, time, rules + "    resolve: {events: [c], by: [data.host]}\n")
    await world.send(
        world.event("e1", team="boss", host="h1"),
        world.event("e2", team="ops", host="h1"),
        world.event("e3", team="ops", host="h2"),
    )
    await world.passes(30)
    await alerts(world)
    await alerts(world, "boss")

    await world.send(*(world.event(f"c{n}", type="c", host=f"h{n}") for n in range(3)))

    assert [alert.key for alert in await alerts(world, "boss")] == [
        alert_key("many", ('"h1"',)),
    ]
    assert [str(alert.status) for alert in await alerts(world)] == ["resolved", "resolved"]
