"""Looks at keyed alerts in Redis: opened in pages, after changes too, and forgotten in the end."""

import msgspec
import pytest
from support.clock import SetClock
from support.world import World, configuration

from router.alerts import AlertStatus
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import TimerId
from router.rules.state.keyed_alert import AlertRecord
from router.rules.state.look import PAGE, ResolutionTimer

RULES = """
rules:
  - name: trunk
    events: [down]
    resolve: {events: [up], by: [data.k], within: 1h}
    send_to: [noc]
"""
SILENCED = """
silences:
  - {match: {rule: trunk}, ends: "2023-11-20T00:00:00Z", author: ann, comment: works}
"""
OTHER = "rules: [{name: other, events: [x], send_to: [noc]}]"
DAY = 86_400


async def record_of(world: World) -> AlertRecord | None:
    """The record of the only keyed alert; None if there is none."""
    found = await world.connection.redis.keys(keys.keyed_alert("*"))
    if not found:
        return None
    packed = await world.connection.redis.hget(found[0], "record")
    return msgspec.msgpack.decode(packed, type=AlertRecord)


def reload(world: World, rules: str) -> None:
    world.live.configuration = configuration(rules)


async def told(world: World) -> list[tuple[str, AlertStatus]]:
    return [(each.alert.event_id, each.alert.status) for each in await world.told()]


async def test_alerts_are_judged_page_by_page(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES + SILENCED)
    events = [world.event(str(n), type="down", k=n) for n in range(PAGE + 10)]
    await world.send(*events)
    reload(world, RULES)
    await world.looks.look_at_all()

    first, second, third = [await world.looks.open_due() for _ in range(3)]

    assert (first.judged, first.has_more) == (PAGE, True)
    assert first.judged + second.judged + third.judged == len(events)
    await world.passes(0)
    assert len(await world.told()) == len(events)


async def test_two_workers_open_no_look_twice(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES + SILENCED)
    await world.send(world.event("1", type="down", k=1))
    reload(world, RULES)
    await world.looks.look_at_all()

    opened = [(await world.looks.open_due()).judged for _ in range(4)]

    assert sum(opened) == 1
    assert await connection.redis.zcard(keys.TIMERS) == 1


async def test_an_alert_that_is_over_expires_and_is_forgotten(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("1", type="down", k=1))

    await world.passes(3600)
    over = await record_of(world)
    await world.passes(3600)

    assert over is not None
    assert (over.status, over.log[-1].change) == ("resolved", "expired")
    assert await record_of(world) is None
    for name in (keys.KEYED_ALERTS, keys.LOOKS, keys.ALERT_COUNTS):
        assert not await connection.redis.exists(name)


async def test_a_resolved_alert_is_kept_for_a_day(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("1", type="down", k=1), world.event("2", type="up", k=1))

    await world.passes(DAY - 1)
    kept = await record_of(world)
    await world.passes(1)

    assert kept is not None
    assert kept.told["noc"].status == "resolved"
    assert await record_of(world) is None


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (RULES, [("1", AlertStatus.FIRING)]),
        (RULES.replace("[data.k]", "[data.k, data.x]"), []),
        (RULES.replace("    send_to", "    mode: shadow\n    send_to"), []),
    ],
    ids=["the silence is gone", "another key", "in shadow"],
)
async def test_a_reload_has_open_alerts_judged_by_the_new_rules(
    connection: Connection, time: SetClock, after: str, expected: list[tuple[str, AlertStatus]]
) -> None:
    world = World(connection, time, RULES + SILENCED)
    await world.send(world.event("1", type="down", k=1))

    reload(world, after)
    await world.looks.look_at_all()
    await world.passes(0)

    assert await told(world) == expected
    record = await record_of(world)
    assert record is not None
    assert record.status == ("firing" if expected else "resolved")


async def test_a_change_of_resolve_forgets_no_open_alert(
    connection: Connection, time: SetClock
) -> None:
    """Case R14."""
    world = World(connection, time, RULES)
    await world.send(world.event("1", type="down", k=1))
    await world.told()

    reload(world, RULES.replace("within: 1h", "within: 2h"))
    world.evaluate = world.worker(connection)
    await world.send(world.event("2", type="up", k=1))

    assert await told(world) == [("1", AlertStatus.RESOLVED)]


async def test_an_alert_whose_rule_is_gone_is_left_to_others_and_ends_at_last(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("1", type="down", k=1))
    reload(world, OTHER)
    await world.looks.look_at_all()
    await world.unknown.check()

    await world.passes(30)
    waiting = await record_of(world)
    for _ in range(80):
        await world.passes(10)
        await world.unknown.check()

    ended = await record_of(world)
    assert waiting is not None
    assert ended is not None
    assert (waiting.status, ended.status) == ("firing", "resolved")
    assert (ended.log[-1].change, ended.log[-1].detail) == ("expired", "rule_gone")


async def test_an_operator_resolves_an_alert_once(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    await world.send(world.event("1", type="down", k=1))
    ((firing,),) = [await world.told()]
    timer = ResolutionTimer(
        due_at=time.now, rule="trunk", state="alert", key=firing.alert.key, by="ann"
    )
    for number in ("a", "b"):
        await connection.redis.set(keys.timer(TimerId(number)), msgspec.msgpack.encode(timer))
        await world.timer_worker(connection).run(TimerId(number))

    assert await told(world) == [("1", AlertStatus.RESOLVED)]
    record = await record_of(world)
    assert record is not None
    assert (record.log[-1].change, record.log[-1].detail) == ("resolved", "ann")


async def test_a_page_that_is_run_twice_tells_once(connection: Connection, time: SetClock) -> None:
    """The worker ends between ``decide`` and ``finish``: another one has the same result."""
    world = World(connection, time, RULES + SILENCED)
    await world.send(world.event("1", type="down", k=1))
    reload(world, RULES)
    await world.looks.look_at_all()
    await world.looks.open_due()
    ((timer_id, _),) = await world.timers()
    job = world.timer_worker(connection)

    begun = await job._journal.timers.begin(timer_id)
    assert begun is not None
    await job._decide(timer_id, begun.timer, 1)
    await job.run(timer_id)

    assert await told(world) == [("1", AlertStatus.FIRING)]


async def test_alerts_that_another_one_inhibits_still_are_judged_once(
    connection: Connection, time: SetClock
) -> None:
    """Seen to go on for ever if a look adds an alert to the set from which looks are taken."""
    rules = """
rules:
  - {name: trunk, events: [down], resolve: {events: [up], by: [data.k]}, send_to: [noc]}
  - {name: site, events: [site.down], resolve: {events: [site.up], by: [data.k]}, send_to: [boss]}
inhibitions: [{while: [site], hold_back: [trunk], equal: [], for: 1h}]
"""
    world = World(connection, time, rules)
    await world.send(*(world.event(f"s{n}", type="site.down", k=n) for n in range(2)))
    await world.send(*(world.event(str(n), type="down", k=n) for n in range(2 * PAGE)))
    await world.send(world.event("s2", type="site.up", k=0))

    workers, judged = world.timer_worker(connection), 0
    for _ in range(12):
        judged += (await world.looks.open_due()).judged
        for timer_id, _ in await world.timers():
            await workers.run(timer_id)

    assert judged == 2 * PAGE
    assert await world.told() == []


async def test_a_set_of_inhibited_alerts_that_is_none_stops_no_other_look(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES + SILENCED)
    await world.send(world.event("1", type="down", k=1))
    await connection.redis.set("router:state:x:y:inhibited:ended", "junk")
    await connection.redis.zadd(keys.LOOKS, {"!router:state:x:y:inhibited:ended": 1})
    await world.looks.look_at_all()

    assert sum([(await world.looks.open_due()).judged for _ in range(3)]) == 1
