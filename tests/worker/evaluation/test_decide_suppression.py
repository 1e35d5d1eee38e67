"""What keeps a rule quiet: silences, mute times, inhibitions, shadow, on a real Redis."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection
from router.timestamps import unix_seconds

RULE = """
rules:
  - {name: one, events: [a], severity: info, send_to: [noc]}
  - {name: two, events: [b], severity: critical, labels: {team: voice}, send_to: [noc]}
"""


def silence(what: str, *, starts: str = "", ends: str = "2023-11-15T00:00:00Z") -> str:
    start = f'starts: "{starts}", ' if starts else ""
    return f'silences: [{{{what}, {start}ends: "{ends}", author: ann, comment: work}}]\n'


@pytest.mark.parametrize(
    ("what", "holds"),
    [
        ("match: {rule: one}", True),
        ("match: {rule: [one, two]}", True),
        ("match: {rule: two}", False),
        ("match: {rule: {matches: ^o}, severity: info}", True),
        ("match: {severity: critical}", False),
        ("match: {data.host: h1}", True),
        ("match: {data.host: h2}", False),
        ("match: {data.host: {prefix: h}, event.type: a}", True),
        ("match: {data.missing: 1}", False),
        ("match: {labels.team: voice}", False),
        ("when: \"rule == 'one' && data.host in ['h1']\"", True),
        ("when: severity != 'info'", False),
        ("match: {rule: one}, when: data.host == 'h2'", False),
        ("when: size(key) > 0 && !has(labels.team)", True),
    ],
)
async def test_a_silence_holds_back_what_it_asks_for(
    connection: Connection, time: SetClock, what: str, *, holds: bool
) -> None:
    world = World(connection, time, RULE + silence(what))

    await world.send(world.event("e1", host="h1"))

    assert len(await world.told()) == (0 if holds else 1)
    ledger = await world.ledger()
    assert (ledger.suppressed, ledger.matched) == ((1, 0) if holds else (0, 1))
    counted = world.metric("router_alerts_suppressed_total", rule="one", reason="silenced")
    assert counted == (1 if holds else 0)


async def test_a_silence_begins_and_ends(connection: Connection, time: SetClock) -> None:
    time.now = unix_seconds("2023-11-14T21:59:59Z")
    rules = RULE + silence(
        "match: {rule: one}", starts="2023-11-14T22:00:00Z", ends="2023-11-14T22:00:10Z"
    )
    world = World(connection, time, rules)

    for number in range(12):
        await world.send(world.event(str(number)))
        time.now += 1

    assert [each.alert.event_id for each in await world.told()] == ["0", "11"]


async def test_what_is_silenced_takes_no_cooldown_and_is_counted(
    connection: Connection, time: SetClock
) -> None:
    rules = """
rules:
  - name: one
    events: [a]
    count: {at_least: 2, within: 1h}
    cooldown: {for: 1d}
    send_to: [noc]
"""
    time.now = unix_seconds("2023-11-14T21:59:59Z")
    world = World(
        connection, time, rules + silence("match: {rule: one}", ends="2023-11-14T22:00:00Z")
    )
    await world.send(*(world.event(str(number)) for number in range(3)))
    time.now += 1

    await world.send(world.event("3"))

    assert [each.alert.event_id for each in await world.told()] == ["3"]
    assert (await world.ledger()).suppressed_alerts == {"silenced": 1}


async def test_a_silence_that_comes_while_a_group_waits_holds_it_back(
    connection: Connection, time: SetClock
) -> None:
    rules = """
rules:
  - name: one
    events: [a]
    group: {wait: 30s}
    send_to: [noc]
"""
    world = World(connection, time, rules)
    await world.send(*(world.event(str(number), host=f"h{number % 2}") for number in range(4)))
    silenced = World(connection, time, rules + silence("match: {data.host: h0}"))

    await silenced.passes(30)

    (delivery,) = await silenced.told()
    assert (delivery.alert.event_id, delivery.alert.grouped) == ("1", 2)
    ledger = await silenced.ledger()
    assert (ledger.alerts, ledger.notified, ledger.suppressed_alerts, ledger.waiting) == (
        4,
        2,
        {"silenced": 2},
        0,
    )


async def test_a_silenced_group_is_held_back_whole(connection: Connection, time: SetClock) -> None:
    rules = "rules: [{name: one, events: [a], group: {wait: 30s}, send_to: [noc]}]\n"
    world = World(connection, time, rules)
    await world.send(*(world.event(str(number)) for number in range(30)))
    silenced = World(connection, time, rules + silence("match: {rule: one}"))

    await silenced.passes(30)

    assert await silenced.told() == []
    ledger = await silenced.ledger()
    assert (ledger.notified, ledger.suppressed_alerts, ledger.waiting) == (0, {"silenced": 30}, 0)


GROUPED = """
rules:
  - name: one
    events: [a]
    group: {wait: 30s, interval: 1m}
    resolve: {events: [up], by: [data.host]}
    send_to: [noc]
"""


async def test_nobody_hears_that_it_is_over_who_was_not_told(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, GROUPED)
    await world.send(*(world.event(str(number), host=f"h{number}") for number in range(30)))
    silenced = World(connection, time, GROUPED + silence("match: {rule: one}"))
    await silenced.passes(30)

    await world.send(*(world.event(f"u{n}", type="up", host=f"h{n}") for n in range(30)))

    assert await world.told() == []


async def test_of_a_group_that_is_partly_silenced_only_the_heard_part_is_over_later(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, GROUPED)
    hosts = {"1": "told", "2": "silenced", "3": "both", "4": "both"}
    # One that was told before its group was silenced is over for those who heard of it.
    await world.send(world.event("0", host="before"))
    await world.passes(30)
    await world.send(world.event("5", host="before", quiet=True))
    for number, host in hosts.items():
        await world.send(world.event(number, host=host, quiet=number in "24"))
    silenced = World(connection, time, GROUPED + silence("when: has(data.quiet) && data.quiet"))
    await silenced.passes(60)
    await world.told()

    for host in (*hosts.values(), "before"):
        await world.send(world.event(f"u {host}", type="up", host=host))

    over = [delivery.alert for delivery in await world.told()]
    assert [alert.event_id for alert in over] == ["1", "4", "5"]
    assert {str(alert.status) for alert in over} == {"resolved"}


async def test_a_rule_is_muted_at_its_times(connection: Connection, time: SetClock) -> None:
    rules = """
mute_times:
  nights: {time_zone: Europe/Berlin, times: [{from: "18:00", to: "08:00"}]}
rules:
  - {name: day, events: [a], mute_times: [nights], send_to: [noc]}
  - {name: always, events: [a], send_to: [noc]}
"""
    time.now = unix_seconds("2023-11-14T23:30:00+01:00")
    world = World(connection, time, rules)
    await world.send(world.event("night"))
    await world.passes(9 * 3600)
    await world.send(world.event("day"))

    told = [(each.alert.rule, each.alert.event_id) for each in await world.told()]
    assert sorted(told) == [("always", "day"), ("always", "night"), ("day", "day")]
    assert world.metric("router_alerts_suppressed_total", rule="day", reason="muted") == 1


async def test_a_muted_rule_does_not_escalate_into_the_night(
    connection: Connection, time: SetClock
) -> None:
    rules = """
mute_times:
  nights: {times: [{from: "18:00", to: "08:00"}]}
rules:
  - name: one
    events: [a]
    mute_times: [nights]
    escalate: [{after: 1h, send_to: [boss]}, {after: 14h, send_to: [boss]}]
    send_to: [noc]
"""
    time.now = unix_seconds("2023-11-14T17:30:00Z")
    world = World(connection, time, rules)
    await world.send(world.event("e"))

    await world.passes(24 * 3600)

    assert [each.alert.escalation for each in await world.told("boss")] == [1]  # at 08:00


INHIBIT = """
rules:
  - name: bad-call
    events: [call]
    send_to: [noc]
  - name: region-down
    events: [down]
    RESOLVE
    send_to: [boss]
inhibitions:
  - {while: [region-down], hold_back: [bad-call], equal: [data.region], for: 1h}
"""
RESOLVED = "resolve: {events: [up], by: [data.region]}"


async def test_while_one_rule_fires_another_s_alerts_of_the_same_key_wait(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, INHIBIT.replace("RESOLVE", "cooldown: {for: 1d}"))
    await world.send(
        world.event("c0", type="call", region="de"),
        world.event("d1", type="down", region="de"),
        world.event("c1", type="call", region="de"),
        world.event("c2", type="call", region="ie"),
    )
    await world.passes(3599)
    await world.send(world.event("c3", type="call", region="de"))
    await world.passes(1)
    await world.send(world.event("c4", type="call", region="de"))

    assert [each.alert.event_id for each in await world.told()] == ["c0", "c2", "c4"]
    assert world.metric("router_alerts_suppressed_total", rule="bad-call", reason="inhibited") == 2


async def test_inhibition_ends_when_the_alert_is_resolved(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, INHIBIT.replace("RESOLVE", RESOLVED))
    await world.send(world.event("d1", type="down", region="de"))
    await world.send(world.event("c1", type="call", region="de"))
    await world.send(world.event("u1", type="up", region="ie"))
    await world.send(world.event("c2", type="call", region="de"))

    await world.send(world.event("u2", type="up", region="de"))
    await world.send(world.event("c3", type="call", region="de"))

    assert [each.alert.event_id for each in await world.told()] == ["c3"]


async def test_an_event_that_both_rules_hold_for_is_told_by_the_one_that_inhibits(
    connection: Connection, time: SetClock
) -> None:
    both = INHIBIT.replace("RESOLVE", "cooldown: {for: 1d}").replace("[down]", "[call]")
    world = World(connection, time, both)

    await world.send(world.event("c", type="call", region="de"))

    assert await world.told() == []
    assert len(await world.told("boss")) == 1


async def test_a_rule_in_shadow_does_not_hold_others_back_and_a_silenced_one_does(
    connection: Connection, time: SetClock
) -> None:
    text = INHIBIT.replace("RESOLVE", RESOLVED + "\n    MODE")
    shadow = World(connection, time, text.replace("MODE", "mode: shadow"))
    await shadow.send(shadow.event("d1", type="down", region="de"))
    await shadow.send(shadow.event("c1", type="call", region="de"))
    assert len(await shadow.told()) == 1

    unheard = World(
        connection, time, text.replace("MODE", "") + silence("match: {rule: region-down}")
    )
    await unheard.send(unheard.event("d2", type="down", region="de"))
    await unheard.send(unheard.event("c2", type="call", region="de"))

    assert await unheard.told() == []
    assert await unheard.told("boss") == []


async def test_a_shadow_rule_waits_and_tells_nobody(connection: Connection, time: SetClock) -> None:
    rules = """
rules:
  - name: one
    events: [a]
    mode: shadow
    absent: {event: b, for: 1m}
    group: {wait: 30s}
    resolve: {events: [c]}
    escalate: {after: 1m, send_to: [boss]}
    send_to: [noc]
"""
    world = World(connection, time, rules)
    await world.send(world.event("1"))
    await world.passes(3600)
    await world.send(world.event("2", type="c"))

    assert await world.told() == await world.told("boss") == []
    ledger = await world.ledger()
    assert (ledger.alerts, ledger.suppressed_alerts) == (1, {"shadow": 1})
